// SPDX-License-Identifier: Apache-2.0
// RouterFilter: answers one stream by its route: here (redirect, direct response, an error) or from upstream.
//
//   request head -> route -> endpoint -> connection -> request streams out, response streams in -> done
//
// Bodies pass through as the buffers move; a slow side pauses the other by BodyFlow. The route timeout starts when the
// request is complete.
//
// A tunnel (http/codec.h) is a request whose body is held until the upstream has accepted it; from then on each side
// ends by itself and the route timeout, which ran for the handshake, does not apply. A CONNECT may end here instead
// (connect_config): the upstream is then a raw connection that has accepted it as soon as it is there (raw_upstream.h).
//
// Copies of a request may go elsewhere (mirror.h). A redirect of the upstream may be followed here
// (internal_redirect_policy): the request, whose body was kept as for a retry, begins anew with another address.
//
// A retry policy (retry_state.h) tries again what has failed, or was answered by what it names, after a wait; the body
// is kept meanwhile as below. A body that outgrows that limit ends the retries: retry_or_shadow_abandoned.
//
// Where no policy covers the case (the third kind: whatever it says) a request is repeated where only this proxy can
// know that it is safe, if what was sent of the body is still at hand (the listener's
// per_connection_buffer_limit_bytes, at most 1 MiB: references to the blocks that pass through, no copies), and but for
// the second kind on a fresh connection:
//   - once, when a connection from the pool was closed by the upstream before it answered anything (typically its idle
//     timeout, at the moment of our request), and the method is idempotent (RFC 9110 9.2.2) or nothing had reached the
//     socket
//   - once, when the upstream said that it has not looked at the request (REFUSED_STREAM)
//   - up to kMostMoves times, when the request crossed the GOAWAY of an orderly end: servers end a connection after so
//     many requests, under all that are on their way
// The cluster's max_retries bounds how many of the first two there are at a time. It protects an upstream that has
// trouble; the third kind is no trouble, and costs the upstream nothing.
#pragma once

#include <memory>
#include <random>
#include <vector>

#include "proxy/http/stream.h"
#include "proxy/network/timer_wheel.h"
#include "proxy/router/cluster_choice.h"
#include "proxy/router/envoy_orders.h"
#include "proxy/router/header_mutation.h"
#include "proxy/router/mirror.h"
#include "proxy/router/retry_state.h"
#include "proxy/router/route_table.h"
#include "proxy/router/router_stats.h"
#include "proxy/upstream/cluster_manager.h"
#include "proxy/upstream/fast_random.h"
#include "proxy/upstream/thread_pooled.h"

