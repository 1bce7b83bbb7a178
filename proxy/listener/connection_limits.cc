// SPDX-License-Identifier: Apache-2.0
#include "proxy/listener/connection_limits.h"

#include "proxy/runtime/table.h"

namespace heirloom::listener {

using config::RuntimeKey;

ConnectionLimits::ConnectionLimits(network::ListenerCounts& counts, const std::string& name,
                                   std::optional<uint64_t> fixed, bool ignore_global)
    : counts_(&counts),
      own_key_(name.empty() ? RuntimeKey()
                            : RuntimeKey::of("envoy.resource_limits.listener." + name + ".connection_limit")),
      process_key_(RuntimeKey::of("overload.global_downstream_max_connections")),
      fixed_(fixed),
      ignore_global_(ignore_global) {}

std::optional<network::ConnectionTicket> ConnectionLimits::admit(const ListenerStats& stats) const {
    if (!counts_) return network::ConnectionTicket();
    // First counted, then looked: of several workers at once no two take the last place.
    const uint64_t all = counts_->process ? counts_->process->add() : 0;
    const uint64_t own = counts_->own.add();
    network::ConnectionTicket ticket(*counts_);
    const uint64_t limit = fixed_ ? *fixed_ : runtime::integer(process_key_, UINT64_MAX);
    if (!ignore_global_ && all >= limit) {
        stats.downstream_global_cx_overflow.add();
        return std::nullopt;
    }
    if (own >= runtime::integer(own_key_, UINT64_MAX)) {
        stats.downstream_cx_overflow.add();
        return std::nullopt;
    }
    return ticket;
}

}  // namespace heirloom::listener
