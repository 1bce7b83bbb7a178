// SPDX-License-Identifier: Apache-2.0
// ClusterHosts: the main thread's truth about one cluster: which endpoints it has and how healthy each is. Whoever
// finds something out (configuration, DNS, health checks, outlier detection) tells it here; each change is counted in
// the `membership_*` stats and published as a whole.
#pragma once

#include <functional>
#include <memory>
#include <unordered_map>

#include "proxy/upstream/cluster_stats.h"
#include "proxy/upstream/host_set.h"

namespace heirloom::upstream {

class ClusterHosts {
  public:
    using Publish = std::function<void(std::shared_ptr<const HostSet>)>;
    ClusterHosts(const ClusterStats& stats, Publish publish);

    // Health of endpoints that stay is kept; a new one gets what is configured for it, and `initial` unless it is
    // exempt from active checks. One that only moved to another address is no change of membership.
    void set_endpoints(EndpointList endpoints, HealthFlags initial = 0);
    // Nothing happens when nothing changes, or the endpoint is gone.
    void change(const Endpoint& endpoint, HealthFlags set, HealthFlags cleared);
    // 0: it is gone.
    HealthFlags flags(const Endpoint& endpoint) const;
    const HostSet& hosts() const { return *hosts_; }
    // From now on the gauges are 0: another generation shows them.
    void hide();

  private:
    void publish(std::shared_ptr<const HostSet> hosts);
    void show() const;

    const ClusterStats& stats_;
    std::unordered_map<const EndpointState*, size_t> index_of_;
    const Publish publish_;
    std::shared_ptr<const HostSet> hosts_ = std::make_shared<const HostSet>();
    bool hidden_ = false;
};

}  // namespace heirloom::upstream