namespace heirloom::router {

// What the streams of one connection manager configuration share on one worker.
struct RouterContext {
    std::shared_ptr<const config::HttpConnectionManagerConfig> config;
    std::shared_ptr<const RouteTable> table;
    RouterStats stats;
    upstream::WorkerClusters& clusters;
    std::vector<upstream::WorkerCluster*> cluster_of_route{};  // found at first use; clusters stay
    std::minstd_rand wait_random{std::random_device{}()};      // spreads retries
    RouteMutators mutators{};
    upstream::FastRandom random = upstream::FastRandom::seeded();  // of runtime fractions, weighted clusters
};

// Of one request: how many redirects it has followed, and from which route to which, by their names.
struct RedirectsTaken {
    uint32_t count = 0;
    std::vector<std::pair<std::string_view, std::string_view>> ways;
};

class RouterFilter final : public http::StreamHandler,
                           public upstream::ThreadPooled<RouterFilter>,
                           private http::ResponseDecoder,
                           private upstream::PoolCallbacks {
  public:
    RouterFilter(RouterContext& context, http::DownstreamStream& stream);
    ~RouterFilter() override;

    void on_request_headers(http::HeaderMap& headers, bool end_stream) override;
    void on_request_body(network::Buffer& data, bool end_stream) override;
    void on_request_trailers(http::HeaderMap& trailers) override;
    void on_response_flow_high() override;
    void on_response_flow_low() override;
    void add_response_fields(http::HeaderMap& fields) override;
    void on_destroy() override;

  private:
    static constexpr uint32_t kNoRoute = UINT32_MAX;

    // http::ResponseDecoder
    void on_interim(uint16_t status, http::HeaderMap& headers) override;
    void on_response_headers(http::HeaderMap& headers, bool end_stream) override;
    void on_response_body(network::Buffer& data, bool end_stream) override;
    void on_response_trailers(http::HeaderMap& trailers) override;
    void on_stream_reset(http::StreamReset reason) override;
    void on_request_flow_high() override;
    void on_request_flow_low() override;
    void on_stream_complete() override;
    // upstream::PoolCallbacks
    void on_pool_ready(http::RequestEncoder& encoder, upstream::UpstreamTransport& transport) override;
    void on_pool_failure(http::StreamReset reason, std::string_view transport_failure) override;

    void route_request(const RouteMatched& matched, bool complete);
    void answer_here(const config::RouteConfig& route);
    void redirect_to_https();
    void rewrite_host_by_endpoint();
    bool find_cluster();
    bool refuse_for_maintenance();
    void prepare_request(const config::RouteConfig& route);
    void start_attempt(bool fresh);
    upstream::EndpointLease choose_untried();
    upstream::Acquired acquire_raw(const upstream::StreamNeeds& needs);
    void send_request(http::RequestEncoder& encoder, upstream::UpstreamTransport& transport);
    void send_held_body();
    void end_upstream_request();
    bool settle_tunnel(std::string_view kind, const config::ForwardAction* action);
    bool opens_tunnel(uint16_t status) const;
    void remember(const network::Buffer& data);
    void complete_request();
    bool may_repeat(http::StreamReset reason) const;
    bool repeat(http::StreamReset reason);
    void hold_again();
    void end_retry();
    // router_retry.cc
    bool retry_response(uint16_t status, const http::HeaderMap& headers, bool end_stream);
    bool retry_failure(http::StreamReset reason, bool sent);
    bool schedule_retry(const http::HeaderMap* response);
    void arm_per_try_timers();
    void arm_long_try_timer();
    void note_activity();
    void end_try_in_time(const stats::Counter& counter, std::string_view details);
    void time_out(std::string_view details);
    void break_off(http::ResponseFlag flag, std::string_view details);
    void stop_timers();
    std::chrono::milliseconds time_for_attempt() const;
    static void on_retry_timer(void* self);
    static void on_idle_try(void* self);
    static void on_long_try(void* self);
    // router_mirror.cc
    void start_mirrors(const std::string& host);
    void mirror_body(const network::Buffer& data, bool end_stream);
    // router_redirect.cc
    bool redirect_inside(uint16_t status, const http::HeaderMap& response, bool end_stream);
    bool accepts_target(const config::InternalRedirectConfig& policy, const RouteMatched& target, bool from_http,
                        bool to_http);
    bool put_in_order(http::HeaderMap& request);
    void begin_anew(const RouteMatched& target);
    void finish_response();
    void attempt_failed(http::StreamReset reason, std::string_view transport_failure);
    void fail(http::StreamReset reason, std::string_view transport_failure);
    void reply(uint16_t status, std::string_view body, std::string_view details, http::HeaderMap* add = nullptr);
    void leave_upstream();    // it has ended
    void abandon_upstream();  // it has not: cancels or resets
    void release_request_flow();
    bool from_inside() const { return headers_->has(http::HeaderId::x_envoy_internal); }
    void count_response(uint16_t status);
    void count_broken_response();
    void report(upstream::LocalOrigin what) const;
    void report(const http::HeaderMap& response, uint16_t status) const;
    std::chrono::milliseconds since_request() const;
    void arm_route_timer();
    static void on_route_timeout(void* self);

    RouterContext& context_;
    http::DownstreamStream& stream_;
    http::HeaderMap* headers_ = nullptr;  // the request's; lives as long as the stream
    http::HeaderMap* trailers_ = nullptr;
    const config::ForwardAction* action_ = nullptr;
    upstream::WorkerCluster* cluster_ = nullptr;
    upstream::EndpointLease endpoint_;
    upstream::PoolTicket* ticket_ = nullptr;            // waits for a connection
    http::RequestEncoder* encoder_ = nullptr;           // a request is on a connection
    upstream::UpstreamTransport* transport_ = nullptr;  // valid with encoder_
    network::Buffer held_;                              // body that came before the connection
    network::Buffer replay_;                            // what was sent, while a repetition is possible
    size_t replay_memory_ = 0;                          // of its blocks
    std::optional<uint64_t> hash_;                      // by the route's hash_policy
    std::vector<std::string> new_cookies_;              // set-cookie, likewise
    std::chrono::milliseconds route_timeout_{0};
    network::Timer route_timer_;
    RetryState retry_;
    network::Timer retry_timer_;  // waiting_: for the next attempt; else per_try_timeout of the one that runs
    // Of the attempt that runs: per_try_idle_timeout, and the cluster's max_stream_duration.
    network::Timer idle_try_timer_, long_try_timer_;
    std::optional<std::chrono::milliseconds> upstream_duration_;  // replaces that one
    std::vector<const upstream::Endpoint*> tried_;                // where others are wanted
    MirrorSet mirrors_;
    std::unique_ptr<RedirectsTaken> redirects_;  // null: none yet
    const config::VirtualHostConfig* virtual_host_ = nullptr;
    std::chrono::steady_clock::time_point request_complete_at_;
    uint32_t route_ = kNoRoute;  // RouteMatched::index
    uint32_t weighted_ = RouteMutators::kNoChoice;
    uint32_t attempt_ = 0;
    uint32_t request_pauses_ = 0;
    bool request_complete_ = false;
    bool request_ended_ = false;  // and its end was told upstream
    bool response_started_ = false;
    bool replayable_ = true;  // replay_ holds all that was sent of the body
    bool retrying_ = false;
    bool waiting_ = false;         // between two attempts
    bool retry_fresh_ = false;     // the next one on a new connection
    bool timeout_is_204_ = false;  // as the request asked for
    bool holds_retry_ = false;     // a unit of the cluster's max_retries
    bool holding_ = false;         // held_ is full: the client waits
    bool response_ended_ = false;  // of an open tunnel whose other side goes on
    bool response_paused_ = false;
    bool done_ = false;  // nothing more is expected from upstream
    enum class Tunnel : uint8_t { none, upgrade, connect, open, refused } tunnel_ = Tunnel::none;
};

}  // namespace heirloom::router
