// SPDX-License-Identifier: Apache-2.0
#include "proxy/listener/listener_stats.h"

namespace heirloom::listener {

ListenerStats make_listener_stats(stats::Registrar& registrar, std::string_view name) {
    const std::string prefix = "listener." + stats::sanitize(name) + ".";
    HEIRLOOM_PREFETCH(registrar, prefix, HEIRLOOM_ACCEPT_STATS)
    return {HEIRLOOM_ACCEPT_STATS(HEIRLOOM_MAKE_COUNTER, HEIRLOOM_MAKE_GAUGE, HEIRLOOM_MAKE_HISTOGRAM)};
}

}  // namespace heirloom::listener
