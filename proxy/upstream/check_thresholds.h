// SPDX-License-Identifier: Apache-2.0
// CheckThresholds: what the results of one endpoint's active checks come to, as Envoy has it. A new endpoint is failed
// until its first check; the first success makes it healthy at once, later ones after healthy_threshold in a row. A
// failure counts toward unhealthy_threshold; an answer that is wrong (no mere network trouble) fails it at once.
#pragma once

#include <cstdint>

#include "proxy/upstream/host_health.h"

namespace heirloom::upstream {

enum class CheckResult : uint8_t {
    healthy,
    degraded,
    wrong_answer,
    retriable_answer,  // wrong, but configured to count toward the threshold only
    network_failure,   // no connection, or it broke
    timeout,
    told_to_leave,  // x-envoy-immediate-health-check-fail, of a check or of an ordinary response
};

class CheckThresholds {
  public:
    CheckThresholds(uint32_t healthy_threshold, uint32_t unhealthy_threshold)
        : healthy_threshold_(healthy_threshold), unhealthy_threshold_(unhealthy_threshold) {}

    struct Outcome {
        HealthFlags set = 0, cleared = 0;
        bool pending = false;  // a change begins to show; the edge intervals apply
    };
    // `flags`: of the endpoint now.
    Outcome take(CheckResult result, HealthFlags flags);

  private:
    Outcome succeed(bool degraded, HealthFlags flags);
    Outcome fail(CheckResult result, HealthFlags flags);

    const uint32_t healthy_threshold_;
    const uint32_t unhealthy_threshold_;
    uint32_t successes_ = 0;  // in a row, while failed
    uint32_t failures_ = 0;   // in a row, while healthy
    bool first_ = true;
};

}  // namespace heirloom::upstream
