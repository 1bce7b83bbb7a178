// SPDX-License-Identifier: Apache-2.0
#include "proxy/config/field_names.h"

#include <algorithm>
#include <string_view>

namespace heirloom::config {

namespace {

bool is_name_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

}  // namespace

std::string read_header_to_read(const std::string& name, const Path& path, Problems& problems) {
    std::string lower = name;
    for (char& c : lower) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    const std::string_view word = std::string_view(lower).substr(lower.starts_with(':') ? 1 : 0);
    if (!std::all_of(word.begin(), word.end(), is_name_character)) problems.error(path, "is not the name of a header");
    return lower == "host" ? ":authority" : lower;
}

void check_request_target(const std::string& value, const Path& path, Problems& problems) {
    const auto is_bad = [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7F; };
    if (std::any_of(value.begin(), value.end(), is_bad))
        problems.error(path, "must not contain blanks or control characters");
}

}  // namespace heirloom::config
