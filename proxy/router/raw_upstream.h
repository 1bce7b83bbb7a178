// SPDX-License-Identifier: Apache-2.0
// RawUpstream: a request that ends here in a raw connection to an endpoint: what its body holds are the bytes of that
// connection (connect_config). To the router it looks like a pool and an encoder: it answers 200 as soon as the
// connection is there, and finishing one side finishes that side of the connection. Owns itself: gone after its end.
#pragma once

#include <memory>
#include <string>

#include "proxy/upstream/cluster_manager.h"
#include "proxy/upstream/thread_pooled.h"

namespace heirloom::router {

class RawUpstream final : public network::Deferred,
                          public upstream::ThreadPooled<RawUpstream>,
                          private http::RequestEncoder,
                          private http::BodyFlow,
                          private upstream::PoolTicket,
                          private upstream::UpstreamTransport,
                          private upstream::TcpCallbacks {
  public:
    // Asks for a connection, like WorkerCluster::acquire(): no callback before this returns. `preface` is sent first.
    static upstream::Acquired acquire(network::EventLoop& loop, upstream::WorkerCluster& cluster,
                                      const upstream::EndpointLease& endpoint, http::ResponseDecoder& decoder,
                                      upstream::PoolCallbacks& callbacks, const upstream::StreamNeeds& needs,
                                      std::string preface);

  private:
    RawUpstream(network::EventLoop& loop, http::ResponseDecoder& decoder, upstream::PoolCallbacks& callbacks,
                std::string preface)
        : loop_(loop), decoder_(&decoder), callbacks_(callbacks), preface_(std::move(preface)) {}

    // http::RequestEncoder
    void encode_headers(const http::HeaderMap& headers, bool end_stream) override;
    void encode_body(network::Buffer& data, bool end_stream) override;
    void encode_trailers(const http::HeaderMap& trailers) override;
    void reset(http::StreamReset reason) override;
    http::BodyFlow& response_flow() override { return *this; }
    // http::BodyFlow
    void pause_reading() override;
    void resume_reading() override;
    // upstream::PoolTicket
    void cancel() override;
    // upstream::UpstreamTransport
    const shm::SocketAddress& local_address() override { return connection().local_address(); }
    std::optional<http::Protocol> protocol() const override { return std::nullopt; }
    const network::TlsSession* tls() const override { return upstream_->connection().tls(); }
    bool reused() const override { return false; }
    bool nothing_sent() const override { return false; }
    bool nothing_received() const override { return false; }
    // upstream::TcpCallbacks
    void on_connected() override;
    void on_tcp_failure(http::StreamReset reason, std::string_view transport_failure) override;
    void on_data() override;
    void on_end_of_stream() override;
    void on_closed(network::CloseReason reason) override;
    void on_write_buffer_high() override;
    void on_write_buffer_low() override;

    network::Connection& connection() { return upstream_->connection(); }
    void finish_request();
    void end();
    void close();
    void leave() { loop_.destroy_later(std::unique_ptr<network::Deferred>(this)); }

    network::EventLoop& loop_;
    http::ResponseDecoder* decoder_;  // null: the stream is over
    upstream::PoolCallbacks& callbacks_;
    std::string preface_;
    std::unique_ptr<upstream::TcpUpstream> upstream_;
    http::HeaderMap response_;
    uint32_t pauses_ = 0;
    bool request_ended_ = false;
    bool response_ended_ = false;
};

}  // namespace heirloom::router
