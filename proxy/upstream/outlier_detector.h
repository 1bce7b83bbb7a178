// SPDX-License-Identifier: Apache-2.0
// OutlierDetector: ejects endpoints of one cluster that stand out by their failures, for a time that grows with each
// ejection, and at most so many at once. Failures in a row are told by the workers; success rates are computed here
// from the endpoints' numbers, once per interval. Main thread.
#pragma once

#include <chrono>
#include <memory>
#include <unordered_map>

#include "proxy/config/health_config.h"
#include "proxy/network/event_loop.h"
#include "proxy/upstream/cluster.h"
#include "proxy/upstream/cluster_hosts.h"
#include "proxy/upstream/endpoint_events.h"
#include "proxy/upstream/fast_random.h"
#include "proxy/upstream/outlier_stats.h"
#include "proxy/upstream/outlier_values.h"

namespace heirloom::upstream {

class OutlierDetector {
  public:
    OutlierDetector(network::EventLoop& loop, const Cluster& cluster, ClusterHosts& hosts, const OutlierStats& stats);

    // The endpoints of `hosts` are others now.
    void follow();
    // REQUIRES: one of the failures in a row.
    void on_event(const Endpoint& endpoint, EndpointEvent event);
    // An active check has found it well: its ejection ends, where that is configured.
    void on_check_passed(const Endpoint& endpoint);
    // What the end of an interval does.
    void judge_now();
    // The generation drains: the gauge is 0 from now on.
    void hide();

  private:
    using Clock = std::chrono::steady_clock;
    enum class Reason : uint8_t {
        consecutive_5xx,
        gateway_failure,
        local_origin_failure,
        success_rate,
        failure_percentage
    };
    struct Host {
        std::shared_ptr<const Endpoint> endpoint;
        uint64_t total = 0, success = 0;  // of its numbers, when the interval began
        uint32_t backoff = 0;             // times base_ejection_time
        bool ejected = false;
        Clock::time_point ejected_at{};
        std::chrono::milliseconds jitter{0};
    };
    struct Rate {
        Host* host;
        double percent;
    };
    static Host begin(const std::shared_ptr<const Endpoint>& endpoint);
    static void on_interval(void* self);
    std::chrono::milliseconds interval() const;
    void detect(Host& host, Reason reason);
    void eject(Host& host, Reason reason);
    void uneject(Host& host);
    void end_ejections();
    void judge_rates();
    std::vector<Rate> rates_of(uint32_t volume) const;
    uint32_t enforcing(Reason reason) const;
    void count(Reason reason, bool enforced) const;
    void show_active() const;

    network::EventLoop& loop_;
    const Cluster& cluster_;
    const config::OutlierDetectionConfig& config_;
    const OutlierValues values_;
    ClusterHosts& hosts_;
    const OutlierStats stats_;
    FastRandom random_ = FastRandom::seeded();
    network::Timer timer_;
    std::unordered_map<const EndpointState*, Host> hosts_known_;
    size_t active_ = 0;  // ejected now
    bool hidden_ = false;
};

}  // namespace heirloom::upstream
