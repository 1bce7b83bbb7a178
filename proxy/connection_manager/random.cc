// SPDX-License-Identifier: Apache-2.0
#include "proxy/connection_manager/random.h"

#include <sys/random.h>

#include <chrono>
#include <cstring>

namespace heirloom::connection_manager {
namespace {

struct HexPairs {
    char text[512];
};
constexpr HexPairs kHexPairs = [] {
    HexPairs pairs{};
    const char* digits = "0123456789abcdef";
    for (size_t i = 0; i < 256; ++i) {
        pairs.text[2 * i] = digits[i >> 4];
        pairs.text[2 * i + 1] = digits[i & 15];
    }
    return pairs;
}();

// Place of each byte in the text form.
constexpr std::array<uint8_t, 16> kPlaces{0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34};

}  // namespace

Random::Random() {
    if (::getrandom(state_.data(), sizeof(state_), GRND_NONBLOCK) != static_cast<ssize_t>(sizeof(state_))) {
        // Early in the life of a machine; two workers still differ by their addresses.
        seed(static_cast<uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count()) ^
             reinterpret_cast<uintptr_t>(this));
    }
}

Random::Random(uint64_t value) { seed(value); }

// splitmix64, as the authors of xoshiro advise: no state of zeroes comes out of it.
void Random::seed(uint64_t value) {
    for (uint64_t& word : state_) {
        value += 0x9e3779b97f4a7c15;
        uint64_t mixed = value;
        mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
        mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
        word = mixed ^ (mixed >> 31);
    }
}

std::string_view Random::uuid() {
    std::array<uint64_t, 2> words{next(), next()};
    words[0] = (words[0] & ~0xf000ull) | 0x4000;                          // version 4
    words[1] = (words[1] & ~0xc000000000000000ull) | 0x8000000000000000;  // variant 1
    for (size_t i = 0; i < kPlaces.size(); ++i) {
        const uint64_t byte = (words[i / 8] >> (56 - 8 * (i % 8))) & 0xff;
        std::memcpy(text_.data() + kPlaces[i], kHexPairs.text + 2 * byte, 2);
    }
    text_[8] = text_[13] = text_[18] = text_[23] = '-';
    return {text_.data(), text_.size()};
}

}  // namespace heirloom::connection_manager
