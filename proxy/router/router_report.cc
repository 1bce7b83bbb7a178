// SPDX-License-Identifier: Apache-2.0
// RouterFilter: what it tells of endpoints, for outlier detection and health checks.
#include "proxy/router/router_filter.h"
#include "proxy/router/upstream_failure.h"

namespace heirloom::router {

// A raw connection has told of itself.
void RouterFilter::report(upstream::LocalOrigin what) const {
    if (!endpoint_ || (action_->connect && tunnel_ != Tunnel::none)) return;
    cluster_->report_local_origin(endpoint_, what);
}

void RouterFilter::report(const http::HeaderMap& response, uint16_t status) const {
    if (action_->connect && tunnel_ != Tunnel::none) return;
    const config::ClusterConfig& config = cluster_->config();
    if (config.outlier_detection) cluster_->report_status(endpoint_, outlier_status(response, status));
    if (config.health_check && response.find("x-envoy-immediate-health-check-fail"))
        cluster_->report_told_to_leave(endpoint_);
}

}  // namespace heirloom::router
