// SPDX-License-Identifier: Apache-2.0
// RuntimeKey: the name of a runtime value, as a number: equal names, equal numbers, for the life of the process. Made
// while a configuration is read; a look-up by it (proxy/runtime/table.h) is an index and no search.
#pragma once

#include <cstdint>
#include <string_view>

namespace heirloom::config {

class RuntimeKey {
  public:
    RuntimeKey() = default;  // no key: never has a value
    // "" gives no key. Any thread; takes a lock.
    static RuntimeKey of(std::string_view name);
    // As of(), but no key where nobody has asked for it by of() yet, so that no value has it: for names of which there
    // may be thousands, and which are looked up when values change only.
    static RuntimeKey find(std::string_view name);

    uint32_t index() const { return index_; }  // 0: no key
    explicit operator bool() const { return index_ != 0; }
    bool operator==(const RuntimeKey&) const = default;

  private:
    explicit RuntimeKey(uint32_t index) : index_(index) {}
    uint32_t index_ = 0;
};

struct FractionalPercent {
    uint32_t numerator = 0;
    uint32_t denominator = 100;  // or 10000, 1000000
    // A number drawn evenly is so in as many cases of all; all when the numerator is not below the denominator.
    bool includes(uint64_t random) const { return random % denominator < numerator; }
    bool operator==(const FractionalPercent&) const = default;
};

// RuntimeFractionalPercent: what the key says, else `otherwise`.
struct RuntimeFraction {
    FractionalPercent otherwise;
    RuntimeKey key;
};

}  // namespace heirloom::config
