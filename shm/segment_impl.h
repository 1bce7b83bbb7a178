// SPDX-License-Identifier: Apache-2.0
// Inside of Segment, shared by segment*.cc, generation_table.cc and shard_map.cc: the mapping, typed access to its
// regions, and the owner's private truth. What the owner decides on comes from here, never from the shared bytes.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "shm/layout.h"
#include "shm/name_index.h"
#include "shm/present_pages.h"
#include "shm/segment.h"

namespace heirloom::shm {

// What only the owner has: made by create(), or read back and checked by adopt().
struct OwnerTruth {
    struct Stat {
        uint64_t name_hash;
        uint32_t name_offset;  // into the name region; names lie there in order, without gaps
        StatKind kind;
        uint32_t first_slot;
        uint32_t slot_count;
    };
    struct Generation {
        GenerationState state = GenerationState::none;  // none: the slot is free
        uint32_t rows = 0;                              // that count: concurrency + 1
    };

    NameIndex index_of_name;
    std::vector<Stat> stats;
    std::vector<double> bounds;  // as in the bounds region
    uint32_t next_slot = 1;      // slot 0 is the scratch cell
    uint64_t names_bytes = 0;
    std::vector<Generation> generations;
    uint64_t fold_word = 0;
    std::unordered_map<std::string, uint32_t> shard_entry_of;  // socket name -> row of the ownership map
};

// What a Survey has found.
struct Surveyed {
    struct Row {
        uint32_t generation_slot;
        uint32_t index;
        PresentPages pages;
    };
    uint64_t fold_word;  // with another one the rows are others
    PresentPages bank;
    std::vector<Row> rows;  // those that count
};

struct Segment::Impl {
    UniqueFd fd;
    SegmentOptions shape;
    layout::Geometry geometry{};
    std::byte* base = nullptr;
    bool writable = false;
    std::optional<OwnerTruth> owner;
    mutable std::optional<Surveyed> surveyed;  // anew when the fold word has changed

    ~Impl();
    // Maps the whole file. Cells are writable when `writable`; the rest only for the owner.
    Status map();
    Status allow_owner_writes();
    // The truth, read back when this process has not owned the segment so far; null when that fails.
    OwnerTruth* truth();
    Status adopt();  // does nothing for the owner

    template <class T>
    T* at(uint64_t offset) const {
        return reinterpret_cast<T*>(base + offset);
    }
    layout::Header& header() const { return *at<layout::Header>(0); }
    layout::GenerationEntry& generation(uint32_t slot) const {
        return at<layout::GenerationEntry>(geometry.generations)[slot];
    }
    layout::ShardEntry& shard_entry(uint32_t index) const { return at<layout::ShardEntry>(geometry.shard_map)[index]; }
    layout::SchemaEntry& schema(size_t index) const { return at<layout::SchemaEntry>(geometry.schema)[index]; }
    char* names() const { return at<char>(geometry.names); }
    double* bounds() const { return at<double>(geometry.bounds); }
    uint64_t bank_offset(uint32_t index) const { return geometry.tombstones + index * geometry.row_bytes; }
    Cell* bank(uint32_t index) const { return at<Cell>(bank_offset(index)); }
    uint64_t block_offset(uint32_t slot) const { return geometry.blocks + slot * geometry.block_bytes; }
    layout::GenerationPage& page(uint32_t slot) const { return *at<layout::GenerationPage>(block_offset(slot)); }
    uint64_t row_offset(uint32_t slot, uint32_t index) const {
        return block_offset(slot) + layout::kPageBytes + index * geometry.row_bytes;
    }
    Cell* row(uint32_t slot, uint32_t index) const { return at<Cell>(row_offset(slot, index)); }
    // Of a row or a bank.
    PresentPages present(uint64_t offset) const { return {fd.get(), offset, geometry.row_bytes}; }
    static uint64_t page_of(uint32_t cell) { return uint64_t{cell} * sizeof(Cell) / layout::kPageBytes; }

