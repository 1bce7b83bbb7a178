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

// First control character (not the tab) in [begin, end), else `end`. Bytes of 0x80 and above are text.
inline const char* find_control(const char* begin, const char* end) {
    const char* at = begin;
#if defined(__SSE2__)
    const __m128i space = _mm_set1_epi8(0x20);
    const __m128i tab = _mm_set1_epi8('\t');
    const __m128i del = _mm_set1_epi8(0x7f);
    for (; end - at >= 16; at += 16) {
        const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
        const __m128i text =
            _mm_or_si128(_mm_cmpeq_epi8(_mm_max_epu8(bytes, space), bytes), _mm_cmpeq_epi8(bytes, tab));
        const __m128i bad = _mm_or_si128(_mm_andnot_si128(text, _mm_set1_epi8(-1)), _mm_cmpeq_epi8(bytes, del));
        const int mask = _mm_movemask_epi8(bad);
        if (mask != 0) return at + __builtin_ctz(static_cast<unsigned>(mask));
    }
#endif
    while (at != end && !is_control(*at)) ++at;
    return at;
}

inline bool has_control(std::string_view text) {
    const char* const end = text.data() + text.size();
    return find_control(text.data(), end) != end;
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

}  // namespace heirloom::http
