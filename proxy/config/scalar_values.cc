// SPDX-License-Identifier: Apache-2.0
#include "proxy/config/scalar_values.h"

#include <charconv>
#include <cmath>
#include <limits>

namespace heirloom::config {
namespace {

struct Magnitude {
    bool negative = false;
    uint64_t value = 0;
};

bool is_digits(std::string_view text) {
    return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// Whole numbers written as floating point: up to 2^53 they are exact.
bool parse_whole_double(std::string_view text, Magnitude* out) {
    double number = 0;
    if (!parse_double(text, &number) || !std::isfinite(number) || number != std::floor(number)) return false;
    if (std::fabs(number) > 9007199254740992.0) return false;
    out->negative = number < 0;
    out->value = static_cast<uint64_t>(std::fabs(number));
    return true;
}

bool parse_magnitude(std::string_view text, bool plain, Magnitude* out) {
    std::string_view rest = text;
    if (!rest.empty() && (rest[0] == '-' || (plain && rest[0] == '+'))) {
        out->negative = rest[0] == '-';
        rest.remove_prefix(1);
    }
    int base = 10;
    if (plain && rest.size() > 2 && rest[0] == '0' && (rest[1] == 'x' || rest[1] == 'X')) {
        base = 16;
        rest.remove_prefix(2);
    } else if (plain && rest.size() > 1 && rest[0] == '0' && is_digits(rest)) {
        base = 8;
    }
    const auto [end, problem] = std::from_chars(rest.data(), rest.data() + rest.size(), out->value, base);
    if (problem == std::errc() && end == rest.data() + rest.size()) return true;
    if (problem == std::errc::result_out_of_range) return false;
    return base == 10 && parse_whole_double(text, out);
}

int base64_digit(char c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    if (c == '+' || c == '-') return 62;
    if (c == '/' || c == '_') return 63;
    return -1;
}

}  // namespace

bool parse_bool(std::string_view text, bool plain, bool* value) {
    if (text == "true" || text == "false") {
        *value = text == "true";
        return true;
    }
    if (!plain) return false;
    static constexpr const char* kWords[][2] = {{"y", "n"}, {"yes", "no"}, {"true", "false"}, {"on", "off"}};
    for (const auto& pair : kWords) {
        for (const char* word : pair) {
            std::string upper;
            for (const char* c = word; *c != '\0'; ++c) upper += static_cast<char>(*c - 'a' + 'A');
            const std::string title = upper.substr(0, 1) + (word + 1);
            if (text == word || text == upper || text == title) {
                *value = word == pair[0];
                return true;
            }
        }
    }
    return false;
}

bool parse_signed(std::string_view text, bool plain, int64_t least, int64_t most, int64_t* value) {
    Magnitude number;
    if (!parse_magnitude(text, plain, &number)) return false;
    const uint64_t limit = number.negative ? uint64_t{0} - static_cast<uint64_t>(least) : static_cast<uint64_t>(most);
    if (number.value > limit) return false;
    *value = static_cast<int64_t>(number.negative ? uint64_t{0} - number.value : number.value);
    return true;
}

bool parse_unsigned(std::string_view text, bool plain, uint64_t most, uint64_t* value) {
    Magnitude number;
    if (!parse_magnitude(text, plain, &number)) return false;
    if (number.value > most || (number.negative && number.value != 0)) return false;
    *value = number.value;
    return true;
}

bool parse_double(std::string_view text, double* value) {
    if (text == "NaN") {
        *value = std::numeric_limits<double>::quiet_NaN();
        return true;
    }
    if (text == "Infinity" || text == "-Infinity") {
        *value = std::numeric_limits<double>::infinity() * (text[0] == '-' ? -1 : 1);
        return true;
    }
    if (text.find_first_not_of("0123456789+-.eE") != std::string_view::npos) return false;  // no "inf", no "nan(...)"
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), *value);
    return problem == std::errc() && end == text.data() + text.size();
}

bool parse_duration(std::string_view text, int64_t* seconds, int32_t* nanoseconds) {
    if (text.empty() || text.back() != 's') return false;
    text.remove_suffix(1);
    const bool negative = !text.empty() && text[0] == '-';
    if (negative) text.remove_prefix(1);
    const size_t dot = text.find('.');
    const std::string_view whole = text.substr(0, dot);
    std::string_view fraction = dot == std::string_view::npos ? "0" : text.substr(dot + 1);
    if (!is_digits(whole) || !is_digits(fraction) || fraction.size() > 9) return false;
    int64_t number = 0;
    if (std::from_chars(whole.data(), whole.data() + whole.size(), number).ec != std::errc()) return false;
    if (number > 315576000000) return false;  // protobuf's bound: 10,000 years
    int32_t nanos = 0;
    for (size_t i = 0; i < 9; ++i) nanos = nanos * 10 + (i < fraction.size() ? fraction[i] - '0' : 0);
    *seconds = negative ? -number : number;
    *nanoseconds = negative ? -nanos : nanos;
    return true;
}

bool decode_base64(std::string_view text, std::string* value) {
    while (!text.empty() && text.back() == '=') text.remove_suffix(1);
    if (text.size() % 4 == 1) return false;
    value->clear();
    uint32_t bits = 0;
    int count = 0;
    for (const char c : text) {
        const int digit = base64_digit(c);
        if (digit < 0) return false;
        bits = bits << 6 | static_cast<uint32_t>(digit);
        count += 6;
        if (count >= 8) {
            count -= 8;
            *value += static_cast<char>(bits >> count & 0xFF);
        }
    }
    return true;
}

size_t find_invalid_utf8(std::string_view text) {
    size_t i = 0;
    while (i < text.size()) {
        const auto byte = [&](size_t at) { return static_cast<unsigned char>(text[at]); };
        const unsigned char first = byte(i);
        if (first < 0x80) {
            ++i;
            continue;
        }
        const size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
        if (first < 0xC2 || first > 0xF4 || i + length > text.size()) return i;
        for (size_t k = 1; k < length; ++k) {
            if ((byte(i + k) & 0xC0) != 0x80) return i;
        }
        const unsigned char second = byte(i + 1);
        if ((first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F) || (first == 0xF0 && second < 0x90) ||
            (first == 0xF4 && second > 0x8F)) {
            return i;
        }
        i += length;
    }
    return std::string_view::npos;
}

}  // namespace heirloom::config
