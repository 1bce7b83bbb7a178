// SPDX-License-Identifier: Apache-2.0
#include "proxy/router/router_stats.h"

namespace heirloom::router {

RouterStats make_router_stats(stats::Registrar& registrar, std::string_view stat_prefix) {
    const std::string prefix = "http." + stats::sanitize(stat_prefix) + ".";
    HEIRLOOM_PREFETCH(registrar, prefix, HEIRLOOM_ROUTER_STATS)
    return {HEIRLOOM_ROUTER_STATS(HEIRLOOM_MAKE_COUNTER, HEIRLOOM_MAKE_GAUGE, HEIRLOOM_MAKE_HISTOGRAM)};
}

}  // namespace heirloom::router
