// SPDX-License-Identifier: Apache-2.0
#include "proxy/tcp_proxy/connection_set.h"

namespace heirloom::tcp_proxy {

ConnectionSet::ConnectionSet(TcpProxySetting setting)
    : setting_(std::move(setting)),
      choice_(*setting_.tcp, setting_.clusters),
      listens_on_any_(setting_.listen_address.is_any()) {}

ConnectionSet::~ConnectionSet() {
    while (Tunnel* const tunnel = tunnels_.front()) tunnel->cut();
}

void ConnectionSet::accept(network::AcceptedConnection accepted) {
    auto tunnel = std::make_unique<Tunnel>(*this, std::move(accepted));
    if (!tunnel->start()) return;
    tunnels_.push_back(*tunnel.release());  // owned by the list until remove()
    if (on_change_) on_change_(1);
}

void ConnectionSet::cut() { finish_all(Tunnel::kLinger); }

void ConnectionSet::close_now() { finish_all(std::chrono::milliseconds(0)); }

void ConnectionSet::finish_all(std::chrono::milliseconds linger) {
    for (Tunnel* tunnel = tunnels_.front(); tunnel;) {
        Tunnel* const next = tunnels_.next(*tunnel);
        tunnel->finish(linger);
        tunnel = next;
    }
}

upstream::WorkerCluster* ConnectionSet::choose_cluster() {
    return choice_.choose(choice_.by_chance() ? setting_.random.next() : 0);
}

const shm::SocketAddress& ConnectionSet::local_address(network::Connection& connection) const {
    return listens_on_any_ ? connection.local_address() : setting_.listen_address;
}

http::StreamInfo& ConnectionSet::record() {
    record_.reset();
    return record_;
}

void ConnectionSet::log(const http::StreamInfo& info, config::LogType type) {
    setting_.access_log.log({info, no_headers_, nullptr, nullptr, type});
    // What the listener has to say of the connection is the same.
    if (setting_.listener_log && type == config::LogType::tcp_connection_end)
        setting_.listener_log->log({info, no_headers_, nullptr, nullptr, config::LogType::not_set});
}

void ConnectionSet::remove(Tunnel& tunnel) {
    tunnels_.remove(tunnel);
    tunnel.count_no_longer();
    setting_.loop.destroy_later(std::unique_ptr<network::Deferred>(&tunnel));
    if (on_change_) on_change_(-1);
}

}  // namespace heirloom::tcp_proxy
