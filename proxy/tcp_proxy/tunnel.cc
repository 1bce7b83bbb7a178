// SPDX-License-Identifier: Apache-2.0
#include "proxy/tcp_proxy/tunnel.h"

#include <algorithm>

#include "proxy/tcp_proxy/connection_set.h"

namespace heirloom::tcp_proxy {

using http::ResponseFlag;
using network::CloseReason;
using network::Connection;
using std::chrono::milliseconds;

namespace {

// Between two looks at what a slow peer takes: a hundredth of idle_timeout, within these.
constexpr milliseconds kLeastLook{10};
constexpr milliseconds kMostLook{1000};

}  // namespace

Tunnel::Tunnel(ConnectionSet& set, network::AcceptedConnection accepted)
    : set_(set), ticket_(std::move(accepted.ticket)), downstream_(set.setting().loop, std::move(accepted.fd), *this) {
    if (set.logs()) {
        downstream_.set_remote_address(shm::from_sockaddr(accepted.peer, accepted.peer_length));
        server_name_ = std::move(accepted.server_name);
    }
    downstream_.set_high_watermark(set.setting().buffer_limit_bytes);
    downstream_.set_reading(false);
    if (accepted.client) {
        const shm::SocketAddress target = accepted.client_target ? *accepted.client_target : shm::SocketAddress{};
        proxied_ = std::make_unique<const Proxied>(Proxied{*accepted.client, target});
    }
    if (accepted.transport) {
        downstream_.set_transport_socket(std::move(accepted.transport));
        downstream_.set_handshake_timeout(accepted.handshake_timeout);
    }
    if (!accepted.unread.empty()) downstream_.prepend_input(std::move(accepted.unread));
}

bool Tunnel::start() {
    if (!downstream_.start()) return false;
    const TcpProxySetting& setting = set_.setting();
    setting.stats.tcp.downstream_cx_total.add();
    setting.stats.listener.downstream_cx_total.add();
    setting.stats.listener.downstream_cx_active.add();
    setting.stats.worker.downstream_cx_total.add();
    setting.stats.worker.downstream_cx_active.add();
    setting.stats.total_connections.add();
    if (set_.logs()) local_address();  // not known any more when it is closed
    start_ = setting.loop.now();
    start_wall_ = setting.loop.wall_now();
    if (const milliseconds limit = setting.tcp->max_connection_duration; limit.count() > 0) {
        duration_timer_ = std::make_unique<network::Timer>(&Tunnel::on_max_duration, this);
        duration_timer_->arm(setting.loop.timers(), limit);
    }
    if (const milliseconds interval = setting.tcp->access_log_options.interval; interval.count() > 0 && set_.logs()) {
        log_timer_ = std::make_unique<network::Timer>(&Tunnel::on_log_interval, this);
        log_timer_->arm(setting.loop.timers(), interval);
    }
    connect();
    return true;
}

// --- upstream --------------------------------------------------------------------------------------------------------

void Tunnel::connect() {
    const TcpProxySetting& setting = set_.setting();
    cluster_ = set_.choose_cluster();
    if (!cluster_) {
        setting.stats.tcp.downstream_cx_no_route.add();
        return refuse(ResponseFlag::no_cluster_found);
    }
    upstream::EndpointLease lease = cluster_->choose();
    if (!lease) return refuse(ResponseFlag::no_healthy_upstream);
    std::shared_ptr<const upstream::Endpoint> endpoint = lease.use()->shared_endpoint();
    upstream::StreamNeeds needs;
    if (cluster_->config().proxy_protocol != config::ClusterConfig::ProxyProtocol::none) {
        needs.source = &client_address();
        needs.destination = &local_address();
    }
    upstream::TcpAcquired acquired = cluster_->connect_tcp(std::move(lease), upstream_side_, needs);
    if (!acquired.upstream) {
        return acquired.failure == http::StreamReset::overflow ? refuse(ResponseFlag::upstream_overflow)
                                                               : close_downstream();
    }
    ++attempts_;
    upstream_ = std::move(acquired.upstream);
    endpoint_ = std::move(endpoint);
    upstream_state_ = Upstream::connecting;
}

void Tunnel::refuse(ResponseFlag flag) {
    set_flag(flag);
    close_downstream();
}

void Tunnel::on_upstream_failure(http::StreamReset reason, std::string_view why) {
    upstream_state_ = Upstream::none;
    if (reason == http::StreamReset::connection_terminated) return close_downstream();  // the process ends
    set_flag(ResponseFlag::upstream_connection_failure);
    transport_failure_ = why;
    if (downstream_.closing()) return;
    if (attempts_ >= set_.setting().tcp->max_connect_attempts) {
        cluster_->stats().upstream_cx_connect_attempts_exceeded.add();
        return refuse(ResponseFlag::upstream_retry_limit_exceeded);
    }
    endpoint_.reset();
    set_.setting().loop.destroy_later(std::move(upstream_));
    connect();
}

void Tunnel::on_upstream_connected() {
    upstream_state_ = Upstream::open;
    connected_ = true;
    if (downstream_.closing()) return end_upstream();
    if (set_.logs()) up().local_address();  // not known any more when it is closed
    if (set_.logs() && set_.setting().tcp->access_log_options.at_tunnel) log(config::LogType::tcp_upstream_connected);
    up().set_reading(downstream_.connected());
    downstream_.set_reading(true);
    touch();
}

// --- bytes -----------------------------------------------------------------------------------------------------------

void Tunnel::on_connected() {
    if (upstream_state_ == Upstream::open) up().set_reading(true);
}

void Tunnel::forward(Connection& from, Connection& to) {
    to.write_buffer().move_from(from.read_buffer());
    to.flush();
    note_progress();
}

void Tunnel::note_progress() {
    count_bytes();
    if (upstream_state_ == Upstream::open) touch();
}

void Tunnel::on_data() {
    if (upstream_state_ != Upstream::open) return;
    forward(downstream_, up());
    upstream_->count_bytes();
}

void Tunnel::on_upstream_data() { forward(up(), downstream_); }

void Tunnel::on_write_buffer_high() {
    if (upstream_state_ != Upstream::open) return;
    up().set_reading(false);
    cluster_->stats().upstream_flow_control_paused_reading_total.add();
}

void Tunnel::on_write_buffer_low() {
    if (upstream_state_ != Upstream::open) return;
    up().set_reading(true);
    cluster_->stats().upstream_flow_control_resumed_reading_total.add();
}

void Tunnel::pause_downstream() {
    downstream_.set_reading(false);
    set_.setting().stats.tcp.downstream_flow_control_paused_reading_total.add();
}

void Tunnel::resume_downstream() {
    downstream_.set_reading(true);
    set_.setting().stats.tcp.downstream_flow_control_resumed_reading_total.add();
}

// --- end -------------------------------------------------------------------------------------------------------------

void Tunnel::on_end_of_stream() {
    downstream_ended_ = true;
    if (upstream_state_ != Upstream::open) return;
    if (upstream_ended_) return end_both();
    up().finish_writing();
}

void Tunnel::on_upstream_end() {
    upstream_ended_ = true;
    if (downstream_ended_) return end_both();
    downstream_.finish_writing();
}

void Tunnel::end_both() {
    end_upstream();
    // Its peer finished, so there is nothing to wait for but the write buffer.
    if (downstream_.pending_write_bytes() == 0) {
        end_ = set_.setting().loop.now();
        downstream_.close(CloseReason::remote);
    } else {
        close_downstream();
    }
}

// What waits for the endpoint is still sent; without that it is closed when this returns.
void Tunnel::end_upstream() {
    switch (upstream_state_) {
        case Upstream::none:
            return;
        case Upstream::open:
            if (cut_ || up().pending_write_bytes() == 0) break;
            upstream_state_ = Upstream::closing;
            return up().close_after_flush(milliseconds(0));
        case Upstream::closing:
            if (!cut_) return;
            break;
        case Upstream::connecting:
            break;
    }
    upstream_state_ = Upstream::none;
    upstream_->close();
}

void Tunnel::on_upstream_closed() {
    upstream_state_ = Upstream::none;
    if (!downstream_gone_) return close_downstream();
    if (flushing_) set_.setting().stats.tcp.upstream_flush_active.sub();
    set_.remove(*this);
}

void Tunnel::close_downstream() {
    if (downstream_.closing()) return;
    end_ = set_.setting().loop.now();
    downstream_.close_after_flush(kLinger);
}

void Tunnel::finish(milliseconds linger) {
    if (!downstream_gone_) {
        end_ = set_.setting().loop.now();
        downstream_.close_after_flush(linger);
    }
    if (upstream_state_ == Upstream::open) {
        upstream_state_ = Upstream::closing;
        up().close_after_flush(milliseconds(0));
    }
}

void Tunnel::cut() {
    cut_ = true;
    if (!downstream_gone_) return downstream_.close();
    end_upstream();
    if (flushing_) set_.setting().stats.tcp.upstream_flush_active.sub();
    set_.remove(*this);
}

void Tunnel::on_closed(CloseReason reason) {
    downstream_gone_ = true;
    idle_timer_.cancel();
    duration_timer_.reset();
    log_timer_.reset();
    const TcpProxySetting& setting = set_.setting();
    if (reason == CloseReason::connect_timeout) {
        setting.stats.listener.downstream_cx_transport_socket_connect_timeout.add();
        termination_ = "transport socket timeout was reached";
    }
    if (end_ == std::chrono::steady_clock::time_point{}) end_ = setting.loop.now();
    count_bytes();
    const auto lived = std::chrono::duration_cast<milliseconds>(setting.loop.now() - start_);
    setting.stats.listener.downstream_cx_destroy.add();
    setting.stats.listener.downstream_cx_active.sub();
    setting.stats.listener.downstream_cx_length_ms.record(static_cast<uint64_t>(lived.count()));
    setting.stats.worker.downstream_cx_active.sub();
    setting.stats.total_connections.sub();
    if (set_.logs()) log(config::LogType::tcp_connection_end);
    end_upstream();
    if (upstream_state_ == Upstream::none) return set_.remove(*this);
    flushing_ = up().pending_write_bytes() != 0;
    if (flushing_) {
        setting.stats.tcp.upstream_flush_total.add();
        setting.stats.tcp.upstream_flush_active.add();
    }
}

// --- time ------------------------------------------------------------------------------------------------------------

void Tunnel::touch() {
    const milliseconds limit = set_.setting().tcp->idle_timeout;
    if (limit.count() == 0 || downstream_.closing()) return;
    sent_ = downstream_.bytes_sent() + up().bytes_sent();
    progress_at_ = set_.setting().loop.now();
    watch_idle(limit);
}

// Nobody is told of each piece that a peer takes of what waits for it: while something does, it is looked at now and
// then.
void Tunnel::watch_idle(milliseconds left) {
    if (downstream_.pending_write_bytes() != 0 || up().pending_write_bytes() != 0) {
        const milliseconds limit = set_.setting().tcp->idle_timeout;
        left = std::min(left, std::clamp(limit / 100, kLeastLook, kMostLook));
    }
    idle_timer_.arm(set_.setting().loop.timers(), left);
}

void Tunnel::on_idle(void* self) {
    auto& tunnel = *static_cast<Tunnel*>(self);
    if (tunnel.downstream_.closing() || tunnel.upstream_state_ != Upstream::open) return;
    // A peer that takes what waited for it is not idle.
    if (tunnel.downstream_.bytes_sent() + tunnel.up().bytes_sent() != tunnel.sent_) return tunnel.touch();
    const auto silent = tunnel.set_.setting().loop.now() - tunnel.progress_at_;
    const auto left = std::chrono::ceil<milliseconds>(tunnel.set_.setting().tcp->idle_timeout - silent);
    if (left.count() > 0) return tunnel.watch_idle(left);
    tunnel.set_.setting().stats.tcp.idle_timeout.add();
    tunnel.cut();
}

void Tunnel::on_max_duration(void* self) {
    auto& tunnel = *static_cast<Tunnel*>(self);
    if (tunnel.downstream_.closing()) return;
    tunnel.set_.setting().stats.tcp.max_downstream_connection_duration.add();
    tunnel.set_flag(ResponseFlag::duration_timeout);
    tunnel.cut();
}

// --- what is told ----------------------------------------------------------------------------------------------------

const shm::SocketAddress& Tunnel::client_address() {
    return proxied_ ? proxied_->client : downstream_.remote_address();
}

const shm::SocketAddress& Tunnel::local_address() {
    return proxied_ && proxied_->target.length != 0 ? proxied_->target : set_.local_address(downstream_);
}

void Tunnel::count_bytes() {
    const TcpStats& stats = set_.setting().stats.tcp;
    stats.downstream_cx_rx_bytes_total.add(downstream_.bytes_received() - counted_received_);
    stats.downstream_cx_tx_bytes_total.add(downstream_.bytes_sent() - counted_sent_);
    counted_received_ = downstream_.bytes_received();
    counted_sent_ = downstream_.bytes_sent();
    const auto tell = [](const stats::Gauge& gauge, size_t now, size_t& told) {
        if (now != told) gauge.add(static_cast<int64_t>(now) - static_cast<int64_t>(told));
        told = now;
    };
    tell(stats.downstream_cx_rx_bytes_buffered, downstream_.read_buffer().size(), buffered_in_);
    tell(stats.downstream_cx_tx_bytes_buffered, downstream_.pending_write_bytes(), buffered_out_);
}

void Tunnel::on_log_interval(void* self) {
    auto& tunnel = *static_cast<Tunnel*>(self);
    if (tunnel.downstream_.closing()) return;
    tunnel.log(config::LogType::tcp_periodic);
    const TcpProxySetting& setting = tunnel.set_.setting();
    tunnel.log_timer_->arm(setting.loop.timers(), setting.tcp->access_log_options.interval);
}

void Tunnel::log(config::LogType type) {
    http::StreamInfo& info = set_.record();
    info.protocol.reset();
    info.start_wall = start_wall_;
    info.start = start_;
    if (type == config::LogType::tcp_connection_end) info.end = end_;
    info.response_flags = flags_;
    info.connection_termination_details = termination_;
    info.bytes_received = downstream_.bytes_received();
    info.bytes_sent = downstream_.bytes_sent();
    info.upstream_attempts = attempts_;
    info.connection_id = downstream_.id();
    info.downstream_direct_remote = &downstream_.remote_address();
    if (proxied_) info.downstream_remote = proxied_->client.to_string();
    info.downstream_local = &local_address();
    info.downstream_tls = downstream_.tls();
    info.requested_server_name = server_name_;
    info.filter_chain_name = set_.setting().filter_chain_name;
    if (cluster_) {
        const config::ClusterConfig& config = cluster_->config();
        info.upstream_cluster = config.alt_stat_name.empty() ? config.name : config.alt_stat_name;
    }
    if (endpoint_) {
        info.upstream_host = &endpoint_->address();
        info.upstream_host_name = endpoint_->hostname();
    }
    if (!transport_failure_.empty()) info.make_upstream_details().transport_failure = transport_failure_;
    if (connected_) {
        info.upstream_local = up().local_address();
        if (const network::TlsSession* const tls = up().tls()) info.make_upstream_details().tls = tls->keep();
    }
    set_.log(info, type);
    info.forget_upstream_connection();
}

}  // namespace heirloom::tcp_proxy
