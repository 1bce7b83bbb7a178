// SPDX-License-Identifier: Apache-2.0
// What a listener counts of connections before somebody has taken them over, with Envoy's names under
// `listener.<address>.`; what comes later is in connection_manager_stats.h. Handles only, made on the main thread.
#pragma once

#include <string_view>

#include "proxy/stats/store.h"

namespace heirloom::listener {

// clang-format off
#define HEIRLOOM_ACCEPT_STATS(COUNTER, GAUGE, HISTOGRAM)       \
    COUNTER(downstream_accept_paused)                          \
    HISTOGRAM(connections_accepted_per_socket_event)
// clang-format on

struct ListenerStats {
    HEIRLOOM_ACCEPT_STATS(HEIRLOOM_COUNTER, HEIRLOOM_GAUGE, HEIRLOOM_HISTOGRAM)
};

// `name`: the stat prefix of the listener, or its address.
ListenerStats make_listener_stats(stats::Registrar& registrar, std::string_view name);

}  // namespace heirloom::listener
