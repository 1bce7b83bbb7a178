// SPDX-License-Identifier: Apache-2.0
// FastRandom: numbers for load balancing and jitter (SplitMix64): a few instructions each, not for secrets. One per
// thread that draws from it.
#pragma once

#include <cstdint>
#include <random>

namespace heirloom::upstream {

class FastRandom {
  public:
    explicit FastRandom(uint64_t seed) : state_(seed) {}
    static FastRandom seeded() {
        std::random_device device;
        return FastRandom(uint64_t{device()} << 32 | device());
    }
    uint64_t next() {
        state_ += 0x9E3779B97F4A7C15u;
        uint64_t mixed = state_;
        mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9u;
        mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBu;
        return mixed ^ (mixed >> 31);
    }
    // 0 .. bound - 1. REQUIRES: bound > 0.
    uint64_t below(uint64_t bound) { return next() % bound; }

  private:
    uint64_t state_;
};

}  // namespace heirloom::upstream
