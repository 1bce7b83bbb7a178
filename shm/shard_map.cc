// SPDX-License-Identifier: Apache-2.0
// The ownership map: which epoch polls which shard of a listening socket. Published for observers; nobody decides on
// it.
#include <algorithm>

#include "shm/segment_impl.h"

namespace heirloom::shm {

namespace {

std::optional<uint32_t> find_free(const OwnerTruth& truth) {
    std::vector<bool> taken(layout::kShardMapEntries);
    for (const auto& [name, index] : truth.shard_entry_of) taken[index] = true;
    const auto free = std::find(taken.begin(), taken.end(), false);
    if (free == taken.end()) return std::nullopt;
    return static_cast<uint32_t>(free - taken.begin());
}

}  // namespace

void Segment::publish_shards(std::string_view socket_name, std::span<const uint32_t> epoch_of_shard) {
    OwnerTruth* truth = impl_->truth();
    if (truth == nullptr || socket_name.empty()) return;
    const std::string name(socket_name.substr(0, layout::kSocketNameBytes));
    auto found = truth->shard_entry_of.find(name);
    if (found == truth->shard_entry_of.end()) {
        const auto free = find_free(*truth);
        if (!free) return;
        found = truth->shard_entry_of.emplace(name, *free).first;
    }
    layout::ShardEntry& entry = impl_->shard_entry(found->second);
    const auto count = static_cast<uint32_t>(std::min<size_t>(epoch_of_shard.size(), layout::kShardMapShards));
    write_sequenced(entry.sequence, [&] {
        put_text(entry.name, name);
        for (uint32_t i = 0; i < count; ++i) put(entry.epoch_of_shard[i], epoch_of_shard[i]);
        put(entry.shard_count, count);
    });
    auto& used = impl_->header().shard_entries;
    if (get(used) <= found->second) put(used, found->second + 1);
}

void Segment::forget_shards(std::string_view socket_name) {
    OwnerTruth* truth = impl_->truth();
    if (truth == nullptr) return;
    const auto found = truth->shard_entry_of.find(std::string(socket_name.substr(0, layout::kSocketNameBytes)));
    if (found == truth->shard_entry_of.end()) return;
    layout::ShardEntry& entry = impl_->shard_entry(found->second);
    write_sequenced(entry.sequence, [&] { put(entry.shard_count, 0u); });
    truth->shard_entry_of.erase(found);
}

std::vector<Segment::Shards> Segment::shards() const {
    std::vector<Shards> result;
    for (uint32_t i = 0; i < impl_->used_shard_entries(); ++i) {
        const layout::ShardEntry& entry = impl_->shard_entry(i);
        Shards shards = read_sequenced(entry.sequence, [&] {
            const uint32_t count = std::min(get(entry.shard_count), layout::kShardMapShards);
            Shards read;
            if (count == 0) return read;
            read.socket_name = get_text(entry.name);
            for (uint32_t shard = 0; shard < count; ++shard)
                read.epoch_of_shard.push_back(get(entry.epoch_of_shard[shard]));
            return read;
        });
        if (!shards.epoch_of_shard.empty()) result.push_back(std::move(shards));
    }
    std::sort(result.begin(), result.end(), [](const auto& a, const auto& b) { return a.socket_name < b.socket_name; });
    return result;
}

// Reading a hole makes a page of it, so what was never used is not looked at.
uint32_t Segment::Impl::used_shard_entries() const {
    return std::min(get(header().shard_entries), layout::kShardMapEntries);
}

void Segment::Impl::adopt_shards(OwnerTruth& truth) {
    // One more than published: the former owner may have died before it raised the number.
    const uint32_t count = std::min(used_shard_entries() + 1, layout::kShardMapEntries);
    for (uint32_t i = 0; i < count; ++i) {
        layout::ShardEntry& entry = shard_entry(i);
        if ((get(entry.sequence) & 1) != 0) {
            // Half-written: the sockets are published again by whoever adopts them.
            put(entry.shard_count, 0u);
            put(entry.sequence, get(entry.sequence) + 1);
        }
        if (get(entry.shard_count) != 0) truth.shard_entry_of.emplace(get_text(entry.name), i);
    }
}

}  // namespace heirloom::shm
