// SPDX-License-Identifier: Apache-2.0
// Numbers: rows, sums over them, and the fold of a dead generation into the tombstone.
//
// There are two tombstone banks. The owner completes the one that is not valid, then one 64-bit store (layout.h,
// fold_word) makes it valid and stops counting the rows it has taken over. So at every instant each number is counted
// exactly once, an owner that dies at any point leaves a consistent segment, and no reader ever waits for one.
#include <fcntl.h>

#include <bit>
#include <cassert>

#include "shm/segment_impl.h"

namespace heirloom::shm {

namespace {

uint32_t counted_in(uint64_t fold_word) { return static_cast<uint32_t>(fold_word); }
uint32_t bank_in(uint64_t fold_word) { return fold_word >> layout::kFoldBankShift & 1; }

uint64_t next_word(uint64_t fold_word, uint32_t bank, uint32_t counted) {
    const uint64_t sequence = (fold_word >> layout::kFoldSequenceShift) + 1;
    return sequence << layout::kFoldSequenceShift | uint64_t{bank} << layout::kFoldBankShift | counted;
}

template <class Visit>
void for_each_slot(uint32_t counted, uint32_t generation_slots, Visit visit) {
    for (uint32_t slot = 0; slot < generation_slots; ++slot) {
        if ((counted >> slot & 1) != 0) visit(slot);
    }
}

bool is_counter(StatKind kind) { return kind == StatKind::counter || kind == StatKind::counter_by_code; }

}  // namespace

uint32_t Segment::Impl::counted_rows(uint32_t slot) const {
    const uint32_t concurrency = get(generation(slot).concurrency);
    return concurrency < shape.rows ? concurrency + 1 : shape.rows;
}

uint64_t Segment::Impl::sum_of_rows(uint64_t fold_word, uint32_t slot) const {
    uint64_t sum = 0;
    if (surveyed && surveyed->fold_word == get(header().fold_word)) {
        for (const Surveyed::Row& one : surveyed->rows) {
            if ((counted_in(fold_word) >> one.generation_slot & 1) != 0 && one.pages.has(page_of(slot)))
                sum += get(row(one.generation_slot, one.index)[slot]);
        }
        return sum;
    }
    for_each_slot(counted_in(fold_word), shape.generation_slots, [&](uint32_t generation_slot) {
        const uint32_t rows = counted_rows(generation_slot);
        for (uint32_t i = 0; i < rows; ++i) sum += get(row(generation_slot, i)[slot]);
    });
    return sum;
}

uint64_t Segment::Impl::total(uint64_t fold_word, uint32_t slot) const {
    const bool hole = surveyed && surveyed->fold_word == fold_word && !surveyed->bank.has(page_of(slot));
    return (hole ? 0 : get(bank(bank_in(fold_word))[slot])) + sum_of_rows(fold_word, slot);
}

void Segment::Impl::flip(OwnerTruth& truth, uint32_t counted) {
    truth.fold_word = next_word(truth.fold_word, bank_in(truth.fold_word) ^ 1, counted);
    put(header().fold_word, truth.fold_word);
}

// Cells on pages that are not there are zero, and stay so.
template <class Visit>
void Segment::Impl::for_each_present_cell(const OwnerTruth& truth, const PresentPages& pages, const Visit& visit) {
    constexpr uint32_t cells_of_page = layout::kPageBytes / sizeof(Cell);
    for (const OwnerTruth::Stat& stat : truth.stats) {
        const uint32_t end = stat.first_slot + stat.slot_count;
        for (uint32_t cell = stat.first_slot; cell < end; ++cell) {
            if (pages.has(page_of(cell))) {
                visit(stat, cell);
            } else {
                cell |= cells_of_page - 1;  // the last of the page
            }
        }
    }
}

void Segment::Impl::survey() const {
    const uint64_t fold_word = get(header().fold_word);
    Surveyed found{fold_word, present(bank_offset(bank_in(fold_word))), {}};
    for_each_slot(counted_in(fold_word), shape.generation_slots, [&](uint32_t slot) {
        const uint32_t counted = counted_rows(slot);
        for (uint32_t i = 0; i < counted; ++i) found.rows.push_back({slot, i, present(row_offset(slot, i))});
    });
    surveyed = std::move(found);
}

Segment::Survey::Survey(const Segment& segment) : segment_(segment) { segment.impl_->survey(); }

Segment::Survey::~Survey() { segment_.impl_->surveyed.reset(); }

void Segment::Impl::zero_block(const OwnerTruth& truth, uint32_t slot) {
    const auto offset = static_cast<off_t>(block_offset(slot));
    const auto bytes = static_cast<off_t>(geometry.block_bytes);
    // A hole gives the memory back too.
    if (fallocate(fd.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, bytes) == 0) return;
    put(page(slot).active_connections, uint64_t{0});
    for (uint32_t i = 0; i < shape.rows; ++i) {
        for (uint32_t cell = 0; cell < truth.next_slot; ++cell) put(row(slot, i)[cell], uint64_t{0});
    }
}

void Segment::Impl::fold(OwnerTruth& truth, uint32_t slot) {
    const uint32_t bit = 1u << slot;
    const uint32_t rows = truth.generations[slot].rows;
    const uint32_t from = bank_in(truth.fold_word), to = from ^ 1;
    const Cell* valid = bank(from);
    Cell* next = bank(to);
    std::vector<PresentPages> of_row;
    PresentPages any = present(bank_offset(from));
    any.add(present(bank_offset(to)));
    for (uint32_t i = 0; i < rows; ++i) any.add(of_row.emplace_back(present(row_offset(slot, i))));
    for_each_present_cell(truth, any, [&](const OwnerTruth::Stat& stat, uint32_t cell) {
        uint64_t sum = 0;
        if (stat.kind != StatKind::gauge) {
            sum = get(valid[cell]);
            for (uint32_t i = 0; i < rows; ++i) {
                if (of_row[i].has(page_of(cell))) sum += get(row(slot, i)[cell]);
            }
        }
        put(next[cell], sum);
    });
    flip(truth, counted_in(truth.fold_word) & ~bit);
    truth.generations[slot] = {};
    clear_generation(slot);
    zero_block(truth, slot);
}

void Segment::fold_generation(uint32_t slot) {
    OwnerTruth* truth = impl_->truth();
    if (truth == nullptr || slot >= truth->generations.size()) return;
    if (truth->generations[slot].state == GenerationState::none) return;
    impl_->fold(*truth, slot);
}

void Segment::owner_add(uint32_t slot, uint64_t n) {
    const OwnerTruth* truth = impl_->truth();
    if (truth == nullptr || slot >= truth->next_slot) return;
    Cell& cell = impl_->bank(bank_in(truth->fold_word))[slot];
    put(cell, get(cell) + n);
}

// A counter's tombstone becomes minus what the rows hold now: their sum starts again at 0 and no writer notices.
void Segment::reset_counters() {
    OwnerTruth* truth = impl_->truth();
    if (truth == nullptr) return;
    const Survey survey(*this);
    const uint32_t from = bank_in(truth->fold_word), to = from ^ 1;
    const Cell* valid = impl_->bank(from);
    Cell* next = impl_->bank(to);
    PresentPages any = impl_->present(impl_->bank_offset(to));
    any.add(impl_->surveyed->bank);
    for (const Surveyed::Row& row : impl_->surveyed->rows) any.add(row.pages);
    Impl::for_each_present_cell(*truth, any, [&](const OwnerTruth::Stat& stat, uint32_t cell) {
        put(next[cell], is_counter(stat.kind) ? -impl_->sum_of_rows(truth->fold_word, cell) : get(valid[cell]));
    });
    impl_->flip(*truth, counted_in(truth->fold_word));
}

Cell* Segment::row(uint32_t generation_slot, uint32_t row) {
    assert(generation_slot < impl_->shape.generation_slots && row < impl_->shape.rows && "row outside of the segment");
    return impl_->row(generation_slot, row);
}

uint64_t Segment::counter(uint32_t slot) const {
    if (slot >= impl_->shape.stat_slots) return 0;
    return impl_->consistently([&](uint64_t fold_word) { return impl_->total(fold_word, slot); });
}

uint64_t Segment::gauge(uint32_t slot) const {
    if (slot >= impl_->shape.stat_slots) return 0;
    return impl_->consistently([&](uint64_t fold_word) { return impl_->sum_of_rows(fold_word, slot); });
}

uint64_t Segment::gauge_of(uint32_t generation_slot, uint32_t slot) const {
    if (slot >= impl_->shape.stat_slots || generation_slot >= impl_->shape.generation_slots) return 0;
    const uint32_t bit = 1u << generation_slot;
    return impl_->consistently([&](uint64_t fold_word) { return impl_->sum_of_rows(fold_word & bit, slot); });
}

HistogramSnapshot Segment::histogram(const StatInfo& info) const {
    HistogramSnapshot snapshot;
    const uint64_t cells = info.bounds.size() + 1 + layout::kHistogramExtraCells;
    if (info.kind != StatKind::histogram || info.first_slot + cells > impl_->shape.stat_slots) return snapshot;
    const std::vector<uint64_t> values = impl_->consistently([&](uint64_t fold_word) {
        std::vector<uint64_t> read(cells);
        for (uint32_t i = 0; i < cells; ++i) read[i] = impl_->total(fold_word, info.first_slot + i);
        return read;
    });
    snapshot.bins.assign(values.begin(), values.end() - layout::kHistogramExtraCells);
    snapshot.sum = static_cast<double>(values[cells - 2]);
    snapshot.count = values[cells - 1];
    return snapshot;
}

}  // namespace heirloom::shm
