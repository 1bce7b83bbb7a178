// SPDX-License-Identifier: Apache-2.0
// Fast random numbers for one worker: request ids, drain decisions. xoshiro256**, seeded by the kernel; not for
// secrets.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace heirloom::connection_manager {

class Random {
  public:
    Random();                        // seeded by getrandom()
    explicit Random(uint64_t seed);  // for tests

    uint64_t next() {
        const uint64_t result = rotate(state_[1] * 5, 7) * 9;
        const uint64_t shifted = state_[1] << 17;
        state_[2] ^= state_[0];
        state_[3] ^= state_[1];
        state_[1] ^= state_[2];
        state_[0] ^= state_[3];
        state_[2] ^= shifted;
        state_[3] = rotate(state_[3], 45);
        return result;
    }
    // A version 4 UUID in lower case. The view is valid until the next call.
    std::string_view uuid();

  private:
    static uint64_t rotate(uint64_t x, int bits) { return (x << bits) | (x >> (64 - bits)); }
    void seed(uint64_t value);

    std::array<uint64_t, 4> state_{};
    std::array<char, 36> text_{};
};

}  // namespace heirloom::connection_manager
