// SPDX-License-Identifier: Apache-2.0
// Bytes of a fuzzer as choices and texts. What is taken beyond the end is 0 and "".
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace heirloom::fuzz {

class Input {
  public:
    Input(const uint8_t* data, size_t size) : rest_(reinterpret_cast<const char*>(data), size) {}

    bool empty() const { return rest_.empty(); }
    uint8_t byte() {
        const std::string_view one = take(1);
        return one.empty() ? 0 : static_cast<uint8_t>(one.front());
    }
    // Less than `end`, which is at most 256.
    uint8_t choice(unsigned end) { return static_cast<uint8_t>(byte() % end); }
    // A line: it ends at a newline, which no text of ours may hold.
    std::string_view line() {
        const size_t size = std::min(rest_.find('\n'), rest_.size());
        const std::string_view text = take(size);
        take(1);
        return text;
    }
    std::string_view rest() { return take(rest_.size()); }

  private:
    std::string_view take(size_t size) {
        const std::string_view taken = rest_.substr(0, size);
        rest_.remove_prefix(taken.size());
        return taken;
    }
    std::string_view rest_;
};

}  // namespace heirloom::fuzz
