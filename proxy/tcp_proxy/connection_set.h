// SPDX-License-Identifier: Apache-2.0
// ConnectionSet: the tunnels of one filter chain with a TCP proxy on one worker. TcpProxySetting is what they share.
// Belongs to the worker's thread; outlives its tunnels.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "proxy/access_log/access_log.h"
#include "proxy/config/snapshot.h"
#include "proxy/connection_manager/random.h"
#include "proxy/network/connection_acceptor.h"
#include "proxy/tcp_proxy/cluster_choice.h"
#include "proxy/tcp_proxy/tcp_proxy_stats.h"
#include "proxy/tcp_proxy/tunnel.h"
#include "proxy/upstream/cluster_manager.h"
#include "proxy/upstream/intrusive_list.h"

namespace heirloom::tcp_proxy {

struct TcpProxySetting {
    network::EventLoop& loop;
    std::shared_ptr<const config::TcpProxyConfig> tcp;
    TcpProxyStats stats;
    upstream::WorkerClusters& clusters;
    access_log::Logger& access_log;
    connection_manager::Random& random;
    shm::SocketAddress listen_address;  // as bound
    uint32_t buffer_limit_bytes = 1024 * 1024;
    std::string filter_chain_name;
    access_log::Logger* listener_log = nullptr;  // of whole connections; null: none
};

class ConnectionSet final : public network::ConnectionAcceptor {
  public:
    explicit ConnectionSet(TcpProxySetting setting);
    // Cuts what is left. REQUIRES: no tunnel is on the stack.
    ~ConnectionSet() override;
    ConnectionSet(const ConnectionSet&) = delete;
    ConnectionSet& operator=(const ConnectionSet&) = delete;

    void accept(network::AcceptedConnection accepted) override;
    size_t size() const override { return tunnels_.size(); }
    void on_change(std::function<void(int)> callback) override { on_change_ = std::move(callback); }

    // Nothing can be told inside of bytes that only the two ends understand, and nobody here knows whether a silent
    // tunnel is idle: they go on until cut(), as in Envoy.
    void announce_drain() override {}
    void announce_close() override {}
    void close_idle() override {}
    void cut() override;
    // What is buffered is sent as far as the sockets take it by the end of the iteration, then both ends get a FIN; the
    // tunnels are gone by then, but for those whose peer takes nothing: these stay until the destructor.
    void close_now() override;

    // For tunnels.
    const TcpProxySetting& setting() const { return setting_; }
    upstream::WorkerCluster* choose_cluster();
    bool logs() const { return !setting_.access_log.empty() || setting_.listener_log; }
    // Of the listener, or where that says too little of the connection itself.
    const shm::SocketAddress& local_address(network::Connection& connection) const;
    // Empty, for the tunnel that ends now.
    http::StreamInfo& record();
    void log(const http::StreamInfo& info, config::LogType type);
    void remove(Tunnel& tunnel);

  private:
    void finish_all(std::chrono::milliseconds linger);

    TcpProxySetting setting_;
    ClusterChoice choice_;
    const bool listens_on_any_;
    const http::HeaderMap no_headers_;
    http::StreamInfo record_;
    upstream::IntrusiveList<Tunnel, &Tunnel::hook> tunnels_;
    std::function<void(int)> on_change_;
};

}  // namespace heirloom::tcp_proxy
