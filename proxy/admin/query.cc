// SPDX-License-Identifier: Apache-2.0
#include "proxy/admin/query.h"

namespace heirloom::admin {

namespace {

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

}  // namespace

std::string percent_decode(std::string_view text) {
    std::string result;
    for (size_t i = 0; i < text.size(); ++i) {
        const int high = text[i] == '%' && i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
        const int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
        if (low < 0) {
            result.push_back(text[i]);
        } else {
            result.push_back(static_cast<char>(high * 16 + low));
            i += 2;
        }
    }
    return result;
}

Query::Query(std::string_view text) {
    while (!text.empty()) {
        const size_t end = text.find('&');
        const std::string_view pair = text.substr(0, end);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        if (pair.empty()) continue;
        const size_t equals = pair.find('=');
        std::string value;
        if (equals != std::string_view::npos) value = percent_decode(pair.substr(equals + 1));
        parameters_.emplace_back(percent_decode(pair.substr(0, equals)), std::move(value));
    }
}

const std::string* Query::find(std::string_view name) const {
    for (const auto& [key, value] : parameters_) {
        if (key == name) return &value;
    }
    return nullptr;
}

std::optional<std::string> Query::get(std::string_view name) const {
    const std::string* value = find(name);
    return value ? std::optional(*value) : std::nullopt;
}

}  // namespace heirloom::admin
