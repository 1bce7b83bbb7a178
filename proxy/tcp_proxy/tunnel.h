// SPDX-License-Identifier: Apache-2.0
// Tunnel: one downstream connection, the raw connection to an endpoint that it gets, and the bytes between them. Blocks
// move from the read buffer of one to the write buffer of the other; a full write buffer stops the reads that fill it,
// so a tunnel holds at most the two buffer limits and one read each.
//
//   connecting   nothing is read from the client; up to max_connect_attempts, each to a cluster and endpoint of its own
//   flowing      FIN on one side becomes FIN on the other; the tunnel ends when both sides had theirs
//   ended        one connection is closed: what waits for the other is still sent
//
// The upstream connection is opened at once, also under a TLS handshake; its bytes are read only after that, so that a
// client which never finishes it holds no memory.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "proxy/http/stream_info.h"
#include "proxy/network/accepted_connection.h"
#include "proxy/network/connection.h"
#include "proxy/upstream/cluster_manager.h"
#include "proxy/upstream/intrusive_list.h"
#include "proxy/upstream/tcp_upstream.h"
#include "proxy/upstream/thread_pooled.h"

namespace heirloom::tcp_proxy {

class ConnectionSet;

class Tunnel final : public network::ConnectionCallbacks,
                     public network::Deferred,
                     public upstream::ThreadPooled<Tunnel> {
  public:
    // How long a client that was told the end may take to finish its side: until then what it sends is not answered by
    // a reset, which could overtake the last bytes.
    static constexpr std::chrono::milliseconds kLinger{1000};

    Tunnel(ConnectionSet& set, network::AcceptedConnection accepted);

    // False: the loop takes no more descriptors; nothing was counted. Never ends the tunnel before it returns.
    bool start();
    // Sends what is buffered, then FIN both ways; the end comes from the loop. `linger`: how long a client that goes on
    // sending is not answered by a reset.
    void finish(std::chrono::milliseconds linger);
    // The end is here when this returns.
    void cut();
    // It has left its set; what is left of it may outlive whoever counts.
    void count_no_longer() { ticket_ = {}; }

    // network::ConnectionCallbacks: downstream
    void on_connected() override;
    void on_data() override;
    void on_end_of_stream() override;
    void on_closed(network::CloseReason reason) override;
    void on_write_buffer_high() override;
    void on_write_buffer_low() override;
    void on_write_buffer_drained() override { note_progress(); }

    upstream::ListHook<Tunnel> hook;

  private:
    struct UpstreamSide final : upstream::TcpCallbacks {
        explicit UpstreamSide(Tunnel& owner) : tunnel(owner) {}
        void on_connected() override { tunnel.on_upstream_connected(); }
        void on_data() override { tunnel.on_upstream_data(); }
        void on_end_of_stream() override { tunnel.on_upstream_end(); }
        void on_closed(network::CloseReason) override { tunnel.on_upstream_closed(); }
        void on_write_buffer_high() override { tunnel.pause_downstream(); }
        void on_write_buffer_low() override { tunnel.resume_downstream(); }
        void on_write_buffer_drained() override { tunnel.note_progress(); }
        void on_tcp_failure(http::StreamReset reason, std::string_view why) override {
            tunnel.on_upstream_failure(reason, why);
        }
        Tunnel& tunnel;
    };
    struct Proxied {
        shm::SocketAddress client, target;
    };
    enum class Upstream : uint8_t { none, connecting, open, closing };

    static void on_idle(void* self);
    static void on_max_duration(void* self);
    static void on_log_interval(void* self);
    void connect();
    void refuse(http::ResponseFlag flag);
    void on_upstream_connected();
    void on_upstream_failure(http::StreamReset reason, std::string_view why);
    void on_upstream_data();
    void on_upstream_end();
    void on_upstream_closed();
    void pause_downstream();
    void resume_downstream();
    void forward(network::Connection& from, network::Connection& to);
    void note_progress();
    void touch();
    void watch_idle(std::chrono::milliseconds left);
    void end_both();
    void end_upstream();
    void close_downstream();
    void set_flag(http::ResponseFlag flag) { flags_ |= 1u << static_cast<unsigned>(flag); }
    network::Connection& up() { return upstream_->connection(); }
    const shm::SocketAddress& client_address();
    const shm::SocketAddress& local_address();
    void count_bytes();
    void log(config::LogType type);

    ConnectionSet& set_;
    network::ConnectionTicket ticket_;
    network::Connection downstream_;
    UpstreamSide upstream_side_{*this};
    // The last one that was asked for; kept to the end, since it holds the endpoint.
    std::unique_ptr<upstream::TcpUpstream> upstream_;
    upstream::WorkerCluster* cluster_ = nullptr;
    std::shared_ptr<const upstream::Endpoint> endpoint_;  // of upstream_; a copy, for it may move to another address
    std::unique_ptr<const Proxied> proxied_;              // told by a PROXY header
    network::Timer idle_timer_{&Tunnel::on_idle, this};
    std::unique_ptr<network::Timer> duration_timer_;  // only where configured
    std::unique_ptr<network::Timer> log_timer_;       // likewise
    std::chrono::steady_clock::time_point start_;
    std::chrono::steady_clock::time_point end_{};
    std::chrono::system_clock::time_point start_wall_;
    std::string transport_failure_;
    std::string server_name_;                              // for the log
    std::string_view termination_;                         // static
    uint64_t sent_ = 0;                                    // both ways, at progress_at_
    std::chrono::steady_clock::time_point progress_at_{};  // when last a byte came or went
    uint64_t counted_received_ = 0;
    uint64_t counted_sent_ = 0;
    size_t buffered_in_ = 0;  // as told to the gauges
    size_t buffered_out_ = 0;
    uint32_t attempts_ = 0;
    uint32_t flags_ = 0;
    Upstream upstream_state_ = Upstream::none;
    bool connected_ = false;  // the last upstream_ was
    bool cut_ = false;
    bool flushing_ = false;  // counted in upstream_flush_active
    bool downstream_ended_ = false;
    bool upstream_ended_ = false;
    bool downstream_gone_ = false;
};

}  // namespace heirloom::tcp_proxy
