// SPDX-License-Identifier: Apache-2.0
// Tunnels between a socket pair's other end and servers on loopback, all in one thread.
#pragma once

#include <sys/socket.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "proxy/tcp_proxy/connection_set.h"
#include "proxy/upstream/worker_cluster.h"
#include "tests/unit/upstream/fixture.h"

namespace heirloom::tcp_proxy {

using std::chrono::milliseconds;

// The other end of a connection: sends what it is told, takes what is there.
class Peer {
  public:
    Peer() = default;
    explicit Peer(UniqueFd fd) : fd_(std::move(fd)) {}
    // Returns how much of it the socket took.
    size_t send(std::string_view bytes) {
        const ssize_t sent = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        return sent > 0 ? static_cast<size_t>(sent) : 0;
    }
    const std::string& receive() {
        char buffer[64 * 1024];
        for (;;) {
            const ssize_t got = ::recv(fd_.get(), buffer, sizeof(buffer), MSG_DONTWAIT);
            if (got > 0) received.append(buffer, static_cast<size_t>(got));
            if (got == 0) ended = true;
            if (got < 0 && errno == ECONNRESET) reset = true;
            if (got <= 0) return received;
        }
    }
    // At most `most` bytes; returns how many there were.
    size_t take(size_t most) {
        std::string buffer(most, '\0');
        const ssize_t got = ::recv(fd_.get(), buffer.data(), most, MSG_DONTWAIT);
        return got > 0 ? static_cast<size_t>(got) : 0;
    }
    bool has(std::string_view text) { return receive().find(text) != std::string::npos; }
    bool at_end() { return receive(), ended; }
    bool at_reset() { return receive(), reset; }
    void finish() { ::shutdown(fd_.get(), SHUT_WR); }
    void leave() { fd_.reset(); }
    // RST instead of FIN.
    void abort() {
        const linger now{1, 0};
        ::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
        fd_.reset();
    }
    explicit operator bool() const { return fd_.valid(); }
    std::string received;
    bool ended = false, reset = false;

  private:
    UniqueFd fd_;
};

struct Server {
    Server() { REQUIRE(::listen(socket.fd.get(), 16) == 0); }
    Peer accept() { return Peer(UniqueFd(::accept4(socket.fd.get(), nullptr, nullptr, SOCK_CLOEXEC))); }
    const shm::SocketAddress& address() const { return socket.address; }
    upstream::BoundSocket socket{SOCK_STREAM};
};

struct TunnelFixture : upstream::LoopFixture, upstream::WorkerClusters {
    struct OneCluster {
        config::ClusterConfig config;
        std::unique_ptr<upstream::Cluster> cluster;
        std::unique_ptr<upstream::WorkerClusterView> view;
    };

    ~TunnelFixture() override {
        set.reset();
        run_for(milliseconds(2));
        clusters.clear();
        log.reset();
        logs.reset();
        if (!log_path.empty()) std::filesystem::remove(log_path);
    }
    upstream::WorkerCluster* find(std::string_view name) override {
        const auto found = clusters.find(std::string(name));
        return found == clusters.end() ? nullptr : found->second.view.get();
    }
    void close_idle() override {}

    void add(config::ClusterConfig with) {
        OneCluster& one = clusters[with.name];
        one.config = std::move(with);
        one.cluster =
            std::make_unique<upstream::Cluster>(one.config, upstream::make_cluster_stats(*registrar, one.config));
        upstream::EndpointList list;
        for (const auto& endpoint : one.config.endpoints) {
            list.push_back(std::make_shared<const upstream::Endpoint>(
                upstream::EndpointIdentity{*endpoint.address, endpoint.hostname, 1, "", "", "", 0, {}, {}}));
        }
        one.view = std::make_unique<upstream::WorkerClusterView>(*loop, *one.cluster, 0,
                                                                 upstream::make_host_set(std::move(list)));
        if (config.clusters.empty()) config.clusters.push_back({one.config.name, 1});
    }
    void add(const std::vector<shm::SocketAddress>& addresses) { add(upstream::cluster_of("up", addresses)); }

    void log_as(const std::string& format) {
        log_path = std::filesystem::temp_directory_path() / ("heirloom-tcp-" + std::to_string(::getpid()));
        std::filesystem::remove(log_path);
        config::AccessLogConfig one;
        one.path = log_path;
        one.format.pieces = *config::parse_access_log_format(format);
        config.access_logs = {one};
    }
    std::string logged() {
        log->flush();
        logs->flush();
        std::stringstream text;
        text << std::ifstream(log_path).rdbuf();
        return text.str();
    }

    // Call after `config` is as the test wants it; connect() does it otherwise.
    void open() {
        config.stat_prefix = "in";
        logs = std::make_unique<access_log::AccessLogManager>(*registrar, milliseconds(10'000));
        std::vector<std::shared_ptr<access_log::File>> files;
        for (const auto& one : config.access_logs) files.push_back(*logs->open(one));
        log = std::make_unique<access_log::Logger>(*loop, config.access_logs, files);
        set = std::make_unique<ConnectionSet>(
            TcpProxySetting{.loop = *loop,
                            .tcp = std::make_shared<config::TcpProxyConfig>(config),
                            .stats = make_tcp_proxy_stats(*registrar, "10.0.0.1:80", "in", "worker_0"),
                            .clusters = *this,
                            .access_log = *log,
                            .random = random,
                            .listen_address = *shm::make_ip_address(listens_on, 80),
                            .buffer_limit_bytes = buffer_limit,
                            .filter_chain_name = "chain"});
        set->on_change([this](int by) { connections += by; });
    }
    network::AcceptedConnection incoming(Peer& client) {
        if (!set) open();
        int fds[2];
        if (over_tcp) {
            fds[0] = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
            const shm::SocketAddress& to = door.address();
            REQUIRE(::connect(fds[0], reinterpret_cast<const sockaddr*>(&to.storage), to.length) == 0);
            fds[1] = ::accept4(door.socket.fd.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
            REQUIRE(fds[1] >= 0);
        } else {
            REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
        }
        client = Peer(UniqueFd(fds[0]));
        return {.fd = UniqueFd(fds[1]),
                .peer = reinterpret_cast<const sockaddr*>(&from.storage),
                .peer_length = from.length};
    }
    Peer connect() {
        Peer client;
        network::AcceptedConnection accepted = incoming(client);  // opens
        set->accept(std::move(accepted));
        return client;
    }
    // A client and the server's end of its tunnel.
    std::pair<Peer, Peer> tunnel(Server& to) {
        Peer client = connect();
        Peer server;
        REQUIRE(run_until([&] { return static_cast<bool>(server = to.accept()); }));
        return {std::move(client), std::move(server)};
    }
    bool all_gone() {
        return run_until([&] { return set->size() == 0; });
    }
    uint64_t tcp(const std::string& name) { return counter("tcp.in." + name); }

    config::TcpProxyConfig config;
    std::map<std::string, OneCluster> clusters;
    uint32_t buffer_limit = 1024 * 1024;
    const char* listens_on = "10.0.0.1";
    bool over_tcp = false;  // clients come by TCP, not by a socket pair
    Server door;
    shm::SocketAddress from = *shm::make_ip_address("10.1.2.3", 4711);
    std::string log_path;
    connection_manager::Random random{7};
    std::unique_ptr<access_log::AccessLogManager> logs;
    std::unique_ptr<access_log::Logger> log;
    std::unique_ptr<ConnectionSet> set;
    int connections = 0;
};

}  // namespace heirloom::tcp_proxy
