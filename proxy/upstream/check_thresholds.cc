// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/check_thresholds.h"

namespace heirloom::upstream {

using namespace health_flag;

CheckThresholds::Outcome CheckThresholds::take(CheckResult result, HealthFlags flags) {
    const bool good = result == CheckResult::healthy || result == CheckResult::degraded;
    Outcome outcome = good ? succeed(result == CheckResult::degraded, flags) : fail(result, flags);
    outcome.cleared = static_cast<HealthFlags>(outcome.cleared | pending_active_check);
    first_ = false;
    return outcome;
}

CheckThresholds::Outcome CheckThresholds::succeed(bool degraded, HealthFlags flags) {
    Outcome outcome;
    failures_ = 0;
    if (flags & failed_active_check) {
        if (first_ || ++successes_ >= healthy_threshold_) {
            outcome.cleared = failed_active_check | active_check_timeout | excluded_at_once;
            successes_ = 0;
        } else {
            outcome.pending = true;
        }
    }
    if (degraded) {
        outcome.set = degraded_active_check;
    } else {
        outcome.cleared = static_cast<HealthFlags>(outcome.cleared | degraded_active_check);
    }
    return outcome;
}

CheckThresholds::Outcome CheckThresholds::fail(CheckResult result, HealthFlags flags) {
    Outcome outcome;
    successes_ = 0;
    if (result == CheckResult::told_to_leave) outcome.set = excluded_at_once;
    if (flags & failed_active_check) {
        failures_ = 0;
    } else {
        const bool at_once = result == CheckResult::wrong_answer || result == CheckResult::told_to_leave;
        ++failures_;
        if (at_once || failures_ >= unhealthy_threshold_) {
            outcome.set = static_cast<HealthFlags>(outcome.set | failed_active_check);
            failures_ = 0;
        } else {
            outcome.pending = true;
        }
    }
    // Tells why it is failed, not that it is.
    const bool failed = (flags | outcome.set) & failed_active_check;
    if (failed && result == CheckResult::timeout) {
        outcome.set = static_cast<HealthFlags>(outcome.set | active_check_timeout);
    } else if (failed) {
        outcome.cleared = active_check_timeout;
    }
    return outcome;
}

}  // namespace heirloom::upstream
