// SPDX-License-Identifier: Apache-2.0
// Names of stats that are bookkeeping of our own: kept in the segment as any other, shown by nobody.
#pragma once

#include <string_view>

namespace heirloom::shm {

// `heirloom.told.<name>`: how much of the counter <name> generations have told their stats_sinks
// (proxy/stats/flusher.h).
inline constexpr std::string_view kToldPrefix = "heirloom.told.";
// Gauge: 1 in the generation that tells.
inline constexpr std::string_view kTellerName = "heirloom.teller";

constexpr bool is_hidden_stat(std::string_view name) { return name.starts_with("heirloom."); }

}  // namespace heirloom::shm
