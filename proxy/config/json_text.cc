// SPDX-License-Identifier: Apache-2.0
#include "proxy/config/json_text.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "proxy/config/scalar_values.h"

namespace heirloom::config {
namespace {

bool is_plain(char c) { return static_cast<unsigned char>(c) >= 0x20 && c != '"' && c != '\\' && c != 0x7f && c > 0; }

void append_unit(std::string& out, char c) {
    constexpr char kDigits[] = "0123456789abcdef";
    const auto byte = static_cast<unsigned char>(c);
    out.append("\\u00");
    out.push_back(kDigits[byte >> 4]);
    out.push_back(kDigits[byte & 15]);
}

void append_escaped(std::string& out, char c) {
    switch (c) {
        case '"':
        case '\\':
            out.push_back('\\');
            return out.push_back(c);
        case '\b':
            return void(out.append("\\b"));
        case '\f':
            return void(out.append("\\f"));
        case '\n':
            return void(out.append("\\n"));
        case '\r':
            return void(out.append("\\r"));
        case '\t':
            return void(out.append("\\t"));
        default:
            if (static_cast<unsigned char>(c) < 0x20) return append_unit(out, c);
            out.push_back(c);
    }
}

}  // namespace

void escape_json(std::string& text, size_t from, std::string& scratch) {
    const auto first = std::find_if_not(text.begin() + static_cast<std::ptrdiff_t>(from), text.end(),
                                        [](char c) { return is_plain(c); });
    if (first == text.end()) return;
    const bool is_utf8 = find_invalid_utf8(std::string_view(text).substr(from)) == std::string_view::npos;
    scratch.assign(text, static_cast<size_t>(first - text.begin()));
    text.erase(first, text.end());
    for (const char c : scratch) {
        if (is_utf8) {
            append_escaped(text, c);
        } else if (is_plain(c)) {
            text.push_back(c);
        } else {
            append_unit(text, c);
        }
    }
}

void append_json_string(std::string& out, std::string_view text) {
    std::string scratch;
    out.push_back('"');
    const size_t from = out.size();
    out.append(text);
    escape_json(out, from, scratch);
    out.push_back('"');
}

void append_json_number(std::string& out, double value) {
    if (!std::isfinite(value)) return void(out.append("null"));
    char text[32];
    out.append(text, std::to_chars(text, text + sizeof text, value).ptr);
}

}  // namespace heirloom::config
