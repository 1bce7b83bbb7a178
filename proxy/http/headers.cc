// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/headers.h"

#include <algorithm>
#include <cstring>

namespace heirloom::http {
namespace {

constexpr std::array<std::string_view, kWellKnownHeaders> kNames{
#define X(identifier, name) std::string_view(name),
    HEIRLOOM_WELL_KNOWN_HEADERS(X)
#undef X
};

constexpr size_t kLongestName = [] {
    size_t longest = 0;
    for (const auto name : kNames) longest = std::max(longest, name.size());
    return longest;
}();

// Ids ordered by the length of their names; those of length n are ids[start[n]] .. ids[start[n + 1]].
struct LengthTable {
    std::array<HeaderId, kWellKnownHeaders> ids{};
    std::array<uint8_t, kLongestName + 2> start{};
};
constexpr LengthTable kByLength = [] {
    LengthTable table;
    uint8_t next = 0;
    for (size_t length = 0; length <= kLongestName; ++length) {
        table.start[length] = next;
        for (size_t id = 0; id < kNames.size(); ++id) {
            if (kNames[id].size() == length) table.ids[next++] = static_cast<HeaderId>(id);
        }
    }
    table.start[kLongestName + 1] = next;
    return table;
}();

constexpr size_t kFirstChunk = 1024;
constexpr size_t kKeptChunk = 16 * 1024;
constexpr size_t kIndexable = UINT16_MAX - 1;

}  // namespace

std::string_view name_of(HeaderId id) {
    return id == HeaderId::other ? std::string_view() : kNames[static_cast<size_t>(id)];
}

HeaderId lookup_header(std::string_view lower_case_name) {
    const size_t length = lower_case_name.size();
    if (length == 0 || length > kLongestName) return HeaderId::other;
    const char first = lower_case_name.front();
    const char last = lower_case_name.back();
    for (uint8_t i = kByLength.start[length]; i < kByLength.start[length + 1]; ++i) {
        const std::string_view name = kNames[static_cast<size_t>(kByLength.ids[i])];
        if (name[length - 1] != last || name[0] != first) continue;
        if (std::memcmp(name.data(), lower_case_name.data(), length) == 0) return kByLength.ids[i];
    }
    return HeaderId::other;
}

void HeaderMap::clear() {
    fields_.clear();
    first_.fill(0);
    pinned_.clear();
    arena_used_ = 0;
    if (arena_.size() > 1) {
        // The last chunk is the largest; keep it when it is of a usual size, so that such messages need no memory
        // again.
        const bool usual = arena_size_ <= kKeptChunk;
        if (usual) arena_.front() = std::move(arena_.back());
        arena_.resize(usual ? 1 : 0);
    }
    if (arena_.empty() || arena_size_ > kKeptChunk) {
        arena_.clear();
        arena_size_ = 0;
    }
}

void HeaderMap::pin(network::BlockRef block) {
    if (pinned_.empty() || pinned_.back().get() != block.get()) pinned_.push_back(std::move(block));
}

std::string_view HeaderMap::copy(std::string_view bytes) {
    if (bytes.empty()) return {"", 0};  // not null: null means absent
    if (arena_size_ - arena_used_ < bytes.size()) {
        const size_t size = std::max({kFirstChunk, arena_size_ * 2, bytes.size()});
        arena_.push_back(std::make_unique_for_overwrite<char[]>(size));
        arena_size_ = size;
        arena_used_ = 0;
    }
    char* place = arena_.back().get() + arena_used_;
    std::memcpy(place, bytes.data(), bytes.size());
    arena_used_ += bytes.size();
    return {place, bytes.size()};
}

void HeaderMap::add_view(HeaderId id, std::string_view name, std::string_view value) {
    const size_t index = fields_.size();
    fields_.push_back(HeaderField{name, value, id, false});
    if (id == HeaderId::other) return;
    uint16_t& first = first_[static_cast<size_t>(id)];
    if (first == 0 && index <= kIndexable) first = static_cast<uint16_t>(index + 1);
}

void HeaderMap::add_copy(std::string_view lower_case_name, std::string_view value) {
    const HeaderId id = lookup_header(lower_case_name);
    add_view(id, id == HeaderId::other ? copy(lower_case_name) : name_of(id), copy(value));
}

void HeaderMap::add_copy(HeaderId id, std::string_view value) { add_view(id, name_of(id), copy(value)); }

void HeaderMap::set(HeaderId id, std::string_view value) {
    const uint16_t first = first_[static_cast<size_t>(id)];
    if (first == 0) return add_copy(id, value);
    fields_[first - 1].value = copy(value);
    for (size_t i = first; i < fields_.size(); ++i) {
        if (fields_[i].id == id) fields_[i].removed = true;
    }
}

void HeaderMap::set(std::string_view lower_case_name, std::string_view value) {
    const HeaderId id = lookup_header(lower_case_name);
    if (id != HeaderId::other) return set(id, value);
    bool replaced = false;
    for (HeaderField& field : fields_) {
        if (field.id != HeaderId::other || field.removed || field.name != lower_case_name) continue;
        if (replaced) {
            field.removed = true;
        } else {
            field.value = copy(value);
            replaced = true;
        }
    }
    if (!replaced) add_view(HeaderId::other, copy(lower_case_name), copy(value));
}

void HeaderMap::remove(HeaderId id) {
    uint16_t& first = first_[static_cast<size_t>(id)];
    if (first == 0) return;
    for (size_t i = first - 1u; i < fields_.size(); ++i) {
        if (fields_[i].id == id) fields_[i].removed = true;
    }
    first = 0;
}

void HeaderMap::remove(std::string_view lower_case_name) {
    const HeaderId id = lookup_header(lower_case_name);
    if (id != HeaderId::other) return remove(id);
    for (HeaderField& field : fields_) {
        if (field.id == HeaderId::other && field.name == lower_case_name) field.removed = true;
    }
}

std::string_view HeaderMap::get(HeaderId id) const {
    const uint16_t first = first_[static_cast<size_t>(id)];
    return first == 0 ? std::string_view() : fields_[first - 1].value;
}

const HeaderField* HeaderMap::find(std::string_view lower_case_name) const {
    const HeaderId id = lookup_header(lower_case_name);
    if (id != HeaderId::other) {
        const uint16_t first = first_[static_cast<size_t>(id)];
        return first == 0 ? nullptr : &fields_[first - 1];
    }
    for (const HeaderField& field : fields_) {
        if (field.id == HeaderId::other && !field.removed && field.name == lower_case_name) return &field;
    }
    return nullptr;
}

size_t HeaderMap::size() const {
    return static_cast<size_t>(std::ranges::count_if(fields_, [](const HeaderField& field) { return !field.removed; }));
}

size_t HeaderMap::byte_size() const {
    size_t bytes = 0;
    for (const HeaderField& field : fields_) {
        if (!field.removed) bytes += field.name.size() + field.value.size();
    }
    return bytes;
}

}  // namespace heirloom::http
