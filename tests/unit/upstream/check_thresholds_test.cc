// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/check_thresholds.h"

#include <doctest/doctest.h>

namespace heirloom::upstream {

namespace {

using namespace health_flag;

struct Checked {
    Checked(uint32_t healthy, uint32_t unhealthy) : thresholds(healthy, unhealthy) {}
    // What the endpoint is after these results: h(ealthy) d(egraded) w(rong) r(etriable) n(etwork) t(imeout) l(eave).
    std::string after(std::string_view results) {
        for (const char c : results) {
            const CheckResult result = c == 'h'   ? CheckResult::healthy
                                       : c == 'd' ? CheckResult::degraded
                                       : c == 'w' ? CheckResult::wrong_answer
                                       : c == 'r' ? CheckResult::retriable_answer
                                       : c == 'n' ? CheckResult::network_failure
                                       : c == 't' ? CheckResult::timeout
                                                  : CheckResult::told_to_leave;
            const auto outcome = thresholds.take(result, flags);
            flags = static_cast<HealthFlags>((flags & ~outcome.cleared) | outcome.set);
            pending = outcome.pending;
        }
        return flags_text(flags);
    }
    CheckThresholds thresholds;
    HealthFlags flags = failed_active_check;
    bool pending = false;
};

}  // namespace

TEST_CASE("the first success makes an endpoint healthy at once, later ones in a row") {
    Checked one(3, 2);
    CHECK(one.after("h") == "healthy");
    CHECK(one.after("w") == "/failed_active_hc");
    CHECK(one.after("hh") == "/failed_active_hc");
    CHECK(one.pending);
    CHECK(one.after("n") == "/failed_active_hc");
    CHECK_FALSE(one.pending);
    CHECK(one.after("hh") == "/failed_active_hc");
    CHECK(one.after("h") == "healthy");
    CHECK_FALSE(one.pending);
}

TEST_CASE("a first failure leaves it failed, and then the threshold counts") {
    Checked one(2, 2);
    CHECK(one.after("n") == "/failed_active_hc");
    CHECK(one.after("h") == "/failed_active_hc");
    CHECK(one.after("h") == "healthy");
}

TEST_CASE("network trouble and retriable answers count toward the threshold; a wrong answer is enough") {
    Checked one(1, 3);
    CHECK(one.after("hnr") == "healthy");
    CHECK(one.pending);
    CHECK(one.after("h") == "healthy");
    CHECK(one.after("nt") == "healthy");
    CHECK(one.after("n") == "/failed_active_hc");
    CHECK(one.after("hw") == "/failed_active_hc");
}

TEST_CASE("a timeout is told apart while the endpoint is failed") {
    Checked one(1, 1);
    CHECK(one.after("t") == "/failed_active_hc/active_hc_timeout");
    CHECK(one.after("n") == "/failed_active_hc");
    CHECK(one.after("th") == "healthy");
}

TEST_CASE("degraded comes and goes; who is told to leave is excluded until it is healthy") {
    Checked one(2, 3);
    CHECK(one.after("d") == "/degraded_active_hc");
    CHECK(one.after("h") == "healthy");
    CHECK(one.after("l") == "/failed_active_hc/excluded_via_immediate_hc_fail");
    CHECK(one.after("hh") == "healthy");
}

}  // namespace heirloom::upstream
