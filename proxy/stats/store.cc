// SPDX-License-Identifier: Apache-2.0
#include "proxy/stats/store.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "proxy/stats/rules.h"
#include "proxy/stats/value_log.h"
#include "shm/stat_names.h"

namespace heirloom::stats {

namespace detail {
constinit thread_local shm::Cell* current_row [[gnu::tls_model("initial-exec")]] = nullptr;
constinit thread_local ValueLog* current_log [[gnu::tls_model("initial-exec")]] = nullptr;
}  // namespace detail

void set_thread_row(shm::Cell* row) { detail::current_row = row; }

void set_thread_log(ValueLog* log) { detail::current_log = log; }

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
    if (ValueLog* const log = detail::current_log) [[unlikely]]
        log->add(first_slot_, value);
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

// A counter by code is kept when any code is: which codes come is not known before.
bool Registrar::accepts(const Spec& spec) const {
    if (!rules_ || !rules_->rejects || shm::is_hidden_stat(spec.name)) return true;
    if (spec.kind != shm::StatKind::counter_by_code) return rules_->accepts(spec.name);
    for (uint32_t i = 0; i < shm::kCodeSlots; ++i) {
        if (rules_->accepts(spec.name + std::to_string(i + 100))) return true;
    }
    return false;
}

void Registrar::prefetch(std::vector<Spec> specs) {
    std::erase_if(specs, [this](const Spec& spec) {
        if (known_.contains(spec.name)) return true;
        if (accepts(spec)) return false;
        known_.emplace(spec.name, Known{spec.kind, 0});
        return true;
    });
    if (specs.empty()) return;
    for (Spec& spec : specs) {
        if (!rules_ || spec.kind != shm::StatKind::histogram || !spec.bounds.empty()) continue;
        const std::span<const double> buckets = rules_->buckets_of(spec.name);
        if (buckets.empty()) continue;
        // The finer default bins stay for the quantiles.
        const std::span<const double> bins = shm::Segment::default_bounds();
        std::set_union(bins.begin(), bins.end(), buckets.begin(), buckets.end(), std::back_inserter(spec.bounds));
    }
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
