// SPDX-License-Identifier: Apache-2.0
#include "proxy/runtime/table.h"

namespace heirloom::runtime {

namespace {

constinit const Table kEmpty{};

}  // namespace

constinit thread_local const Table* current_table [[gnu::tls_model("initial-exec")]] = &kEmpty;

void set_thread_table(const Table* table) { current_table = table ? table : &kEmpty; }

Table::Table(const config::RuntimeValues& values) {
    for (const auto& [name, value] : values) {
        const config::RuntimeKey key = config::RuntimeKey::of(name);
        if (!key) continue;
        if (key.index() >= entries_.size()) entries_.resize(key.index() + 1);
        Entry& entry = entries_[key.index()];
        entry.kinds = kSet;
        if (value.integer) {
            entry.integer = *value.integer;
            entry.percent.numerator = static_cast<uint32_t>(std::min<uint64_t>(*value.integer, 100));
            entry.kinds |= kInteger | kPercent;
        }
        if (value.number) {
            entry.number = *value.number;
            entry.kinds |= kNumber;
        }
        if (value.truth) {
            entry.truth = *value.truth;
            entry.kinds |= kTruth;
        }
        if (value.percent) {
            entry.percent = *value.percent;
            entry.kinds |= kPercent;
        }
    }
}

}  // namespace heirloom::runtime
