// SPDX-License-Identifier: Apache-2.0
#include "proxy/stats/rules.h"

namespace heirloom::stats {

std::span<const double> Rules::buckets_of(std::string_view name) const {
    for (const BucketRule& rule : buckets) {
        if (rule.matches(name)) return rule.bounds;
    }
    return {};
}

const Rules& default_rules() {
    static const Rules rules;
    return rules;
}

}  // namespace heirloom::stats
