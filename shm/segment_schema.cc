// SPDX-License-Identifier: Apache-2.0
// The schema: registering names (owner) and reading them back (everyone).
#include <algorithm>
#include <array>
#include <cmath>

#include "shm/segment_impl.h"

namespace heirloom::shm {

namespace {

// Envoy's Prometheus bounds; its buckets are exact because each of them is an edge here too.
constexpr std::array kEdges = {0.5,     1.0,      5.0,      10.0,      25.0,     50.0,    100.0,
                               250.0,   500.0,    1000.0,   2500.0,    5000.0,   10000.0, 30000.0,
                               60000.0, 300000.0, 600000.0, 1800000.0, 3600000.0};
constexpr size_t kParts = 4;  // per gap
constexpr size_t kDefaultBounds = (kEdges.size() - 1) * kParts + 1;

std::array<double, kDefaultBounds> make_default_bounds() {
    std::array<double, kDefaultBounds> bounds{};
    for (size_t i = 0; i < bounds.size(); ++i) {
        const size_t part = i % kParts;
        const double edge = kEdges[i / kParts];
        bounds[i] =
            part == 0 ? edge : edge * std::pow(kEdges[i / kParts + 1] / edge, static_cast<double>(part) / kParts);
    }
    return bounds;
}

bool are_bounds(std::span<const double> bounds) {
    double last = 0;
    for (const double bound : bounds) {
        if (!(bound > last) || !std::isfinite(bound)) return false;
        last = bound;
    }
    return true;
}

bool is_kind(uint32_t kind) {
    return kind >= static_cast<uint32_t>(StatKind::counter) && kind <= static_cast<uint32_t>(StatKind::counter_by_code);
}

uint32_t slots_of(StatKind kind, size_t bounds) {
    switch (kind) {
        case StatKind::counter:
        case StatKind::gauge:
            return 1;
        case StatKind::histogram:
            return static_cast<uint32_t>(bounds) + 1 + layout::kHistogramExtraCells;
        case StatKind::counter_by_code:
            return kCodeSlots;
    }
    return 1;
}

Error refused(std::string_view name, std::string_view why) {
    return {"stat '" + std::string(name.substr(0, 200)) + "': " + std::string(why), EINVAL};
}

// Names go to text outputs of one line each.
bool is_name(std::string_view name) {
    return !name.empty() && std::none_of(name.begin(), name.end(), [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte < 0x20 || byte == 0x7f;
    });
}

// Every index of the entry leads into its region.
bool is_sound(const layout::SchemaEntry& entry, const layout::Geometry& geometry, uint32_t stat_slots) {
    return is_kind(entry.kind) && entry.name_bytes <= layout::kMaxNameBytes &&
           uint64_t{entry.name_offset} + entry.name_bytes <= geometry.names_bytes && entry.first_slot > 0 &&
           uint64_t{entry.bounds_index} + entry.bounds_count <= layout::kBoundsCapacity &&
           entry.slot_count == slots_of(static_cast<StatKind>(entry.kind), entry.bounds_count) &&
           uint64_t{entry.first_slot} + entry.slot_count <= stat_slots;
}

}  // namespace

std::span<const double> Segment::default_bounds() {
    static const std::array<double, kDefaultBounds> bounds = make_default_bounds();
    return bounds;
}

Result<uint32_t> Segment::register_stat(std::string_view name, StatKind kind, std::span<const double> bounds) {
    OwnerTruth* truth = impl_->truth();
    if (truth == nullptr) return Error{"segment: damaged, or not ours to write", EACCES};
    if (name.size() > layout::kMaxNameBytes) return refused(name, "name is longer than 1024 bytes");
    if (!is_name(name)) return refused(name, "name is empty or has control characters");
    if (!is_kind(static_cast<uint32_t>(kind))) return refused(name, "unknown kind");

    if (const auto found = impl_->find(*truth, name)) {
        const OwnerTruth::Stat& stat = truth->stats[*found];
        if (stat.kind != kind) return refused(name, "is registered as another kind");
        return stat.first_slot;
    }

    if (kind != StatKind::histogram) {
        bounds = {};
    } else if (bounds.empty()) {
        bounds = default_bounds();
    }
    if (!are_bounds(bounds)) return refused(name, "bounds are not positive and rising");
    if (bounds.size() > layout::kBoundsCapacity) return refused(name, "too many bounds");
    const uint32_t slots = slots_of(kind, bounds.size());
    if (uint64_t{truth->next_slot} + slots > impl_->shape.stat_slots) return refused(name, "no slot is left");
    if (truth->names_bytes + name.size() > impl_->geometry.names_bytes)
        return refused(name, "no room for names is left");
    // Most histograms have the same bounds; they share them.
    auto at = std::search(truth->bounds.begin(), truth->bounds.end(), bounds.begin(), bounds.end());
    const size_t bounds_index = bounds.empty() ? 0 : static_cast<size_t>(at - truth->bounds.begin());
    if (at == truth->bounds.end() && !bounds.empty()) {
        if (truth->bounds.size() + bounds.size() > layout::kBoundsCapacity)
            return refused(name, "no room for bounds is left");
        std::copy(bounds.begin(), bounds.end(), impl_->bounds() + bounds_index);
        truth->bounds.insert(truth->bounds.end(), bounds.begin(), bounds.end());
    }

    name.copy(impl_->names() + truth->names_bytes, name.size());
    layout::SchemaEntry& entry = impl_->schema(truth->stats.size());
    entry = {static_cast<uint32_t>(kind),
             static_cast<uint32_t>(truth->names_bytes),
             static_cast<uint32_t>(name.size()),
             truth->next_slot,
             slots,
             static_cast<uint32_t>(bounds_index),
             static_cast<uint32_t>(bounds.size()),
             0};
    Impl::keep(*truth, name, kind, slots);
    put(impl_->header().stat_count, static_cast<uint32_t>(truth->stats.size()));
    return truth->stats.back().first_slot;
}

size_t Segment::stat_count() const { return std::min(get(impl_->header().stat_count), impl_->shape.stat_slots); }

StatInfo Segment::stat(size_t index) const {
    StatInfo info{{}, StatKind::counter, 0, 1, {}};  // of a damaged entry: the scratch cell, without a name
    if (index >= stat_count()) return info;
    const layout::SchemaEntry entry = impl_->schema(index);
    if (!is_sound(entry, impl_->geometry, impl_->shape.stat_slots)) return info;
    info.name = {impl_->names() + entry.name_offset, entry.name_bytes};
    info.kind = static_cast<StatKind>(entry.kind);
    info.first_slot = entry.first_slot;
    info.slot_count = entry.slot_count;
    info.bounds = {impl_->bounds() + entry.bounds_index, entry.bounds_count};
    return info;
}

std::optional<uint32_t> Segment::Impl::find(const OwnerTruth& truth, std::string_view name) const {
    const uint64_t hash = NameIndex::hash_of(name);
    return truth.index_of_name.find(hash, [&](uint32_t number) {
        const OwnerTruth::Stat& stat = truth.stats[number];
        if (stat.name_hash != hash) return false;
        const uint64_t end = number + 1 < truth.stats.size() ? truth.stats[number + 1].name_offset : truth.names_bytes;
        return std::string_view(names() + stat.name_offset, end - stat.name_offset) == name;
    });
}

void Segment::Impl::keep(OwnerTruth& truth, std::string_view name, StatKind kind, uint32_t slots) {
    truth.stats.push_back(
        {NameIndex::hash_of(name), static_cast<uint32_t>(truth.names_bytes), kind, truth.next_slot, slots});
    truth.index_of_name.add([&](uint32_t number) { return truth.stats[number].name_hash; });
    truth.names_bytes += name.size();
    truth.next_slot += slots;
}

Status Segment::Impl::adopt_schema(OwnerTruth& truth) const {
    const uint32_t count = get(header().stat_count);
    if (count > shape.stat_slots) return Error{"segment: damaged, " + std::to_string(count) + " names", EINVAL};
    size_t bounds_used = 0;
    for (uint32_t i = 0; i < count; ++i) {
        const layout::SchemaEntry entry = schema(i);
        const bool in_order = entry.first_slot == truth.next_slot && entry.name_offset == truth.names_bytes;
        const std::string name = is_sound(entry, geometry, shape.stat_slots)
                                     ? std::string(names() + entry.name_offset, entry.name_bytes)
                                     : std::string();
        if (!in_order || !is_name(name) || find(truth, name)) {
            return Error{"segment: damaged, entry " + std::to_string(i) + " of the schema makes no sense", EINVAL};
        }
        keep(truth, name, static_cast<StatKind>(entry.kind), entry.slot_count);
        bounds_used = std::max<size_t>(bounds_used, entry.bounds_index + entry.bounds_count);
    }
    truth.bounds.assign(bounds(), bounds() + bounds_used);
    return Ok{};
}

}  // namespace heirloom::shm
