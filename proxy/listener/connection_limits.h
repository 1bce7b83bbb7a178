// SPDX-License-Identifier: Apache-2.0
// ConnectionLimits: how many downstream connections the process and one listener may have; one more is closed as soon
// as it is accepted. The limits are runtime values, read at each accept, or the overload manager's.
#pragma once

#include <optional>

#include "proxy/config/runtime_key.h"
#include "proxy/listener/listener_stats.h"
#include "proxy/network/connection_count.h"

namespace heirloom::listener {

class ConnectionLimits {
  public:
    // Nothing is counted.
    ConnectionLimits() = default;
    // `name`: of the listener, "" when none is configured: then it has no limit of its own. `fixed`: the overload
    // manager's limit, before the runtime's. With `ignore_global` the process's limit does not matter
    // to the connections, whether they count for it or not.
    ConnectionLimits(network::ListenerCounts& counts, const std::string& name, std::optional<uint64_t> fixed,
                     bool ignore_global);

    // Counts a connection; none: it must be closed, which `stats` were told.
    std::optional<network::ConnectionTicket> admit(const ListenerStats& stats) const;

  private:
    network::ListenerCounts* counts_ = nullptr;
    config::RuntimeKey own_key_;
    config::RuntimeKey process_key_;
    std::optional<uint64_t> fixed_;
    bool ignore_global_ = false;
};

}  // namespace heirloom::listener