    uint32_t used_shard_entries() const;
    // Rows of that slot which count, as an observer sees it.
    uint32_t counted_rows(uint32_t slot) const;
    // A cell summed over the counted slots in `fold_word`, without tombstone.
    uint64_t sum_of_rows(uint64_t fold_word, uint32_t slot) const;
    // Value of a counter under that fold word.
    uint64_t total(uint64_t fold_word, uint32_t slot) const;
    // Calls read(fold_word) until the word is the same after it as before.
    template <class Read>
    auto consistently(Read read) const;

    // Owner: makes the other bank the valid one, with `counted` the slots that count from then on.
    void flip(OwnerTruth& truth, uint32_t counted);
    // Owner: the slot counts from now on.
    void count_slot(OwnerTruth& truth, uint32_t slot);
    void survey() const;
    template <class Visit>
    static void for_each_present_cell(const OwnerTruth& truth, const PresentPages& pages, const Visit& visit);
    void zero_block(const OwnerTruth& truth, uint32_t slot);
    // Owner: moves the slot's numbers to the tombstone and frees the slot.
    void fold(OwnerTruth& truth, uint32_t slot);
    // Owner: the table entry is free again.
    void clear_generation(uint32_t slot);
    // Owner, at adoption: finishes what the former owner had begun.
    void adopt_generations(OwnerTruth& truth);
    void adopt_shards(OwnerTruth& truth);
    Status adopt_schema(OwnerTruth& truth) const;
    // Owner: the number of the stat of that name. The text in the segment has to say the same as the hash: who writes
    // there what he must not gets a second stat of that name, and changes no number.
    std::optional<uint32_t> find(const OwnerTruth& truth, std::string_view name) const;
    static void keep(OwnerTruth& truth, std::string_view name, StatKind kind, uint32_t slots);
};

uint64_t wall_clock_ms();

// --- words that the owner writes while others read: one writer, a sequence that is odd meanwhile
// ----------------------- Stores release and loads acquire, so no fence is needed: who sees a new word sees the odd
// sequence before it.

template <class Write>
void write_sequenced(std::atomic<uint32_t>& sequence, Write write) {
    const uint32_t odd = sequence.load(std::memory_order_relaxed) | 1;
    sequence.store(odd, std::memory_order_relaxed);
    write();
    sequence.store(odd + 1, std::memory_order_release);
}

inline constexpr int kReadAttempts = 1000;  // an owner that died in the middle must not hold a reader for ever
void pause_before_retry(int attempt);

template <class Read>
auto read_sequenced(const std::atomic<uint32_t>& sequence, Read read) {
    for (int attempt = 0;; ++attempt) {
        const uint32_t before = sequence.load(std::memory_order_acquire);
        auto result = read();
        const bool stable = (before & 1) == 0 && sequence.load(std::memory_order_acquire) == before;
        if (stable || attempt == kReadAttempts) return result;
        pause_before_retry(attempt);
    }
}

template <class T>
void put(std::atomic<T>& word, T value) {
    word.store(value, std::memory_order_release);
}
template <class T>
T get(const std::atomic<T>& word) {
    return word.load(std::memory_order_acquire);
}
// Text over whole words, cut to what fits, padded with zero bytes.
void put_text(std::span<std::atomic<uint64_t>> words, std::string_view text);
std::string get_text(std::span<const std::atomic<uint64_t>> words);

template <class Read>
auto Segment::Impl::consistently(Read read) const {
    const auto& word = header().fold_word;
    for (int attempt = 0;; ++attempt) {
        const uint64_t before = get(word);
        if (surveyed && surveyed->fold_word != before) survey();
        auto result = read(before);
        if (get(word) == before || attempt == kReadAttempts) return result;
        pause_before_retry(attempt);
    }
}

}  // namespace heirloom::shm
