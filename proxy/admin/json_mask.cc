// SPDX-License-Identifier: Apache-2.0
#include "proxy/admin/json_mask.h"

#include <algorithm>

namespace heirloom::admin {

namespace {

size_t end_of_string(std::string_view text, size_t at) {
    for (++at; at < text.size() && text[at] != '"'; ++at) {
        if (text[at] == '\\') ++at;
    }
    return std::min(at + 1, text.size());
}

// Behind the value that begins at `at`.
size_t end_of_value(std::string_view text, size_t at) {
    if (at < text.size() && text[at] == '"') return end_of_string(text, at);
    size_t depth = 0;
    while (at < text.size()) {
        const char c = text[at];
        if (c == '"') {
            at = end_of_string(text, at);
            continue;
        }
        if (depth == 0 && (c == ',' || c == '}' || c == ']')) return at;
        if (c == '{' || c == '[') ++depth;
        if (c == '}' || c == ']') --depth;
        ++at;
        if (depth == 0 && (c == '}' || c == ']')) return at;
    }
    return at;
}

size_t skip(std::string_view text, size_t at, std::string_view what) {
    return std::min(text.find_first_not_of(what, at), text.size());
}

}  // namespace

std::vector<std::string> mask_paths(std::string_view mask) {
    std::vector<std::string> paths;
    while (!mask.empty()) {
        const size_t comma = mask.find(',');
        if (comma != 0) paths.emplace_back(mask.substr(0, comma));
        mask.remove_prefix(comma == std::string_view::npos ? mask.size() : comma + 1);
    }
    return paths;
}

std::vector<std::string> paths_below(std::span<const std::string> paths, std::string_view field) {
    std::vector<std::string> below;
    for (const std::string& path : paths) {
        if (path == field) below.emplace_back();
        if (path.starts_with(field) && path.size() > field.size() && path[field.size()] == '.') {
            below.push_back(path.substr(field.size() + 1));
        }
    }
    return below;
}

std::string masked(std::string_view object, std::span<const std::string> paths) {
    if (paths.empty() || std::find(paths.begin(), paths.end(), "") != paths.end()) return std::string(object);
    constexpr std::string_view kBetween = " \n\t\r,{";
    std::string result = "{";
    size_t at = skip(object, 0, kBetween);
    while (at < object.size() && object[at] == '"') {
        const size_t key_end = end_of_string(object, at);
        const std::string_view key = object.substr(at, key_end - at);
        const size_t value = skip(object, key_end, " \n\t\r:");
        const size_t value_end = end_of_value(object, value);
        const std::vector<std::string> below = paths_below(paths, key.substr(1, key.size() - 2));
        const std::string_view text = object.substr(value, value_end - value);
        if (!below.empty()) {
            if (result.size() > 1) result += ",";
            result.append(key).append(":");
            result += text.starts_with('{') ? masked(text, below) : std::string(text);
        }
        at = skip(object, value_end, kBetween);
    }
    return result + "}";
}

}  // namespace heirloom::admin
