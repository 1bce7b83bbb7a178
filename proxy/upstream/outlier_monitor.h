// SPDX-License-Identifier: Apache-2.0
// OutlierMonitor: outlier detection's ear on a worker: counts failures of an endpoint in a row, as Envoy does, and
// tells when there are enough. What follows is decided on the main thread (outlier_detector.h). Costs nothing where no
// outlier detection is configured.
#pragma once

#include <functional>
#include <memory>

#include "proxy/config/health_config.h"
#include "proxy/upstream/endpoint.h"
#include "proxy/upstream/endpoint_events.h"

namespace heirloom::upstream {

class OutlierMonitor {
  public:
    using Tell = std::function<void(const std::shared_ptr<const Endpoint>&, EndpointEvent)>;
    // `config` null: nothing is counted. Both outlive this.
    OutlierMonitor(const config::OutlierDetectionConfig* config, const Tell& tell) : config_(config), tell_(tell) {}

    void on_status(const EndpointLease& endpoint, uint16_t status) const {
        if (config_) count_status(endpoint, status);
    }
    void on_local_origin(const EndpointLease& endpoint, LocalOrigin what) const {
        if (config_) count_local_origin(endpoint, what);
    }
    // A raw connection is there; it is all that is known of it.
    void on_tcp_connected(const EndpointLease& endpoint) const {
        if (!config_) return;
        if (config_->split_external_local_origin_errors) return count_local_origin(endpoint, LocalOrigin::connected);
        count_status(endpoint, 200);
    }

  private:
    void count_status(const EndpointLease& endpoint, uint16_t status) const;
    void count_local_origin(const EndpointLease& endpoint, LocalOrigin what) const;
    void lengthen(const EndpointLease& endpoint, std::atomic<uint32_t>& streak, uint32_t threshold,
                  EndpointEvent event) const;

    const config::OutlierDetectionConfig* const config_;
    const Tell& tell_;
};

}  // namespace heirloom::upstream
