// SPDX-License-Identifier: Apache-2.0
#include "proxy/listener/listener_filters.h"

namespace heirloom::listener {

ListenerFilters::ListenerFilters(network::EventLoop& loop, const config::ListenerConfig& config,
                                 const ListenerStats& stats, const ListenerFilterStats& filter_stats,
                                 RefusalLog& refusals, Sink sink)
    : loop_(loop),
      config_(config),
      stats_(stats),
      filter_stats_(filter_stats),
      refusals_(refusals),
      sink_(std::move(sink)) {}

ListenerFilters::~ListenerFilters() { close_now(); }

void ListenerFilters::inspect(network::AcceptedConnection accepted) {
    auto& one = *new Inspection(*this, std::move(accepted));  // owned by the list until remove()
    inspections_.push_back(one);
    stats_.downstream_pre_cx_active.add();
    if (on_change_) on_change_(1);
    one.start();
}

void ListenerFilters::remove(Inspection& one) {
    inspections_.remove(one);
    loop_.destroy_later(std::unique_ptr<network::Deferred>(&one));
    stats_.downstream_pre_cx_active.sub();
    if (on_change_) on_change_(-1);
}

void ListenerFilters::close_silent() {
    for (Inspection* one = inspections_.front(); one;) {
        Inspection* const next = inspections_.next(*one);
        if (one->silent()) one->close();
        one = next;
    }
}

void ListenerFilters::close_now() {
    while (Inspection* const one = inspections_.front()) one->close();
}

}  // namespace heirloom::listener
