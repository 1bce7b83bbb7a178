// SPDX-License-Identifier: Apache-2.0
// NameIndex: finds the number of an entry by the hash of its name. Entries are numbered from 0 in the order they are
// added; their names and hashes stay with the caller, so that a name costs some ten bytes here.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace heirloom::shm {

class NameIndex {
  public:
    static uint64_t hash_of(std::string_view name) { return std::hash<std::string_view>()(name); }

    // `is_it(number)` says whether that entry has the name; it is asked about few.
    template <class IsIt>
    std::optional<uint32_t> find(uint64_t hash, const IsIt& is_it) const {
        if (table_.empty()) return std::nullopt;
        for (size_t at = hash & mask();; at = (at + 1) & mask()) {
            if (table_[at] == 0) return std::nullopt;
            if (is_it(table_[at] - 1)) return table_[at] - 1;
        }
    }
    // The next entry. `hash_of_entry(number)`: of it and of those before it.
    template <class HashOfEntry>
    void add(const HashOfEntry& hash_of_entry) {
        if ((count_ + 1) * 3 > table_.size() * 2) {
            table_.assign(table_.empty() ? 64 : table_.size() * 2, 0);
            for (uint32_t number = 0; number < count_; ++number) place(hash_of_entry(number), number);
        }
        place(hash_of_entry(count_), count_);
        ++count_;
    }

  private:
    size_t mask() const { return table_.size() - 1; }
    void place(uint64_t hash, uint32_t number) {
        size_t at = hash & mask();
        while (table_[at] != 0) at = (at + 1) & mask();
        table_[at] = number + 1;
    }

    std::vector<uint32_t> table_;  // a power of two; number + 1, or 0
    uint32_t count_ = 0;
};

}  // namespace heirloom::shm
