// SPDX-License-Identifier: Apache-2.0
#include "proxy/config/matchers.h"

#include <re2/re2.h>
#include <strings.h>

#include <cstring>

namespace heirloom::config {
namespace {

bool equal(std::string_view a, std::string_view b, bool ignore_case) {
    if (a.size() != b.size()) return false;
    return ignore_case ? ::strncasecmp(a.data(), b.data(), a.size()) == 0 : a == b;
}

bool contains(std::string_view text, std::string_view part, bool ignore_case) {
    if (!ignore_case) return text.find(part) != text.npos;
    for (size_t at = 0; at + part.size() <= text.size(); ++at) {
        if (equal(text.substr(at, part.size()), part, true)) return true;
    }
    return false;
}

}  // namespace

Regex compile_for_whole(const std::string& expression) {
    re2::RE2::Options options;
    options.set_log_errors(false);
    // A repetition at the beginning would repeat the `^`.
    if (!expression.empty() && std::strchr("*+?{", expression.front()) == nullptr) {
        auto anchored = std::make_shared<const re2::RE2>("^" + expression, options);
        if (anchored->ok()) return anchored;
    }
    return std::make_shared<const re2::RE2>(expression, options);
}

bool matches_whole(const Regex& regex, std::string_view text) {
    return regex->Match({text.data(), text.size()}, 0, text.size(), re2::RE2::ANCHOR_BOTH, nullptr, 0);
}

bool StringMatch::matches(std::string_view text) const {
    const size_t size = value.size();
    switch (kind) {
        case Kind::exact:
            return equal(text, value, ignore_case);
        case Kind::prefix:
            return text.size() >= size && equal(text.substr(0, size), value, ignore_case);
        case Kind::suffix:
            return text.size() >= size && equal(text.substr(text.size() - size), value, ignore_case);
        case Kind::contains:
            return contains(text, value, ignore_case);
        case Kind::regex:
            return matches_whole(compiled, text);
    }
    return false;
}

}  // namespace heirloom::config
