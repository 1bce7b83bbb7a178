// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/headers.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "proxy/http/http1_chars.h"

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

// A perfect hash over length, first, middle and last character, with a multiplier found at compile time.
constexpr size_t kHashSlots = 256;
constexpr uint8_t hash_of(std::string_view name, uint32_t multiplier) {
    const auto at = [name](size_t i) { return static_cast<uint32_t>(static_cast<uint8_t>(name[i])); };
    const uint32_t key =
        static_cast<uint32_t>(name.size()) ^ (at(0) << 6) ^ (at(name.size() / 2) << 13) ^ (at(name.size() - 1) << 20);
    return static_cast<uint8_t>((key * multiplier) >> 24);
}
struct HashTable {
    uint32_t multiplier = 0;
    std::array<HeaderId, kHashSlots> ids{};
};
constexpr HashTable kHash = [] {
    HashTable table;
    for (table.multiplier = 0x9e3779b1;; table.multiplier += 2) {
        table.ids.fill(HeaderId::other);
        bool perfect = true;
        for (size_t id = 0; id < kNames.size() && perfect; ++id) {
            HeaderId& slot = table.ids[hash_of(kNames[id], table.multiplier)];
            perfect = slot == HeaderId::other;
            slot = static_cast<HeaderId>(id);
        }
        if (perfect) return table;
    }
}();

constexpr size_t kFirstChunk = 1024;
constexpr size_t kKeptChunk = 16 * 1024;

}  // namespace

std::string_view name_of(HeaderId id) {
    return id == HeaderId::other ? std::string_view() : kNames[static_cast<size_t>(id)];
}

HeaderId lookup_header(std::string_view lower_case_name) {
    const size_t length = lower_case_name.size();
    if (length == 0 || length > kLongestName) return HeaderId::other;
    const HeaderId id = kHash.ids[hash_of(lower_case_name, kHash.multiplier)];
    if (id == HeaderId::other) return id;
    const std::string_view name = kNames[static_cast<size_t>(id)];
    const bool same = name.size() == length && equal_bytes(name.data(), lower_case_name.data(), length);
    return same ? id : HeaderId::other;
}

void HeaderMap::clear() {
    has_written_ = false;
    if (fields_.empty() && pinned_.empty() && arena_.empty()) return;
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
    copy_bytes(place, bytes);
    arena_used_ += bytes.size();
    return {place, bytes.size()};
}

WrittenHead& HeaderMap::note_written() {
    if (!written_) written_ = std::make_unique<WrittenHead>();
    if (!std::exchange(has_written_, true)) {
        written_->names.clear();
        written_->reason = {};
    }
    return *written_;
}

std::string_view HeaderMap::keep_name(std::string_view name) {
    note_written().names.push_back(name);
    const std::string_view lower = copy(name);
    char* const begin = const_cast<char*>(lower.data());  // the map's own
    lower_token(begin, begin + lower.size());
    return lower;
}

// Flat: this happens to each field that HTTP/2 brings.
[[gnu::flatten]] HeaderField& HeaderMap::add_copy(std::string_view lower_case_name, std::string_view value) {
    const HeaderId id = lookup_header(lower_case_name);
    const std::string_view name = id == HeaderId::other ? copy(lower_case_name) : kNames[static_cast<size_t>(id)];
    add_view(id, name, copy(value));
    return fields_.back();
}

[[gnu::flatten]] void HeaderMap::add_copy(HeaderId id, std::string_view value) {
    add_view(id, name_of(id), copy(value));
}

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
