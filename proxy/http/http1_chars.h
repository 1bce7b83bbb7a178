// SPDX-License-Identifier: Apache-2.0
// Character classes of HTTP/1 (RFC 9110 5.6.2, 5.5; RFC 3986) as tables, and the scan for control characters.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace heirloom::http {

// Lower-case form of a token character, 0 for any other byte.
inline constexpr std::array<char, 256> kTokenLower = [] {
    std::array<char, 256> table{};
    for (int c = '0'; c <= '9'; ++c) table[c] = static_cast<char>(c);
    for (int c = 'a'; c <= 'z'; ++c) table[c] = static_cast<char>(c);
    for (int c = 'A'; c <= 'Z'; ++c) table[c] = static_cast<char>(c - 'A' + 'a');
    for (const char c : std::string_view("!#$%&'*+-.^_`|~")) table[static_cast<uint8_t>(c)] = c;
    return table;
}();

inline constexpr std::array<bool, 256> kAuthorityChar = [] {
    std::array<bool, 256> table{};
    for (int c = '0'; c <= '9'; ++c) table[c] = true;
    for (int c = 'a'; c <= 'z'; ++c) table[c] = true;
    for (int c = 'A'; c <= 'Z'; ++c) table[c] = true;
    for (const char c : std::string_view("-._~!$&'()*+,;=:[]%")) table[static_cast<uint8_t>(c)] = true;
    return table;
}();

inline char token_lower(char c) { return kTokenLower[static_cast<uint8_t>(c)]; }
inline bool is_target_char(char c) { return c > 0x20 && c < 0x7f; }
inline bool is_control(char c) { return (static_cast<uint8_t>(c) < 0x20 && c != '\t') || c == 0x7f; }
inline bool is_blank(char c) { return c == ' ' || c == '\t'; }
inline bool is_digit(char c) { return c >= '0' && c <= '9'; }

#if defined(__SSE2__)
// A bit for each of the 16 bytes at `at` that is a control character.
inline unsigned control_mask(const char* at) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const __m128i text = _mm_or_si128(_mm_cmpeq_epi8(_mm_max_epu8(bytes, _mm_set1_epi8(0x20)), bytes),
                                      _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\t')));
    const __m128i bad =
        _mm_or_si128(_mm_andnot_si128(text, _mm_set1_epi8(-1)), _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f)));
    return static_cast<unsigned>(_mm_movemask_epi8(bad));
}
#endif

// First control character (not the tab) in [begin, end), else `end`. Bytes of 0x80 and above are text.
inline const char* find_control(const char* begin, const char* end) {
    const char* at = begin;
#if defined(__SSE2__)
    if (end - at >= 16) {
        for (; end - at >= 16; at += 16) {
            if (const unsigned mask = control_mask(at); mask != 0) return at + __builtin_ctz(mask);
        }
        // The last 16, of which the first were seen already.
        const unsigned mask = control_mask(end - 16);
        return mask == 0 ? end : end - 16 + __builtin_ctz(mask);
    }
#endif
    while (at != end && !is_control(*at)) ++at;
    return at;
}

namespace bytes {
inline uint64_t load8(const char* at) {
    uint64_t word;
    std::memcpy(&word, at, 8);
    return word;
}
inline uint32_t load4(const char* at) {
    uint32_t word;
    std::memcpy(&word, at, 4);
    return word;
}
inline constexpr uint64_t kEach = 0x0101010101010101;
// Bit 7 of some byte is set when a byte of `word` is below `limit` (<= 0x80) or is DEL. Exact as a yes or no.
inline uint64_t below_or_del(uint64_t word, uint8_t limit) {
    const uint64_t del = word ^ (kEach * 0x7f);
    return (((word - kEach * limit) & ~word) | ((del - kEach) & ~del)) & (kEach * 0x80);
}
// Two overlapping loads cover 4 to 16 bytes; the unused half repeats.
struct Words {
    uint64_t low, high;
};
inline Words load_short(std::string_view text) {
    const size_t size = text.size();
    if (size >= 8) return {load8(text.data()), load8(text.data() + size - 8)};
    const uint64_t word = load4(text.data()) | (uint64_t{load4(text.data() + size - 4)} << 32);
    return {word, word};
}
}  // namespace bytes

inline bool has_control(std::string_view text) {
    if (text.size() >= 4 && text.size() <= 16) {
        // A tab is below the blank too; then the slow look decides.
        const bytes::Words words = bytes::load_short(text);
        if ((bytes::below_or_del(words.low, 0x20) | bytes::below_or_del(words.high, 0x20)) == 0) return false;
    }
    const char* const end = text.data() + text.size();
    return find_control(text.data(), end) != end;
}

// Only 0x21 to 0x7e: what may stand in a request target.
inline bool is_target(std::string_view text) {
    const char* at = text.data();
    size_t left = text.size();
#if defined(__SSE2__)
    const __m128i space = _mm_set1_epi8(0x20);
    const __m128i del = _mm_set1_epi8(0x7f);
    for (; left >= 16; at += 16, left -= 16) {
        const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
        // Signed: bytes from 0x80 are below the blank.
        const __m128i fine = _mm_andnot_si128(_mm_cmpeq_epi8(block, del), _mm_cmpgt_epi8(block, space));
        if (_mm_movemask_epi8(fine) != 0xffff) return false;
    }
#endif
    if (left >= 4 && left < 16) {
        const bytes::Words words = bytes::load_short({at, left});
        const uint64_t high_bits = (words.low | words.high) & (bytes::kEach * 0x80);
        return (bytes::below_or_del(words.low, 0x21) | bytes::below_or_del(words.high, 0x21) | high_bits) == 0;
    }
    for (; left > 0; ++at, --left) {
        if (!is_target_char(*at)) return false;
    }
    return true;
}

