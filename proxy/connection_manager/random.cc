// SPDX-License-Identifier: Apache-2.0
#include "proxy/connection_manager/random.h"

#include <sys/random.h>

#include <chrono>
#include <cstring>

namespace heirloom::connection_manager {
namespace {

constexpr uint64_t kEach = 0x0101010101010101;

// Eight hexadecimal digits to `to`: a byte is made of each half byte, the most significant one lowest in memory.
inline void put_hex(char* to, uint32_t value) {
    uint64_t digits = uint64_t{value & 0xffff} << 32 | value >> 16;
    digits = (digits & 0x000000ff000000ff) << 16 | (digits & 0x0000ff000000ff00) >> 8;
    digits = (digits & 0x000f000f000f000f) << 8 | (digits & 0x00f000f000f000f0) >> 4;
    const uint64_t letters = ((digits + kEach * 6) >> 4) & kEach;  // 1 for what is above 9
    digits += kEach * '0' + letters * ('a' - '0' - 10);
    std::memcpy(to, &digits, 8);
}

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
    std::array<char, 32> digits;
    char* const from = digits.data();
    put_hex(from, static_cast<uint32_t>(words[0] >> 32));
    put_hex(from + 8, static_cast<uint32_t>(words[0]));
    put_hex(from + 16, static_cast<uint32_t>(words[1] >> 32));
    put_hex(from + 24, static_cast<uint32_t>(words[1]));
    char* const to = text_.data();
    to[8] = to[13] = to[18] = to[23] = '-';
    std::memcpy(to, from, 8);
    std::memcpy(to + 9, from + 8, 4);
    std::memcpy(to + 14, from + 12, 4);
    std::memcpy(to + 19, from + 16, 4);
    std::memcpy(to + 24, from + 20, 12);
    return {text_.data(), text_.size()};
}

}  // namespace heirloom::connection_manager
