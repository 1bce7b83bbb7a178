// SPDX-License-Identifier: Apache-2.0
// PooledConnection: one upstream connection of an Http1Pool with its codec and its numbers. It knows what the
// connection is doing; which request it serves next is the pool's business.
//
//   connecting -> idle <-> busy -> closed      (from each state to closed)
#pragma once

#include <chrono>
#include <memory>

#include "proxy/http/http1_codec.h"
#include "proxy/network/connection.h"
#include "proxy/upstream/connection_pool.h"
#include "proxy/upstream/intrusive_list.h"

namespace heirloom::upstream {

class Http1Pool;

class PooledConnection final : public network::Deferred,
                               public UpstreamTransport,
                               private network::ConnectionCallbacks,
                               private http::ClientCallbacks {
  public:
    // `counted`: it took a unit of the cluster's connection limit and gives it back.
    PooledConnection(Http1Pool& pool, bool counted);
    ~PooledConnection() override;

    // Starts to connect; the pool hears of the outcome later.
    void connect();
    // REQUIRES: idle.
    http::RequestEncoder& attach(http::ResponseDecoder& decoder);
    // The pool keeps it for later: starts the idle timeout.
    void rest();
    void close();

    bool closed() const { return state_ == State::closed; }
    int connect_error() const { return connection_->socket_error(); }  // errno
    const shm::SocketAddress& local_address() override { return connection_->local_address(); }
    bool reused() const override { return requests_ > 1; }
    bool nothing_sent() const override { return connection_->bytes_sent() == sent_before_; }
    bool nothing_received() const override { return connection_->bytes_received() == received_before_; }

    ListHook<PooledConnection> pool_hook;
    ListHook<PooledConnection> idle_hook;

  private:
    enum class State : uint8_t { connecting, idle, busy, closed };

    void on_data() override;
    void on_end_of_stream() override;
    void on_connected() override;
    void on_closed(network::CloseReason reason) override;
    void on_write_buffer_high() override;
    void on_write_buffer_low() override;
    void on_stream_complete(bool reusable) override;
    void on_protocol_error() override;

    void finish_request();
    void count_bytes();
    void count_close(State before, network::CloseReason reason);
    static void on_idle_timeout(void* self);

    Http1Pool& pool_;
    std::unique_ptr<network::Connection> connection_;
    std::unique_ptr<http::ClientCodec> codec_;
    network::Timer idle_timer_;
    std::chrono::steady_clock::time_point started_;
    uint64_t requests_ = 0;
    uint64_t sent_before_ = 0;  // bytes on the socket before the current request
    uint64_t received_before_ = 0;
    uint64_t counted_received_ = 0;  // already in the stats
    uint64_t counted_sent_ = 0;
    State state_ = State::connecting;
    bool counted_;
};

}  // namespace heirloom::upstream
