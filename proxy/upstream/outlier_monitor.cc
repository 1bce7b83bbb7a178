// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/outlier_monitor.h"

#include "proxy/upstream/outlier_values.h"

namespace heirloom::upstream {

namespace {

// A row that has not begun costs a read.
void end(std::atomic<uint32_t>& streak) {
    if (streak.load(std::memory_order_relaxed) != 0) streak.store(0, std::memory_order_relaxed);
}

bool is_gateway_failure(uint16_t status) { return status >= 502 && status <= 504; }

}  // namespace

void OutlierMonitor::count_status(const EndpointLease& endpoint, uint16_t status) const {
    FailureStreaks& streaks = endpoint.endpoint().streaks();
    WorkerNumbers& numbers = endpoint.numbers();
    numbers.outlier_total.add();
    if (status < 500) {
        numbers.outlier_success.add();
        end(streaks.responses_5xx);
        end(streaks.gateway);
        return;
    }
    if (is_gateway_failure(status)) {
        lengthen(endpoint, streaks.gateway, OutlierValues(*config_).consecutive_gateway_failure(),
                 EndpointEvent::consecutive_gateway_failure);
    } else {
        end(streaks.gateway);
    }
    lengthen(endpoint, streaks.responses_5xx, OutlierValues(*config_).consecutive_5xx(),
             EndpointEvent::consecutive_5xx);
}

void OutlierMonitor::count_local_origin(const EndpointLease& endpoint, LocalOrigin what) const {
    if (!config_->split_external_local_origin_errors) {
        if (what != LocalOrigin::connected) count_status(endpoint, what == LocalOrigin::timeout ? 504 : 503);
        return;
    }
    FailureStreaks& streaks = endpoint.endpoint().streaks();
    if (what == LocalOrigin::connected) return end(streaks.local_origin);
    lengthen(endpoint, streaks.local_origin, OutlierValues(*config_).consecutive_local_origin_failure(),
             EndpointEvent::consecutive_local_origin_failure);
}

void OutlierMonitor::lengthen(const EndpointLease& endpoint, std::atomic<uint32_t>& streak, uint32_t threshold,
                              EndpointEvent event) const {
    if (streak.fetch_add(1, std::memory_order_relaxed) + 1 == threshold)
        tell_(endpoint.use()->shared_endpoint(), event);
}

}  // namespace heirloom::upstream
