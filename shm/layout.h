// SPDX-License-Identifier: Apache-2.0
// The bytes of the statistics segment, for every build that reads them (docs/shm-layout.md has the worked example). All
// integers are native little-endian; every word that may change while others read is atomic. Constants only.
//
// Layout version: raised whenever an old reader would misread a byte. A new field in reserved space, zero in old
// segments and ignored by old readers, does not raise it.
//   1  first release
#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace heirloom::shm::layout {

static_assert(std::endian::native == std::endian::little, "the segment is little-endian");
static_assert(std::atomic<uint64_t>::is_always_lock_free && sizeof(std::atomic<uint64_t>) == 8);
static_assert(std::atomic<uint32_t>::is_always_lock_free && sizeof(std::atomic<uint32_t>) == 4);

inline constexpr uint64_t kMagic = 0x4d4f4f4c52494548;  // "HEIRLOOM"
inline constexpr uint32_t kLayoutVersion = 1;
inline constexpr uint64_t kPageBytes = 4096;

// Limits of the shape; more is refused.
inline constexpr uint32_t kMaxGenerationSlots = 32;  // one bit each in Header::fold_word
inline constexpr uint32_t kMaxRows = 4096;
inline constexpr uint32_t kMinStatSlots = 64;
inline constexpr uint32_t kMaxStatSlots = 1u << 24;

inline constexpr uint32_t kMaxNameBytes = 1024;
inline constexpr uint32_t kNameBytesPerSlot = 64;    // size of the name region
inline constexpr uint32_t kBoundsCapacity = 65536;   // doubles
inline constexpr uint32_t kHistogramExtraCells = 2;  // after the bins: sum, count
inline constexpr uint32_t kTombstoneBanks = 2;

inline constexpr uint32_t kShardMapEntries = 1024;
inline constexpr uint32_t kShardMapShards = 1024;
inline constexpr uint32_t kSocketNameBytes = 128;
inline constexpr uint32_t kVersionTextBytes = 128;

// fold_word: which generation slots count, which tombstone bank is valid, and a number that changes with every change.
//   bits 0..31   slot n counts: its rows belong to every sum
//   bit  32      the valid tombstone bank
//   bits 33..63  sequence
// One store moves a dead generation's numbers from its rows to the tombstone: the other bank, already complete, becomes
// valid and the slot stops counting in the same instant.
inline constexpr unsigned kFoldBankShift = 32;
inline constexpr unsigned kFoldSequenceShift = 33;

// At offset 0. What is not atomic never changes after creation.
struct Header {
    uint64_t magic;
    uint32_t layout_version;
    uint32_t header_bytes;  // sizeof(Header)
    uint32_t generation_slots;
    uint32_t rows;
    uint32_t stat_slots;
    uint32_t reserved;
    uint64_t total_bytes;
    uint64_t created_ms;  // wall clock
    // Offsets of the regions, each on a page of its own.
    uint64_t generations_offset;  // GenerationEntry[generation_slots]
    uint64_t shard_map_offset;    // ShardEntry[kShardMapEntries]
    uint64_t schema_offset;       // SchemaEntry[stat_slots]
    uint64_t names_offset;        // bytes, names without separators
    uint64_t bounds_offset;       // double[kBoundsCapacity]
    uint64_t tombstones_offset;   // two banks of row_bytes
    uint64_t blocks_offset;       // per generation slot: one page (GenerationPage), then `rows` rows
    uint64_t row_bytes;           // distance of two rows: stat_slots cells, rounded up to pages
    uint64_t block_bytes;         // distance of two generations' blocks
    uint64_t reserved_words[3];
    alignas(64) std::atomic<uint64_t> fold_word;
    alignas(64) std::atomic<uint32_t> stat_count;  // entries of the schema that are complete
    std::atomic<uint32_t> shard_entries;           // entries of the shard map that were ever used
    uint32_t reserved_tail[14];
};
static_assert(offsetof(Header, layout_version) == 8 && offsetof(Header, total_bytes) == 32);
static_assert(offsetof(Header, generations_offset) == 48 && offsetof(Header, block_bytes) == 112);
static_assert(offsetof(Header, fold_word) == 192 && offsetof(Header, stat_count) == 256);
static_assert(offsetof(Header, shard_entries) == 260);
static_assert(sizeof(Header) == 320);

