// SPDX-License-Identifier: Apache-2.0
// ClusterChecks: the active health checks of one cluster: a probe and a clock for each endpoint, what their results
// come to, and the `health_check.*` stats. The first round begins with the loop; when each endpoint that was there had
// its first result the cluster is ready to be used. Main thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "proxy/config/health_config.h"
#include "proxy/network/event_loop.h"
#include "proxy/tls/context.h"
#include "proxy/upstream/cluster.h"
#include "proxy/upstream/cluster_hosts.h"
#include "proxy/upstream/fast_random.h"
#include "proxy/upstream/health_check_stats.h"

namespace heirloom::upstream {

class ClusterChecks {
  public:
    using Tls = std::function<std::shared_ptr<const tls::ClientContext>()>;  // of now; null: none
    ClusterChecks(network::EventLoop& loop, const Cluster& cluster, ClusterHosts& hosts, const HealthCheckStats& stats,
                  Tls tls);
    ~ClusterChecks();

    // What a new endpoint starts with. Stopped: nobody would ever check it.
    HealthFlags initial() const { return stopped_ ? HealthFlags{0} : health_flag::failed_active_check; }
    // The endpoints of `hosts` are others now.
    void follow();
    // Calls `done` when all endpoints that are there have been checked once; maybe at once.
    void on_first_round(std::function<void()> done);
    // An ordinary response asked for it (x-envoy-immediate-health-check-fail).
    void fail_at_once(const Endpoint& endpoint);
    // Each time an endpoint has passed a check. Null at first.
    std::function<void(const Endpoint&)> on_passed;
    // The generation drains: the health stays as it is.
    void stop();

  private:
    class HostCheck;
    std::chrono::milliseconds next_interval(bool healthy, bool pending);
    bool had_traffic();
    void on_first_result();
    void count(HealthFlags flags, int64_t by);

    network::EventLoop& loop_;
    const Cluster& cluster_;
    const config::HealthCheckConfig& config_;
    ClusterHosts& hosts_;
    const HealthCheckStats stats_;
    const Tls tls_;
    FastRandom random_ = FastRandom::seeded();
    std::unordered_map<const EndpointState*, std::unique_ptr<HostCheck>> checks_;
    std::function<void()> first_round_done_;
    std::unordered_set<const EndpointState*> awaited_;  // of the first round; others that come are not waited for
    bool had_traffic_ = false;
    bool stopped_ = false;
};

}  // namespace heirloom::upstream
