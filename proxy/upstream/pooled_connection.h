// SPDX-License-Identifier: Apache-2.0
// PooledConnection: one connection of an HttpPool with its codec. It knows what the connection is doing; which request
// it serves next is the pool's business.
//
//   connecting -> open -> draining -> closed      (from each state to closed)
//
// open: takes requests while it has room: one at a time by HTTP/1, as many as both sides allow by HTTP/2. draining: it
// finishes those it has, takes no more.
//
// A request runs, and counts (max_requests, rq_active), until its exchange is over. Its HTTP/2 stream may last longer,
// as its peer takes the rest of it or never does: until then it needs its room.
#pragma once

#include <memory>

#include "proxy/http/codec.h"
#include "proxy/upstream/connection_pool.h"
#include "proxy/upstream/endpoint_connection.h"
#include "proxy/upstream/intrusive_list.h"

namespace heirloom::upstream {

class HttpPool;

class PooledConnection final : public network::Deferred,
                               public UpstreamTransport,
                               public EndpointConnection,
                               private http::ClientCallbacks {
  public:
    PooledConnection(HttpPool& pool, bool counted);
    ~PooledConnection() override;

    // Starts to connect; the pool hears of the outcome later.
    void connect();
    bool has_room() const {
        return state_ == State::open &&
               (protocol_ == http::Protocol::http2 ? codec_->open_streams() < room() : requests_running_ == 0);
    }
    // REQUIRES: has_room().
    http::RequestEncoder& attach(http::ResponseDecoder& decoder);
    // The pool has nothing for it: starts the idle timeout.
    void rest();
    void close();
    // No further request: closes now or after the last one.
    void drain();

    // Requests it may carry at once; 0: none any more.
    size_t max_streams() const { return codec_->max_streams(); }
    using EndpointConnection::connect_failure;

    bool closed() const { return state_ == State::closed; }
    bool draining() const { return state_ == State::draining; }
    bool idle() const { return state_ == State::open && requests_running_ == 0; }
    // UpstreamTransport
    const shm::SocketAddress& local_address() override { return connection_->local_address(); }
    const shm::SocketAddress* endpoint_address() const override { return connected_to(); }
    std::optional<http::Protocol> protocol() const override { return protocol_; }
    const network::TlsSession* tls() const override { return connection_->tls(); }
    bool reused() const override { return requests_ > 1; }
    bool nothing_sent() const override {
        return protocol_ != http::Protocol::http2 && connection_->bytes_sent() == sent_before_;
    }
    bool nothing_received() const override {
        return protocol_ == http::Protocol::http2 || connection_->bytes_received() == received_before_;
    }

    ListHook<PooledConnection> pool_hook;
    ListHook<PooledConnection> available_hook;
    bool available = false;  // in the pool's list of those with room
    bool settling = false;   // HTTP/2: connected, and the peer has not said yet how many streams it allows

  private:
    enum class State : uint8_t { connecting, open, draining, closed };

    // network::ConnectionCallbacks
    void on_data() override;
    void on_end_of_stream() override;
    void on_connected() override;
    void on_closed(network::CloseReason reason) override;
    void on_write_buffer_high() override;
    void on_write_buffer_low() override;
    void on_write_buffer_drained() override;
    // http::ClientCallbacks
    void on_stream_complete(bool reusable) override;
    void on_protocol_error() override;
    void on_goaway() override;
    void on_max_streams_changed() override;

    size_t room() const;
    void make_codec();
    void finish_requests(size_t still_running);
    void end_drained();
    // Streams whose exchange is over.
    bool has_leftovers() const {
        return protocol_ == http::Protocol::http2 && codec_->open_streams() > requests_running_;
    }
    static void on_idle_timeout(void* self);
    static void on_age(void* self);

    HttpPool& pool_;
    std::unique_ptr<http::ClientCodec> codec_;
    network::Timer idle_timer_;  // draining: for what is left of streams that nobody waits for
    network::Timer age_timer_;   // max_connection_duration
    uint64_t requests_ = 0;
    size_t requests_running_ = 0;
    uint64_t sent_before_ = 0;  // bytes on the socket before the current request
    uint64_t received_before_ = 0;
    State state_ = State::connecting;
    bool ended_here_ = false;  // by the pool
    http::Protocol protocol_ = http::Protocol::http11;
};

}  // namespace heirloom::upstream
