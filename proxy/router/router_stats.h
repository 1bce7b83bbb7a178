// SPDX-License-Identifier: Apache-2.0
// The router's part of `http.<stat_prefix>.`, with Envoy's names. Handles only; made on the main thread.
#pragma once

#include <string>
#include <string_view>

#include "proxy/stats/store.h"

namespace heirloom::router {

// clang-format off
#define HEIRLOOM_ROUTER_STATS(COUNTER, GAUGE, HISTOGRAM)       \
    COUNTER(no_route)                                          \
    COUNTER(no_cluster)                                        \
    COUNTER(rq_redirect)                                       \
    COUNTER(rq_direct_response)                                \
    COUNTER(rq_total)                                          \
    COUNTER(rq_reset_after_downstream_response_started)        \
    COUNTER(passthrough_internal_redirect_bad_location)        \
    COUNTER(passthrough_internal_redirect_unsafe_scheme)       \
    COUNTER(passthrough_internal_redirect_too_many_redirects)  \
    COUNTER(passthrough_internal_redirect_no_route)            \
    COUNTER(passthrough_internal_redirect_predicate)
// clang-format on

struct RouterStats {
    HEIRLOOM_ROUTER_STATS(HEIRLOOM_COUNTER, HEIRLOOM_GAUGE, HEIRLOOM_HISTOGRAM)
};

// `stat_prefix` of the connection manager. Main thread.
RouterStats make_router_stats(stats::Registrar& registrar, std::string_view stat_prefix);

}  // namespace heirloom::router
