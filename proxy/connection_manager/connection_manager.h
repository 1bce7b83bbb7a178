// SPDX-License-Identifier: Apache-2.0
// ConnectionManager: one downstream connection that speaks HTTP: transport, codec, the streams that are under way, and
// when the connection ends. ConnectionManagerConfig is what all connections of one filter chain on one worker share.
//
// The codec is chosen by codec_type; AUTO goes by ALPN where there is TLS, else by the first bytes.
//
// When it ends, and how, HTTP/1:
//   after a response  `connection: close` was said (by the client, by the drain, by max_requests_per_connection ...):
//                     flush, FIN, then delayed_close_timeout for the client's FIN
//   idle              one that never sent a request: at once. Else Envoy's soft drain: the next answer says close; only
//                     after drain_timeout without a request comes the FIN
//   drain             never by itself: an idle connection stays until its client speaks
//   terminate         announce_close(): every answer says close; close_idle(): those without a request get a FIN (the
//                     client sees an orderly end before it sends, not a reset); cut() ends streams and tunnels that are
//                     under way and sends the FIN behind what was written; close_now() closes the rest
// HTTP/2: whatever the reason, a GOAWAY that takes nothing away, after drain_timeout the one that names the last
// stream, and the end when no stream is open. The drain begins this at once: a client with nothing to ask hears of it.
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
    access_log::Logger* listener_log = nullptr;  // of whole connections; null: none
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
    void announce_drain();
    void announce_close();
    void close_idle();
    void cut();
    void close_now() { connection_.close(); }
    // It has left its set; what is left of it may outlive whoever counts.
    void count_no_longer() { ticket_ = {}; }

    // For the stream.
    ConnectionSet& set() { return set_; }
    const ConnectionManagerConfig& config() const;
    network::Connection& connection() { return connection_; }
    // Does the response whose head is being written end the connection? Counts why.
    bool decide_close(bool request_complete);
    // What the request was like lets nothing good be expected of the bytes behind it. HTTP/2: of its stream only.
    void distrust_rest() { closing_ = closing_ || !multiplexed_; }
    void close_after_response();
    bool multiplexed() const { return multiplexed_; }
    void add(Stream& stream) { streams_.push_front(stream); }
    void remove(Stream& stream);
    const shm::SocketAddress* peer_address() { return &connection_.remote_address(); }
    // The peer, or the client that its PROXY header names.
    const shm::SocketAddress* client_address() { return proxied() ? &extras_->proxied->client : peer_address(); }
    const shm::SocketAddress* local_address();
    bool proxied() const { return extras_ && extras_->proxied; }
    // Whom the client asked for by a TLS that this listener does not speak: what it sends is no HTTP.
    std::string_view server_name() const {
        return extras_ ? std::string_view(extras_->server_name) : std::string_view{};
    }

    // The element that x-forwarded-client-cert gets of this connection's client; "" without a certificate.
    const std::string& client_certificate();

    // network::ConnectionCallbacks
    void on_connected() override;
    void on_data() override;
    void on_end_of_stream() override;
    void on_closed(network::CloseReason reason) override;
    void on_write_buffer_high() override;
    void on_write_buffer_low() override;
    void on_write_buffer_drained() override;

    // http::ServerCallbacks
    http::RequestDecoder& on_new_stream(http::ResponseEncoder& encoder) override;
    void on_stream_complete(bool reusable) override;
    void on_codec_error(const http::CodecError& error) override;
    void on_connection_error(std::string_view details) override;
    void on_broken_head(http::StreamReset reason, std::string_view details) override;
    void on_goaway() override;

    upstream::ListHook<ConnectionManager> hook;

  private:
    struct Proxied {
        shm::SocketAddress client, target;
    };
    // What few connections have.
    struct Extras {
        std::unique_ptr<const Proxied> proxied;          // told by a PROXY header
        std::unique_ptr<network::Timer> duration_timer;  // only where configured
        std::string client_certificate;                  // made when first asked for
        std::string server_name;                         // of a TLS that is not ended here
        std::string_view slow_head;                      // static: the timeout that ended a head, HTTP/2
        uint64_t received = 0, sent = 0;                 // bytes, where the listener logs its connections
    };

    // What timer_ waits for. While a stream is under way it may still be armed, but does nothing; it is armed anew when
    // the last one ends.
    enum class Wait : uint8_t { idle, soft_drain, head, last_goaway };
    enum class Goaway : uint8_t { none, wanted, notice, last };

    Extras& extras();
    static void on_timer(void* self);
    static void on_max_duration(void* self);
    bool max_requests_reached();
    void speak(http::Protocol protocol);
    bool choose_codec();
    void wait_for(Wait what, std::chrono::milliseconds delay);
    void wait_for_next_request();
    void wait_without_streams();
    void wait_for_head();
    bool between_requests() const { return !codec_ || codec_->idle(); }
    void begin_soft_drain();
    void begin_goaway();
    void finish_goaway();
    void refuse_slow_head();
    std::string_view count_slow_head();
    void count_bytes();
    void log_connection(network::CloseReason reason);
    void count_buffered();

    ConnectionSet& set_;
    network::ConnectionTicket ticket_;
    network::Connection connection_;
    std::unique_ptr<http::ServerCodec> codec_;                // null: not chosen yet
    upstream::IntrusiveList<Stream, &Stream::hook> streams_;  // under way; HTTP/1: one at most
    network::Timer timer_{&ConnectionManager::on_timer, this};
    std::unique_ptr<Extras> extras_;
    std::chrono::steady_clock::time_point start_;
    uint32_t buffered_in_ = 0;  // as told to the gauges
    uint32_t buffered_out_ = 0;
    uint32_t requests_ = 0;
    Wait waiting_for_ = Wait::idle;
    Goaway goaway_ = Goaway::none;
    bool secure_ = false;  // TLS, handshake over or not
    bool multiplexed_ = false;
    bool closing_ = false;  // the next response is the last; HTTP/2: counted, and GOAWAY is under way
    bool soft_draining_ = false;
    bool cut_requests_ = false;  // cut() has ended some
};

}  // namespace heirloom::connection_manager
