// SPDX-License-Identifier: Apache-2.0
#include "proxy/router/router_filter.h"

#include <strings.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "proxy/http/message_match.h"
#include "proxy/network/proxy_protocol.h"
#include "proxy/router/hash_policy.h"
#include "proxy/router/raw_upstream.h"
#include "proxy/router/rewrite.h"
#include "proxy/router/stream_duration.h"
#include "proxy/router/upstream_failure.h"

namespace heirloom::router {

using http::HeaderId;
using http::ResponseFlag;
using http::StreamReset;
using std::chrono::milliseconds;

namespace {

constexpr size_t kHeldBytes = 64 * 1024;  // while there is no connection yet

uint16_t read_status(const http::HeaderMap& headers) {
    const std::string_view text = headers.get(HeaderId::status);
    uint16_t status = 0;
    std::from_chars(text.data(), text.data() + text.size(), status);
    return status;
}

void set_number(http::HeaderMap& headers, HeaderId id, int64_t value) {
    std::array<char, 24> text;
    const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
    headers.set(id, {text.data(), static_cast<size_t>(end - text.data())});
}

}  // namespace

RouterFilter::RouterFilter(RouterContext& context, http::DownstreamStream& stream)
    : context_(context),
      stream_(stream),
      route_timer_(&on_route_timeout, this),
      retry_timer_(&on_retry_timer, this),
      idle_try_timer_(&on_idle_try, this),
      long_try_timer_(&on_long_try, this) {}

RouterFilter::~RouterFilter() = default;

// --- request
// -----------------------------------------------------------------------------------------------------------

void RouterFilter::on_request_headers(http::HeaderMap& headers, bool end_stream) {
    headers_ = &headers;
    route_request(context_.table->find(headers, context_.random.next()), end_stream);
}

// `complete`: all of the request is here, maybe in held_.
void RouterFilter::route_request(const RouteMatched& matched, bool complete) {
    http::HeaderMap& headers = *headers_;
    http::StreamInfo& info = stream_.info();
    virtual_host_ = matched.virtual_host;
    if (virtual_host_) info.virtual_host = virtual_host_->name;
    if (matched.to_https) return redirect_to_https();
    if (matched.route) {
        route_ = matched.index;
        info.route_name = matched.route->name;
        if (matched.route->forward) action_ = &*matched.route->forward;
    }
    const bool connect = !headers.has(HeaderId::path);
    if (connect || headers.has(HeaderId::upgrade)) {
        // A CONNECT that no route takes is not found rather than forbidden.
        const bool settled = connect && !matched.route;
        tunnel_ = connect ? Tunnel::connect : Tunnel::upgrade;
        if (!settled && !settle_tunnel(connect ? "connect" : headers.get(HeaderId::upgrade), action_)) return;
    }
    context_.stats.rq_total.add();
    if (!matched.route) {
        context_.stats.no_route.add();
        info.set_flag(ResponseFlag::no_route_found);
        return reply(404, {}, "route_not_found");
    }
    if (!action_) return answer_here(*matched.route);
    if (!find_cluster()) return;
    prepare_request(*matched.route);
    const EnvoyOrders orders = take_envoy_orders(headers);
    route_timeout_ = orders.timeout.value_or(route_timeout(headers, *action_));
    timeout_is_204_ = orders.timeout_is_204;
    upstream_duration_ = orders.upstream_duration;
    retry_.begin(action_->retry.get(), orders, headers, route_timeout_);
    const milliseconds otherwise = context_.config->max_stream_duration;
    if (action_->grpc_timeout_max || action_->max_stream_duration || otherwise.count() > 0)
        stream_.set_max_duration(limit_stream(headers, *action_, otherwise));
    if (action_->idle_timeout) stream_.set_idle_timeout(*action_->idle_timeout);
    if (complete) {
        complete_request();
    } else if (tunnel_ != Tunnel::none) {
        arm_route_timer();  // of the handshake
    }
    if (action_->hash_policy)
        hash_ =
            hash_of(*action_->hash_policy, {headers, stream_.client_address(), stream_.local_address()}, new_cookies_);
    if (!redirects_) return start_attempt(false);
    // The connection that has brought the redirect is not done with it yet.
    waiting_ = true;
    retry_timer_.arm(stream_.loop().timers(), milliseconds(1));
}

bool RouterFilter::opens_tunnel(uint16_t status) const {
    switch (tunnel_) {
        case Tunnel::upgrade:
            return status == 101;
        case Tunnel::connect:
            return status / 100 == 2;
        case Tunnel::none:
        case Tunnel::open:
        case Tunnel::refused:
            return false;
    }
    return false;
}

void RouterFilter::start_attempt(bool fresh) {
    http::StreamInfo& info = stream_.info();
    ++attempt_;
    endpoint_ = retry_.avoids_previous_hosts() ? choose_untried() : cluster_->choose(hash_);
    if (!endpoint_) {
        // Of an attempt before: with its lease the endpoint may go.
        info.upstream_host = nullptr;
        info.upstream_host_name = {};
        info.set_flag(ResponseFlag::no_healthy_upstream);
        count_response(503);
        return reply(503, "no healthy upstream", "no_healthy_upstream");
    }
    info.upstream_attempts = attempt_;
    info.upstream_host = &endpoint_.endpoint().address();
    info.upstream_host_name = endpoint_.endpoint().hostname();
    info.upstream_local.reset();  // of an attempt before
    if (const milliseconds limit = time_for_attempt(); limit.count() > 0)
        tell_timeout(*headers_, *action_, limit, !context_.config->suppress_envoy_headers);
    if (virtual_host_->attempt_count_in_request) set_number(*headers_, HeaderId::x_envoy_attempt_count, attempt_);
    const bool mirrors = attempt_ == 1 && action_->mirrors;
    std::string host;  // that the copies ask for
    if (mirrors) host = headers_->get(HeaderId::authority);
    if (action_->auto_host_rewrite) rewrite_host_by_endpoint();
    upstream::StreamNeeds needs{fresh, *info.protocol, headers_};
    if (cluster_->config().proxy_protocol != config::ClusterConfig::ProxyProtocol::none) {
        needs.source = stream_.client_address();
        needs.destination = stream_.local_address();
    }
    const upstream::Acquired acquired = tunnel_ == Tunnel::connect && action_->connect
                                            ? acquire_raw(needs)
                                            : cluster_->acquire(endpoint_, *this, *this, needs);
    if (!acquired.failure) {
        ticket_ = acquired.ticket;
        encoder_ = acquired.encoder;
        transport_ = acquired.transport;
    }
    // Not sooner: a copy must not take the last place of the request itself. It may share its connection, and end it.
    const uint32_t attempt = attempt_;
    if (mirrors) start_mirrors(host);
    if (acquired.failure) return attempt_failed(*acquired.failure, {});
    if (acquired.encoder && encoder_ == acquired.encoder && attempt == attempt_)
        send_request(*acquired.encoder, *acquired.transport);
}

// The tunnel ends here.
upstream::Acquired RouterFilter::acquire_raw(const upstream::StreamNeeds& needs) {
    std::string preface;
    if (const uint8_t version = action_->connect->proxy_version; version != 0) {
        const shm::SocketAddress unknown;
        const shm::SocketAddress* const source = stream_.client_address();
        const shm::SocketAddress* const destination = stream_.local_address();
        preface = network::make_proxy_header(version, source ? *source : unknown, destination ? *destination : unknown);
    }
    return RawUpstream::acquire(stream_.loop(), *cluster_, endpoint_, *this, *this, needs, std::move(preface));
}

void RouterFilter::on_pool_ready(http::RequestEncoder& encoder, upstream::UpstreamTransport& transport) {
    ticket_ = nullptr;
    send_request(encoder, transport);
}

void RouterFilter::on_pool_failure(StreamReset reason, std::string_view transport_failure) {
    ticket_ = nullptr;
    attempt_failed(reason, transport_failure);
}

void RouterFilter::send_request(http::RequestEncoder& encoder, upstream::UpstreamTransport& transport) {
    encoder_ = &encoder;
    transport_ = &transport;
    if (request_complete_) arm_per_try_timers();
    arm_long_try_timer();
    report(upstream::LocalOrigin::connected);
    if (const auto* const address = transport.endpoint_address()) stream_.info().upstream_host = address;
    stream_.info().upstream_local = transport.local_address();
    stream_.info().set_upstream_connection(transport.protocol(), transport.tls());
    const bool tunnel = tunnel_ != Tunnel::none;
    const bool end_stream = request_complete_ && held_.empty() && !trailers_ && !tunnel;
    const uint32_t attempt = attempt_;
    encoder.encode_headers(*headers_, end_stream);
    // Encoding may have ended the attempt, or begun another.
    if (!encoder_ || attempt != attempt_ || tunnel) return;
    if (end_stream) {
        stream_.info().upstream_request_end = stream_.loop().now();
        return;
    }
    send_held_body();
}

void RouterFilter::send_held_body() {
    const bool end_stream = request_complete_ && !trailers_;
    const uint32_t attempt = attempt_;
    if (!held_.empty() || end_stream) {
        remember(held_);
        encoder_->encode_body(held_, end_stream);
    }
    if (encoder_ && attempt == attempt_) {
        if (trailers_) encoder_->encode_trailers(*trailers_);
        if (request_complete_) end_upstream_request();
    }
    if (std::exchange(holding_, false)) stream_.request_flow().resume_reading();
}

void RouterFilter::on_request_body(network::Buffer& data, bool end_stream) {
    if (end_stream) complete_request();
    if (!mirrors_.empty()) mirror_body(data, end_stream);
    if (done_ || tunnel_ == Tunnel::refused || (!encoder_ && !ticket_ && !waiting_)) {
        data.clear();  // answered already
    } else if (!encoder_ || tunnel_ == Tunnel::upgrade || tunnel_ == Tunnel::connect) {
        held_.move_from(data);
        if (held_.size() > kHeldBytes && !holding_) {
            holding_ = true;
            stream_.request_flow().pause_reading();
        }
    } else {
        remember(data);
        encoder_->encode_body(data, end_stream);
        if (end_stream) end_upstream_request();
    }
}

void RouterFilter::end_upstream_request() {
    stream_.info().upstream_request_end = stream_.loop().now();
    request_ended_ = true;
    // In a tunnel the upstream's side may have ended before.
    if (tunnel_ == Tunnel::open && response_ended_) leave_upstream();
}

void RouterFilter::on_request_trailers(http::HeaderMap& trailers) {
    complete_request();
    trailers_ = &trailers;
    mirrors_.send_trailers(trailers);
    if (!encoder_) return;
    encoder_->encode_trailers(trailers);
    end_upstream_request();
}

void RouterFilter::complete_request() {
    request_complete_ = true;
    request_complete_at_ = stream_.loop().now();
    // For a tunnel it runs from the head on, until it is open.
    if (action_ && !done_ && tunnel_ != Tunnel::open && !route_timer_.armed()) arm_route_timer();
    if (encoder_) arm_per_try_timers();
}

void RouterFilter::on_request_flow_high() {
    ++request_pauses_;
    cluster_->stats().upstream_flow_control_backed_up_total.add();
    stream_.request_flow().pause_reading();
}

void RouterFilter::on_request_flow_low() {
    if (request_pauses_ == 0) return;
    --request_pauses_;
    cluster_->stats().upstream_flow_control_drained_total.add();
    stream_.request_flow().resume_reading();
}

// --- response
// ----------------------------------------------------------------------------------------------------------

// 100 is answered by the connection manager unless proxy_100_continue leaves it to the upstream; 102 and 103 are not
// forwarded, as in Envoy.
void RouterFilter::on_interim(uint16_t status, http::HeaderMap& headers) {
    cluster_->stats().count_response(status, from_inside());
    if (status != 100 || !context_.config->proxy_100_continue) return;
    // The client shall not be told twice to go on.
    replayable_ = false;
    replay_.clear();
    stream_.send_interim(status, headers);
}

void RouterFilter::on_response_headers(http::HeaderMap& headers, bool end_stream) {
    http::StreamInfo& info = stream_.info();
    const uint16_t status = read_status(headers);
    report(headers, status);
    if (retry_response(status, headers, end_stream)) return;
    if (action_->internal_redirect && redirect_inside(status, headers, end_stream)) return;
    note_activity();
    response_started_ = true;
    retry_timer_.cancel();
    replayable_ = false;
    replay_.clear();
    info.upstream_response_start = stream_.loop().now();
    info.response_code_details = "via_upstream";
    count_response(status);
    if (retrying_) {
        cluster_->stats().upstream_rq_retry_success.add();
        end_retry();
    }
    if (request_complete_ && !context_.config->suppress_envoy_headers)
        set_number(headers, HeaderId::x_envoy_upstream_service_time, since_request().count());
    if (context_.mutators.has_response(route_)) {
        info.response_code = status;
        context_.mutators.mutate_response(route_, weighted_, headers, *headers_, info);
    }
    if (virtual_host_->attempt_count_in_response) set_number(headers, HeaderId::x_envoy_attempt_count, attempt_);
    for (const std::string& cookie : new_cookies_) headers.add_copy("set-cookie", cookie);
    const bool opens = opens_tunnel(status);
    if (opens) {
        tunnel_ = Tunnel::open;
        replayable_ = false;
        route_timer_.cancel();
    } else if (tunnel_ != Tunnel::none) {
        tunnel_ = Tunnel::refused;
        held_.clear();
        if (std::exchange(holding_, false)) stream_.request_flow().resume_reading();
    }
    if (end_stream) {
        finish_response();
    } else if (stream_.response_flow_high()) {
        on_response_flow_high();
    }
    stream_.send_headers(headers, end_stream);
    if (opens && encoder_) send_held_body();
}

void RouterFilter::on_response_body(network::Buffer& data, bool end_stream) {
    note_activity();
    if (end_stream) finish_response();
    stream_.send_body(data, end_stream);
}

void RouterFilter::on_response_trailers(http::HeaderMap& trailers) {
    finish_response();
    stream_.send_trailers(trailers);
}

void RouterFilter::finish_response() {
    stream_.info().upstream_response_end = stream_.loop().now();
    if (tunnel_ == Tunnel::open && !request_ended_) {
        response_ended_ = true;  // the client's side goes on
        return;
    }
    if (request_complete_) cluster_->stats().record_time(static_cast<uint64_t>(since_request().count()), from_inside());
    // Answered before the request was over, or what was held for a tunnel never leaves: the rest of it has no reader.
    if (!request_complete_ || tunnel_ == Tunnel::refused) encoder_->reset(StreamReset::local);
    done_ = true;
    route_timer_.cancel();
    leave_upstream();
}

void RouterFilter::on_stream_reset(StreamReset reason) {
    if (reason == StreamReset::remote) cluster_->stats().upstream_rq_rx_reset.add();
    attempt_failed(reason, {});
}

void RouterFilter::attempt_failed(StreamReset reason, std::string_view transport_failure) {
    // The orderly end of a connection is no failure of the endpoint, nor is what is refused here.
    if (reason != StreamReset::unprocessed && reason != StreamReset::overflow) report(upstream::LocalOrigin::failed);
    const bool sent = transport_ && !transport_->nothing_sent();
    const bool by_policy = reason != StreamReset::unprocessed && retry_.wants(reason, sent);
    if (by_policy ? retry_failure(reason, sent) : may_repeat(reason) && repeat(reason)) return;
    fail(reason, transport_failure);
}

// The encoder is dead. It is still ours only in a tunnel whose upstream has ended: with our end just now, or because it
// has taken back what is left of our side, as servers do when nobody reads on.
void RouterFilter::on_stream_complete() {
    if (!encoder_) return;
    if (request_complete_) return end_upstream_request();
    cluster_->stats().upstream_rq_rx_reset.add();
    done_ = true;
    leave_upstream();
    stream_.reset(StreamReset::remote);
}

void RouterFilter::fail(StreamReset reason, std::string_view transport_failure) {
    http::StreamInfo& info = stream_.info();
    leave_upstream();
    info.set_flag(flag_of(reason));
    info.details_storage = failure_details(reason, transport_failure, response_started_);
    if (!transport_failure.empty()) info.make_upstream_details().transport_failure = transport_failure;
    if (response_started_) {
        count_broken_response();
        info.response_code_details = info.details_storage;
        done_ = true;
        route_timer_.cancel();
        return stream_.reset(reason);
    }
    const uint16_t status = status_of(reason);
    count_response(status);
    http::HeaderMap add;
    if (reason == StreamReset::overflow && !context_.config->suppress_envoy_headers)
        add.add_copy(HeaderId::x_envoy_overloaded, "true");
    reply(status, failure_body(reason, attempt_ > 1), info.details_storage, &add);
}

void RouterFilter::count_response(uint16_t status) {
    cluster_->stats().count_response(status, from_inside());
    if (endpoint_) (status >= 500 ? endpoint_.numbers().rq_error : endpoint_.numbers().rq_success).add();
}

// Of gRPC alone, as Envoy does: it counts what it took for a success when the head came.
void RouterFilter::count_broken_response() {
    if (http::is_grpc(*headers_)) context_.stats.rq_reset_after_downstream_response_started.add();
}

// --- flow and end
// ------------------------------------------------------------------------------------------------------

void RouterFilter::on_response_flow_high() {
    if (!encoder_ || std::exchange(response_paused_, true)) return;
    cluster_->stats().upstream_flow_control_paused_reading_total.add();
    encoder_->response_flow().pause_reading();
}

void RouterFilter::on_response_flow_low() {
    if (!encoder_ || !std::exchange(response_paused_, false)) return;
    cluster_->stats().upstream_flow_control_resumed_reading_total.add();
    encoder_->response_flow().resume_reading();
}

void RouterFilter::leave_upstream() {
    encoder_ = nullptr;
    if (idle_try_timer_.armed()) idle_try_timer_.cancel();
    if (long_try_timer_.armed()) long_try_timer_.cancel();
    response_paused_ = false;
    transport_ = nullptr;
    release_request_flow();
}

void RouterFilter::release_request_flow() {
    while (request_pauses_ > 0) on_request_flow_low();
}

void RouterFilter::on_destroy() {
    done_ = true;
    stop_timers();
    end_retry();
    mirrors_.leave();
    abandon_upstream();
}

void RouterFilter::abandon_upstream() {
    if (upstream::PoolTicket* const ticket = std::exchange(ticket_, nullptr)) ticket->cancel();
    if (idle_try_timer_.armed()) idle_try_timer_.cancel();
    if (long_try_timer_.armed()) long_try_timer_.cancel();
    response_paused_ = false;
    if (http::RequestEncoder* const encoder = std::exchange(encoder_, nullptr)) {
        // HTTP/1 has no reset; its connection is closed.
        if (stream_.info().upstream_protocol == http::Protocol::http2) cluster_->stats().upstream_rq_tx_reset.add();
        encoder->reset(StreamReset::local);
    }
}

}  // namespace heirloom::router
