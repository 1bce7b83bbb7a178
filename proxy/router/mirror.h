// SPDX-License-Identifier: Apache-2.0
// Mirror: a copy of a request that goes to another cluster (request_mirror_policies); what is answered is thrown away.
// The request itself never waits for it: what an upstream that is slow has not taken is held up to a limit, then the
// copy is given up. It has no retries, and the request's timeout.
//
// A mirror owns itself and may outlive the request, once it has all of it; a request that breaks off takes its mirrors
// along. MirrorSet: those of one request that are still being sent. One worker's thread.
#pragma once

#include <chrono>
#include <memory>
#include <vector>

#include "proxy/config/mirror_config.h"
#include "proxy/http/codec.h"
#include "proxy/network/timer_wheel.h"
#include "proxy/upstream/cluster_manager.h"
#include "proxy/upstream/thread_pooled.h"

namespace heirloom::router {

class MirrorSet;

// "a.com:80" becomes "a.com-shadow:80".
std::string shadow_host(std::string_view host);

struct MirrorRequest {
    const http::HeaderMap& headers;  // as they leave for the request's own upstream
    std::string_view host;           // before it was rewritten for that one
    http::Protocol downstream = http::Protocol::http11;
    const shm::SocketAddress* source = nullptr;  // of the client, for a cluster with a PROXY header
    const shm::SocketAddress* destination = nullptr;
    std::optional<uint64_t> hash{};
    std::chrono::milliseconds timeout{0};  // 0: none
    size_t most_held = 0;                  // bytes of the body
    bool complete = false;                 // there is no body
};

class Mirror final : public network::Deferred,
                     public upstream::ThreadPooled<Mirror>,
                     private http::ResponseDecoder,
                     private upstream::PoolCallbacks {
  public:
    // `clusters`: of this worker.
    Mirror(network::EventLoop& loop, upstream::WorkerClusters& clusters, upstream::WorkerCluster& cluster,
           MirrorSet& set, const MirrorRequest& request, bool keeps_host);
    ~Mirror() override;

    void start(const MirrorRequest& request);
    // Refers to the bytes of `data`, which stay there. False: it has given up.
    bool send_body(const network::Buffer& data, bool end_stream);
    void send_trailers(const http::HeaderMap& trailers);
    // The request has broken off, or its set is gone: no call to it any more.
    void leave();

  private:
    // http::ResponseDecoder
    void on_interim(uint16_t, http::HeaderMap&) override {}
    void on_response_headers(http::HeaderMap& headers, bool end_stream) override;
    void on_response_body(network::Buffer& data, bool end_stream) override;
    void on_response_trailers(http::HeaderMap& trailers) override;
    void on_stream_reset(http::StreamReset reason) override;
    void on_request_flow_high() override { ++pauses_; }
    void on_request_flow_low() override;
    // upstream::PoolCallbacks
    void on_pool_ready(http::RequestEncoder& encoder, upstream::UpstreamTransport& transport) override;
    void on_pool_failure(http::StreamReset reason, std::string_view transport_failure) override;

    static void on_timeout(void* self);
    void send_request(http::RequestEncoder& encoder);
    void send_held();
    void complete();
    void finish_response();
    void fail(http::StreamReset reason);
    void count(uint16_t status);
    void abandon();
    void end();

    network::EventLoop& loop_;
    upstream::WorkerClusters& clusters_;
    upstream::WorkerCluster& cluster_;
    MirrorSet* set_;  // null: it asks for nothing more
    std::unique_ptr<http::HeaderMap> headers_, trailers_;
    upstream::EndpointLease endpoint_;
    upstream::PoolTicket* ticket_ = nullptr;
    http::RequestEncoder* encoder_ = nullptr;
    network::Buffer held_;
    network::Timer timer_;  // from when the request is complete
    const std::chrono::milliseconds timeout_;
    std::chrono::steady_clock::time_point complete_at_;
    const size_t most_held_;
    size_t held_memory_ = 0;  // of its blocks
    uint32_t pauses_ = 0;
    bool complete_ = false;  // all of the request is here
    bool sent_ = false;      // and has gone
    bool over_ = false;
};

class MirrorSet {
  public:
    ~MirrorSet() { leave(); }
    bool empty() const { return mirrors_.empty(); }
    void add(Mirror& mirror) { mirrors_.push_back(&mirror); }
    void forget(const Mirror& mirror);
    // Returns how many gave up.
    size_t send_body(const network::Buffer& data, bool end_stream);
    void send_trailers(const http::HeaderMap& trailers);
    // The request is over: those that have all of it go on.
    void leave() {
        if (!mirrors_.empty()) leave_all();
    }

  private:
    void leave_all();

    std::vector<Mirror*> mirrors_;  // null: has left
};

}  // namespace heirloom::router