// Lower-cases token characters in place from `at` on; returns the first byte that is none (or `end`).
inline char* lower_token(char* at, const char* end) {
#if defined(__SSE2__)
    while (end - at >= 16) {
        // Letters, digits, '-' and '_' sixteen at a time; the rare other token characters one by one.
        const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
        const __m128i upper =
            _mm_and_si128(_mm_cmpgt_epi8(block, _mm_set1_epi8('A' - 1)), _mm_cmplt_epi8(block, _mm_set1_epi8('Z' + 1)));
        const __m128i lower = _mm_or_si128(block, _mm_and_si128(upper, _mm_set1_epi8(0x20)));
        const __m128i letter =
            _mm_and_si128(_mm_cmpgt_epi8(lower, _mm_set1_epi8('a' - 1)), _mm_cmplt_epi8(lower, _mm_set1_epi8('z' + 1)));
        const __m128i digit =
            _mm_and_si128(_mm_cmpgt_epi8(block, _mm_set1_epi8('0' - 1)), _mm_cmplt_epi8(block, _mm_set1_epi8('9' + 1)));
        const __m128i dash =
            _mm_or_si128(_mm_cmpeq_epi8(block, _mm_set1_epi8('-')), _mm_cmpeq_epi8(block, _mm_set1_epi8('_')));
        const auto fine = static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(letter, digit), dash)));
        const auto length = static_cast<unsigned>(__builtin_ctz(~fine));  // at most 16: the upper half is not set
        auto capitals = static_cast<unsigned>(_mm_movemask_epi8(upper)) & ((1u << length) - 1);
        for (; capitals != 0; capitals &= capitals - 1) {
            char& c = at[__builtin_ctz(capitals)];
            c = static_cast<char>(c | 0x20);
        }
        at += length;
        if (length == 16) continue;
        if (token_lower(*at) == 0) return at;
        ++at;
    }
#endif
    for (char lower = 0; at != end && (lower = token_lower(*at)) != 0; ++at) *at = lower;
    return at;
}

inline bool equal_bytes(const char* a, const char* b, size_t size) {
    if (size >= 8) {
        for (size_t i = 0; i + 8 <= size; i += 8) {
            if (bytes::load8(a + i) != bytes::load8(b + i)) return false;
        }
        return bytes::load8(a + size - 8) == bytes::load8(b + size - 8);
    }
    if (size >= 4) {
        return bytes::load4(a) == bytes::load4(b) && bytes::load4(a + size - 4) == bytes::load4(b + size - 4);
    }
    for (size_t i = 0; i < size; ++i) {
        if (a[i] != b[i]) return false;
    }
    return true;
}

// memcpy for the short pieces a head is made of, without the call.
inline char* copy_bytes(char* to, std::string_view text) {
    const size_t size = text.size();
    if (size >= 4 && size <= 16) {
        if (size >= 8) {
            const uint64_t low = bytes::load8(text.data()), high = bytes::load8(text.data() + size - 8);
            std::memcpy(to, &low, 8);
            std::memcpy(to + size - 8, &high, 8);
        } else {
            const uint32_t low = bytes::load4(text.data()), high = bytes::load4(text.data() + size - 4);
            std::memcpy(to, &low, 4);
            std::memcpy(to + size - 4, &high, 4);
        }
    } else if (size < 4) {
        for (size_t i = 0; i < size; ++i) to[i] = text[i];
    } else {
        std::memcpy(to, text.data(), size);
    }
    return to + size;
}

// `lower` must be in lower case.
inline bool equals_ignoring_case(std::string_view text, std::string_view lower) {
    if (text.size() != lower.size()) return false;
    for (size_t i = 0; i < text.size(); ++i) {
        const char c = text[i] >= 'A' && text[i] <= 'Z' ? static_cast<char>(text[i] - 'A' + 'a') : text[i];
        if (c != lower[i]) return false;
    }
    return true;
}

// The same, unless there is a control character in `text`: then null, and what stands at `to` is of no use.
inline char* copy_text(char* to, std::string_view text) {
    const size_t size = text.size();
    if (size >= 4 && size <= 16) {
        const bytes::Words words = bytes::load_short(text);
        const bool doubtful = (bytes::below_or_del(words.low, 0x20) | bytes::below_or_del(words.high, 0x20)) != 0;
        if (doubtful && has_control(text)) return nullptr;
        if (size >= 8) {
            std::memcpy(to, &words.low, 8);
            std::memcpy(to + size - 8, &words.high, 8);
        } else {
            const auto low = static_cast<uint32_t>(words.low), high = static_cast<uint32_t>(words.low >> 32);
            std::memcpy(to, &low, 4);
            std::memcpy(to + size - 4, &high, 4);
        }
        return to + size;
    }
    return has_control(text) ? nullptr : copy_bytes(to, text);
}

}  // namespace heirloom::http
