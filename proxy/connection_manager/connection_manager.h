// SPDX-License-Identifier: Apache-2.0
// ConnectionManager: one downstream connection that speaks HTTP: transport, codec, the stream that is under way, and
// when the connection ends. ConnectionManagerConfig is what all connections of one listener on one worker share.
//
// When it ends, and how:
//   after a response  `connection: close` was said (by the client, by the drain, by max_requests_per_connection ...):
//                     flush, FIN, then delayed_close_timeout for the client's FIN
//   idle              one that never sent a request: at once. Else Envoy's soft drain: the next answer says close; only
//                     after drain_timeout without a request comes the FIN
//   drain             never by itself: an idle connection stays until its client speaks
//   terminate         announce_close(): every answer says close; close_idle(): those without a request get a FIN (the
//                     client sees an orderly end before it sends, not a reset); close_now() cuts the rest
#pragma once

#include <memory>

#include "proxy/access_log/access_log.h"
#include "proxy/config/snapshot.h"
#include "proxy/connection_manager/connection_manager_stats.h"
#include "proxy/connection_manager/random.h"
#include "proxy/connection_manager/stream.h"
#include "proxy/handover/drain_manager.h"
#include "proxy/http/http1_codec.h"
#include "proxy/http/stream.h"
#include "proxy/network/accepted_connection.h"
#include "proxy/network/connection.h"
#include "proxy/upstream/intrusive_list.h"
#include "proxy/upstream/thread_pooled.h"

namespace heirloom::connection_manager {

struct ConnectionManagerConfig {
    network::EventLoop& loop;
    std::shared_ptr<const config::HttpConnectionManagerConfig> http;
    ConnectionManagerStats stats;
    http::StreamHandlerFactory& handlers;
    access_log::Logger& access_log;
    handover::DrainDecision drain;
    Random& random;
    std::string own_address;            // find_own_address()
    shm::SocketAddress listen_address;  // as bound
    uint32_t buffer_limit_bytes = 1024 * 1024;
    std::string filter_chain_name;
};

class ConnectionSet;

class ConnectionManager final : public network::ConnectionCallbacks,
                                public http::ServerCallbacks,
                                public network::Deferred,
                                public upstream::ThreadPooled<ConnectionManager> {
  public:
    // `keep_peer`: somebody will ask for the peer's address; else it is looked up then.
    ConnectionManager(ConnectionSet& set, network::AcceptedConnection accepted, bool keep_peer);

    // False: the loop takes no more descriptors; nothing was counted.
    bool start();
    void announce_close() { closing_ = true; }
    void close_idle();
    void close_now() { connection_.close(); }

    // For the stream.
    ConnectionSet& set() { return set_; }
    const ConnectionManagerConfig& config() const;
    network::Connection& connection() { return connection_; }
    // Does the response whose head is being written end the connection? Counts why.
    bool decide_close(bool request_complete);
    void close_after_response();
    const shm::SocketAddress* peer_address() { return &connection_.remote_address(); }
    // The peer, or the client that its PROXY header names.
    const shm::SocketAddress* client_address() { return proxied_ ? &proxied_->client : peer_address(); }
    const shm::SocketAddress* local_address();
    bool proxied() const { return proxied_ != nullptr; }

    // network::ConnectionCallbacks
    void on_data() override;
    void on_end_of_stream() override;
    void on_closed(network::CloseReason reason) override;
    void on_write_buffer_high() override;
    void on_write_buffer_low() override;

    // http::ServerCallbacks
    http::RequestDecoder& on_new_stream(http::ResponseEncoder& encoder) override;
    void on_stream_complete(bool reusable) override;
    void on_codec_error(const http::CodecError& error) override;

    upstream::ListHook<ConnectionManager> hook;

  private:
    struct Proxied {
        shm::SocketAddress client, target;
    };

    // What timer_ waits for. While a stream is under way it may still be armed for `idle`; then it does nothing.
    enum class Wait : uint8_t { idle, soft_drain, head };

    static void on_timer(void* self);
    static void on_max_duration(void* self);
    void wait_for(Wait what, std::chrono::milliseconds delay);
    void wait_for_next_request();
    void begin_soft_drain();
    void refuse_slow_head();
    void count_bytes();

    ConnectionSet& set_;
    network::Connection connection_;
    std::unique_ptr<http::ServerCodec> codec_;
    std::unique_ptr<const Proxied> proxied_;  // told by a PROXY header
    Stream* stream_ = nullptr;
    network::Timer timer_{&ConnectionManager::on_timer, this};
    std::unique_ptr<network::Timer> duration_timer_;  // only where configured
    std::chrono::steady_clock::time_point start_;
    uint64_t counted_received_ = 0;
    uint64_t counted_sent_ = 0;
    uint32_t requests_ = 0;
    Wait waiting_for_ = Wait::idle;
    bool closing_ = false;  // the next response is the last
    bool soft_draining_ = false;
};

}  // namespace heirloom::connection_manager