// One name. Written once, then published by a release store of Header::stat_count.
struct SchemaEntry {
    uint32_t kind;         // StatKind
    uint32_t name_offset;  // into the name region
    uint32_t name_bytes;
    uint32_t first_slot;
    uint32_t slot_count;
    uint32_t bounds_index;  // histogram: first double in the bounds region
    uint32_t bounds_count;  // histogram: bins are one more (the last is +Inf)
    uint32_t reserved;
};
static_assert(sizeof(SchemaEntry) == 32 && offsetof(SchemaEntry, first_slot) == 12);

// A row of the generation table. `sequence` is odd while the owner writes; state none = free.
struct GenerationEntry {
    std::atomic<uint32_t> sequence;
    std::atomic<uint32_t> state;  // GenerationState
    std::atomic<uint32_t> epoch;
    std::atomic<uint32_t> pid;
    std::atomic<uint32_t> concurrency;  // rows 0..concurrency count
    std::atomic<uint32_t> reserved;
    std::atomic<uint64_t> start_time_ms;
    std::atomic<uint64_t> state_since_ms;
    std::atomic<uint64_t> version[kVersionTextBytes / 8];  // text, padded with zero bytes
    std::atomic<uint64_t> reserved_words[11];
};
static_assert(sizeof(GenerationEntry) == 256 && offsetof(GenerationEntry, start_time_ms) == 24);
static_assert(offsetof(GenerationEntry, version) == 40);

// A row of the ownership map. `sequence` as above; shard_count 0 = free.
struct ShardEntry {
    std::atomic<uint32_t> sequence;
    std::atomic<uint32_t> shard_count;
    std::atomic<uint64_t> name[kSocketNameBytes / 8];
    std::atomic<uint64_t> reserved[15];
    std::atomic<uint32_t> epoch_of_shard[kShardMapShards];
};
static_assert(sizeof(ShardEntry) == 256 + 4096 && offsetof(ShardEntry, epoch_of_shard) == 256);

// First page of a generation's block: what the generation itself writes besides its rows.
struct GenerationPage {
    std::atomic<uint64_t> active_connections;
};

// The regions of a segment of that shape, in file order. REQUIRES: the shape is within the limits above.
struct Geometry {
    uint64_t generations, shard_map, schema, names, names_bytes, bounds, tombstones, blocks, row_bytes, block_bytes,
        total;

    bool operator==(const Geometry&) const = default;
};
constexpr uint64_t to_pages(uint64_t bytes) { return (bytes + kPageBytes - 1) / kPageBytes * kPageBytes; }
constexpr Geometry geometry(uint32_t generation_slots, uint32_t rows, uint32_t stat_slots) {
    Geometry g{};
    g.row_bytes = to_pages(uint64_t{stat_slots} * 8);
    g.block_bytes = kPageBytes + uint64_t{rows} * g.row_bytes;
    g.names_bytes = to_pages(uint64_t{stat_slots} * kNameBytesPerSlot);
    g.generations = to_pages(sizeof(Header));
    g.shard_map = g.generations + to_pages(uint64_t{generation_slots} * sizeof(GenerationEntry));
    g.schema = g.shard_map + to_pages(uint64_t{kShardMapEntries} * sizeof(ShardEntry));
    g.names = g.schema + to_pages(uint64_t{stat_slots} * sizeof(SchemaEntry));
    g.bounds = g.names + g.names_bytes;
    g.tombstones = g.bounds + to_pages(uint64_t{kBoundsCapacity} * 8);
    g.blocks = g.tombstones + kTombstoneBanks * g.row_bytes;
    g.total = g.blocks + uint64_t{generation_slots} * g.block_bytes;
    return g;
}
static_assert(geometry(16, 65, 1u << 21).blocks % kPageBytes == 0);

}  // namespace heirloom::shm::layout
