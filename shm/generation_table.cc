// SPDX-License-Identifier: Apache-2.0
// The generation table: claiming slots, publishing states, and what a new owner makes of the table of a dead one.
#include <algorithm>

#include "shm/segment_impl.h"

namespace heirloom::shm {

namespace {

GenerationState to_state(uint32_t value) {
    return value <= static_cast<uint32_t>(GenerationState::failed) ? static_cast<GenerationState>(value)
                                                                   : GenerationState::none;
}

}  // namespace

std::string_view name_of(GenerationState state) {
    switch (state) {
        case GenerationState::none:
            return "none";
        case GenerationState::spawned:
            return "spawned";
        case GenerationState::initializing:
            return "initializing";
        case GenerationState::ready:
            return "ready";
        case GenerationState::live:
            return "live";
        case GenerationState::draining:
            return "draining";
        case GenerationState::exited:
            return "exited";
        case GenerationState::failed:
            return "failed";
    }
    return "unknown";
}

Result<uint32_t> Segment::claim_generation(uint32_t epoch, uint32_t concurrency) {
    OwnerTruth* truth = impl_->truth();
    if (truth == nullptr) return Error{"segment: damaged, or not ours to write", EACCES};
    if (concurrency >= impl_->shape.rows) {
        return Error{"segment: " + std::to_string(concurrency) + " workers, it has rows for " +
                         std::to_string(impl_->shape.rows - 1),
                     EINVAL};
    }
    const auto free = std::find_if(truth->generations.begin(), truth->generations.end(),
                                   [](const auto& entry) { return entry.state == GenerationState::none; });
    if (free == truth->generations.end()) {
        return Error{"segment: all " + std::to_string(truth->generations.size()) + " generation slots are taken",
                     ENOSPC, true};
    }
    const auto slot = static_cast<uint32_t>(free - truth->generations.begin());
    impl_->zero_block(*truth, slot);
    layout::GenerationEntry& entry = impl_->generation(slot);
    const uint64_t now = wall_clock_ms();
    write_sequenced(entry.sequence, [&] {
        put(entry.epoch, epoch);
        put(entry.pid, 0u);
        put(entry.concurrency, concurrency);
        put(entry.start_time_ms, now);
        put(entry.state_since_ms, now);
        put_text(entry.version, {});
        put(entry.state, static_cast<uint32_t>(GenerationState::spawned));
    });
    *free = {GenerationState::spawned, concurrency + 1};
    // Last, so that a reader never counts rows of the slot's former life.
    impl_->count_slot(*truth, slot);
    return slot;
}

void Segment::set_generation(uint32_t slot, GenerationState state, int32_t pid, std::string_view version) {
    OwnerTruth* truth = impl_->truth();
    if (truth == nullptr || slot >= truth->generations.size()) return;
    OwnerTruth::Generation& known = truth->generations[slot];
    // A free slot stays free: claim_generation() and fold_generation() alone begin and end a life.
    if (known.state == GenerationState::none || state == GenerationState::none) return;
    layout::GenerationEntry& entry = impl_->generation(slot);
    write_sequenced(entry.sequence, [&] {
        if (pid != 0) put(entry.pid, static_cast<uint32_t>(pid));
        if (!version.empty()) put_text(entry.version, version);
        if (state != known.state) put(entry.state_since_ms, wall_clock_ms());
        put(entry.state, static_cast<uint32_t>(state));
    });
    known.state = state;
}

void Segment::set_active_connections(uint32_t generation_slot, uint64_t n) {
    if (generation_slot >= impl_->shape.generation_slots || !impl_->writable) return;
    impl_->page(generation_slot).active_connections.store(n, std::memory_order_relaxed);
}

std::vector<GenerationInfo> Segment::generations() const {
    std::vector<GenerationInfo> found;
    for (uint32_t slot = 0; slot < impl_->shape.generation_slots; ++slot) {
        const layout::GenerationEntry& entry = impl_->generation(slot);
        const GenerationInfo info = read_sequenced(entry.sequence, [&] {
            return GenerationInfo{slot,
                                  get(entry.epoch),
                                  static_cast<int32_t>(get(entry.pid)),
                                  to_state(get(entry.state)),
                                  get(entry.start_time_ms),
                                  get(entry.state_since_ms),
                                  0,
                                  get(entry.concurrency),
                                  get_text(entry.version)};
        });
        if (info.state == GenerationState::none) continue;
        found.push_back(info);
        found.back().active_connections = get(impl_->page(slot).active_connections);
    }
    std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.epoch < b.epoch; });
    return found;
}

void Segment::Impl::count_slot(OwnerTruth& truth, uint32_t slot) {
    truth.fold_word = (truth.fold_word + (uint64_t{1} << layout::kFoldSequenceShift)) | uint64_t{1} << slot;
    put(header().fold_word, truth.fold_word);
}

void Segment::Impl::clear_generation(uint32_t slot) {
    layout::GenerationEntry& entry = generation(slot);
    write_sequenced(entry.sequence, [&] { put(entry.state, static_cast<uint32_t>(GenerationState::none)); });
}

void Segment::Impl::adopt_generations(OwnerTruth& truth) {
    truth.fold_word = get(header().fold_word);
    truth.generations.resize(shape.generation_slots);
    for (uint32_t slot = 0; slot < shape.generation_slots; ++slot) {
        layout::GenerationEntry& entry = generation(slot);
        // The former owner died while it wrote this entry.
        if ((get(entry.sequence) & 1) != 0) put(entry.sequence, get(entry.sequence) + 1);
        const GenerationState state = to_state(get(entry.state));
        const bool counts = (truth.fold_word >> slot & 1) != 0;
        truth.generations[slot] = {state, counted_rows(slot)};
        if (counts && state != GenerationState::none) continue;
        // Died between the store of fold_word and the table: a claim that nobody heard of, or a fold that is complete
        // but for the table. A slot that counts and has no entry cannot come from us; its numbers are kept all the
        // same.
        if (counts) {
            fold(truth, slot);
        } else if (state != GenerationState::none) {
            truth.generations[slot] = {};
            clear_generation(slot);
            zero_block(truth, slot);
        }
    }
}

}  // namespace heirloom::shm
