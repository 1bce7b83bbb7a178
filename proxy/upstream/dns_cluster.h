// SPDX-License-Identifier: Apache-2.0
// DnsCluster: the endpoints of a STRICT_DNS cluster. Each configured name is resolved on its own and again after each
// refresh interval (or the answer's TTL); every address of every name is an endpoint. An empty answer or a failure
// keeps the last good set. A LOGICAL_DNS cluster has one name and one endpoint, which moves to the first address of
// each answer: its connections stay, new ones go there. Main thread.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "proxy/config/snapshot.h"
#include "proxy/network/event_loop.h"
#include "proxy/upstream/cluster_stats.h"
#include "proxy/upstream/dns_resolver.h"
#include "proxy/upstream/endpoint.h"

namespace heirloom::upstream {

class DnsCluster {
  public:
    using OnUpdate = std::function<void(EndpointList)>;
    // `on_update`: the set of endpoints has changed. `on_resolved`: once, when each name had its first answer, good or
    // bad.
    DnsCluster(network::EventLoop& loop, DnsResolver& resolver, const config::ClusterConfig& config,
               const ClusterStats& stats, OnUpdate on_update, std::function<void()> on_resolved);
    ~DnsCluster();
    DnsCluster(const DnsCluster&) = delete;
    DnsCluster& operator=(const DnsCluster&) = delete;

    void start();

  private:
    struct Target {  // one configured endpoint
        Target(DnsCluster& in, const config::EndpointConfig& with);
        DnsCluster& cluster;
        const config::EndpointConfig& config;
        network::Timer timer;
        EndpointList endpoints;
        bool answered = false;
    };
    static void on_timer(void* target);
    void resolve(Target& target);
    void on_answer(Target& target, DnsAnswer answer);
    bool take_addresses(Target& target, const std::vector<shm::SocketAddress>& addresses);
    bool take_first(Target& target, const shm::SocketAddress& address);
    void publish();
    void settle(Target& target);

    network::EventLoop& loop_;
    DnsResolver& resolver_;
    const config::ClusterConfig& config_;
    const ClusterStats& stats_;
    OnUpdate on_update_;
    std::function<void()> on_resolved_;
    std::vector<std::unique_ptr<Target>> targets_;
    size_t waiting_ = 0;                                          // targets without a first answer
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // answers may come after the end
};

// The endpoint of one address of `config`.
std::shared_ptr<const Endpoint> make_endpoint(const config::EndpointConfig& config, const shm::SocketAddress& address);
// The one that moves: `before` at another address; null: it begins.
std::shared_ptr<const Endpoint> make_logical_endpoint(const config::EndpointConfig& config,
                                                      const shm::SocketAddress& address, const Endpoint* before);

}  // namespace heirloom::upstream
