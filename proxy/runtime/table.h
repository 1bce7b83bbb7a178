// SPDX-License-Identifier: Apache-2.0
// Table: the runtime values that count, by the index of their key (config::RuntimeKey). Immutable; each thread looks
// into the table that it was given last, so a look-up is two loads, no lock and no search.
//
// What a value means that is not of the asked kind, and what none means: `otherwise`, the configuration's.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "proxy/config/runtime_config.h"

namespace heirloom::runtime {

class Table {
  public:
    Table() = default;
    explicit Table(const config::RuntimeValues& values);

    bool has(config::RuntimeKey key) const { return find(key) != nullptr; }
    uint64_t integer(config::RuntimeKey key, uint64_t otherwise) const {
        const Entry* const entry = find(key);
        return entry && (entry->kinds & kInteger) ? entry->integer : otherwise;
    }
    double number(config::RuntimeKey key, double otherwise) const {
        const Entry* const entry = find(key);
        return entry && (entry->kinds & kNumber) ? entry->number : otherwise;
    }
    bool truth(config::RuntimeKey key, bool otherwise) const {
        const Entry* const entry = find(key);
        return entry && (entry->kinds & kTruth) ? entry->truth : otherwise;
    }
    // An integer is so many percent.
    config::FractionalPercent percent(const config::RuntimeFraction& fraction) const {
        const Entry* const entry = find(fraction.key);
        return entry && (entry->kinds & kPercent) ? entry->percent : fraction.otherwise;
    }

  private:
    enum Kinds : uint32_t { kSet = 1, kInteger = 2, kNumber = 4, kTruth = 8, kPercent = 16 };
    struct Entry {
        uint64_t integer = 0;
        double number = 0;
        config::FractionalPercent percent;
        uint32_t kinds = 0;
        bool truth = false;
    };
    const Entry* find(config::RuntimeKey key) const {
        if (key.index() >= entries_.size()) return nullptr;
        const Entry& entry = entries_[key.index()];
        return entry.kinds != 0 ? &entry : nullptr;
    }

    std::vector<Entry> entries_;
};

// Whoever gives a thread its table keeps it until the thread has the next. Null: no value is set.
void set_thread_table(const Table* table);
extern constinit thread_local const Table* current_table [[gnu::tls_model("initial-exec")]];
inline const Table& thread_table() { return *current_table; }

// By this thread's table.
inline uint64_t integer(config::RuntimeKey key, uint64_t otherwise) {
    return key ? thread_table().integer(key, otherwise) : otherwise;
}
inline uint32_t integer32(config::RuntimeKey key, uint32_t otherwise) {
    return static_cast<uint32_t>(std::min<uint64_t>(integer(key, otherwise), UINT32_MAX));
}
inline bool truth(config::RuntimeKey key, bool otherwise) {
    return key ? thread_table().truth(key, otherwise) : otherwise;
}
inline bool includes(const config::RuntimeFraction& fraction, uint64_t random) {
    return thread_table().percent(fraction).includes(random);
}
// So many percent: the key's integer, else `otherwise`.
inline bool includes_percent(config::RuntimeKey key, uint64_t otherwise, uint64_t random) {
    return random % 100 < integer(key, otherwise);
}

}  // namespace heirloom::runtime
