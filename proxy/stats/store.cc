// SPDX-License-Identifier: Apache-2.0
#include "proxy/stats/store.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace heirloom::stats {

namespace detail {
constinit thread_local shm::Cell* current_row [[gnu::tls_model("initial-exec")]] = nullptr;
}  // namespace detail

void set_thread_row(shm::Cell* row) { detail::current_row = row; }

void Histogram::record(uint64_t value) const {
    if (bounds_.empty()) return;
    const auto number = static_cast<double>(value);
    // Most times are shorter than a millisecond, and lie in the first bin.
    const auto bin =
        number <= bounds_.front() ? 0 : std::lower_bound(bounds_.begin(), bounds_.end(), number) - bounds_.begin();
    const auto bins = static_cast<uint32_t>(bounds_.size()) + 1;
    Counter(first_slot_ + static_cast<uint32_t>(bin)).add();
    Counter(first_slot_ + bins).add(value);
    Counter(first_slot_ + bins + 1).add();
}

Registrar::Registrar(std::shared_ptr<shm::Segment> segment, Backend backend)
    : segment_(std::move(segment)), backend_(std::move(backend)) {}

Registrar Registrar::for_owner(std::shared_ptr<shm::Segment> segment) {
    shm::Segment& owned = *segment;
    return Registrar(std::move(segment), [&owned](std::span<const Spec> specs) {
        std::vector<uint32_t> slots;
        slots.reserve(specs.size());
        for (const Spec& spec : specs) {
            Result<uint32_t> slot = owned.register_stat(spec.name, spec.kind, spec.bounds);
            if (!slot) spdlog::warn("stat {} is not kept: {}", spec.name, slot.error().text);
            slots.push_back(slot ? *slot : 0);
        }
        return slots;
    });
}

void Registrar::prefetch(std::vector<Spec> specs) {
    std::erase_if(specs, [this](const Spec& spec) { return known_.contains(spec.name); });
    if (specs.empty()) return;
    std::vector<uint32_t> slots = backend_(specs);
    slots.resize(specs.size(), 0);  // an owner that answered short refused the rest
    for (size_t i = 0; i < specs.size(); ++i) {
        const uint64_t width = specs[i].kind == shm::StatKind::counter_by_code ? shm::kCodeSlots : 1;
        if (slots[i] + width > segment_->shape().stat_slots) slots[i] = 0;  // an answer that would write elsewhere
        known_.insert_or_assign(std::move(specs[i].name), Known{specs[i].kind, slots[i]});
    }
}

uint32_t Registrar::slot_of(std::string_view name, shm::StatKind kind) {
    auto found = known_.find(std::string(name));
    if (found == known_.end()) {
        prefetch({Spec{std::string(name), kind, {}}});
        found = known_.find(std::string(name));
    }
    if (found->second.kind == kind) return found->second.slot;
    spdlog::warn("stat {} is not kept: it exists with another kind", name);
    return 0;
}

std::span<const double> Registrar::bounds_of(uint32_t slot) {
    for (const size_t count = segment_->stat_count(); scanned_ < count; ++scanned_) {
        const shm::StatInfo info = segment_->stat(scanned_);
        if (info.kind == shm::StatKind::histogram) bounds_.emplace(info.first_slot, info.bounds);
    }
    const auto found = bounds_.find(slot);
    return found == bounds_.end() ? std::span<const double>{} : found->second;
}

Counter Registrar::counter(std::string_view name) { return Counter(slot_of(name, shm::StatKind::counter)); }

Gauge Registrar::gauge(std::string_view name) { return Gauge(slot_of(name, shm::StatKind::gauge)); }

Histogram Registrar::histogram(std::string_view name) {
    const uint32_t slot = slot_of(name, shm::StatKind::histogram);
    return slot == 0 ? Histogram() : Histogram(slot, bounds_of(slot));
}

CodeCounter Registrar::code_counter(std::string_view prefix) {
    return CodeCounter(slot_of(prefix, shm::StatKind::counter_by_code));
}

std::string sanitize(std::string_view part) {
    std::string result(part);
    std::replace(result.begin(), result.end(), ':', '_');
    return result;
}

}  // namespace heirloom::stats
