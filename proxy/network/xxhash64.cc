// SPDX-License-Identifier: Apache-2.0
#include "proxy/network/xxhash64.h"

#include <array>
#include <bit>
#include <cstring>

namespace heirloom::network {
namespace {

static_assert(std::endian::native == std::endian::little, "words are read as they lie");

constexpr uint64_t kPrime1 = 0x9E3779B185EBCA87;
constexpr uint64_t kPrime2 = 0xC2B2AE3D27D4EB4F;
constexpr uint64_t kPrime3 = 0x165667B19E3779F9;
constexpr uint64_t kPrime4 = 0x85EBCA77C2B2AE63;
constexpr uint64_t kPrime5 = 0x27D4EB2F165667C5;

template <class Word>
uint64_t take(std::string_view& text) {
    Word word;
    std::memcpy(&word, text.data(), sizeof word);
    text.remove_prefix(sizeof word);
    return word;
}

uint64_t round(uint64_t lane, uint64_t word) { return std::rotl(lane + word * kPrime2, 31) * kPrime1; }

}  // namespace

uint64_t xxhash64(std::string_view text, uint64_t seed) {
    const uint64_t length = text.size();
    uint64_t hash = seed + kPrime5;
    if (length >= 32) {
        std::array<uint64_t, 4> lanes = {seed + kPrime1 + kPrime2, seed + kPrime2, seed, seed - kPrime1};
        while (text.size() >= 32) {
            for (uint64_t& lane : lanes) lane = round(lane, take<uint64_t>(text));
        }
        hash = std::rotl(lanes[0], 1) + std::rotl(lanes[1], 7) + std::rotl(lanes[2], 12) + std::rotl(lanes[3], 18);
        for (const uint64_t lane : lanes) hash = (hash ^ round(0, lane)) * kPrime1 + kPrime4;
    }
    hash += length;
    while (text.size() >= 8) {
        hash ^= round(0, take<uint64_t>(text));
        hash = std::rotl(hash, 27) * kPrime1 + kPrime4;
    }
    if (text.size() >= 4) hash = std::rotl(hash ^ (take<uint32_t>(text) * kPrime1), 23) * kPrime2 + kPrime3;
    while (!text.empty()) hash = std::rotl(hash ^ (take<uint8_t>(text) * kPrime5), 11) * kPrime1;
    hash = (hash ^ (hash >> 33)) * kPrime2;
    hash = (hash ^ (hash >> 29)) * kPrime3;
    return hash ^ (hash >> 32);
}

}  // namespace heirloom::network
