// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/message_match.h"

#include <algorithm>
#include <charconv>

namespace heirloom::http {
namespace {

using config::HeaderMatch;

bool in_range(std::string_view value, int64_t start, int64_t end) {
    // A sign of plus is fine, two signs are not.
    if (value.size() > 1 && value[0] == '+' && value[1] != '-') value.remove_prefix(1);
    int64_t number = 0;
    const auto [last, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    return error == std::errc() && last == value.data() + value.size() && number >= start && number < end;
}

bool fits(const HeaderMatch& match, std::string_view value) {
    return match.kind == HeaderMatch::Kind::range ? in_range(value, match.start, match.end) : match.text.matches(value);
}

}  // namespace

bool matches(const HeaderMatch& match, const HeaderMap& headers) {
    const HeaderId id = lookup_header(match.name);
    bool found = false;
    bool fit = false;
    if (id == HeaderId::other || headers.has(id)) {
        for (const HeaderField& field : headers.fields()) {
            if (field.removed || field.id != id || (id == HeaderId::other && field.name != match.name)) continue;
            found = true;
            fit = match.kind == HeaderMatch::Kind::present || fits(match, field.value);
            if (fit) break;
        }
    }
    if (match.kind == HeaderMatch::Kind::present) {
        return ((found || match.missing_is_empty) == match.present) != match.invert;
    }
    if (!found) {
        if (!match.missing_is_empty) return false;
        fit = fits(match, {});
    }
    return fit != match.invert;
}

bool matches(const config::QueryMatch& match, std::string_view path) {
    const size_t mark = path.find('?');
    std::string_view rest = mark == path.npos ? std::string_view() : path.substr(mark + 1);
    while (!rest.empty()) {
        const std::string_view parameter = rest.substr(0, rest.find('&'));
        rest.remove_prefix(std::min(rest.size(), parameter.size() + 1));
        const size_t equal = parameter.find('=');
        if (parameter.substr(0, equal) != match.name) continue;
        const std::string_view value = equal == parameter.npos ? std::string_view() : parameter.substr(equal + 1);
        return match.text ? match.text->matches(value) : match.present;
    }
    return !match.text && !match.present;
}

bool is_grpc(const HeaderMap& headers) {
    constexpr std::string_view kGrpc = "application/grpc";
    const std::string_view type = headers.get(HeaderId::content_type);
    return type.starts_with(kGrpc) && (type.size() == kGrpc.size() || type[kGrpc.size()] == '+');
}

}  // namespace heirloom::http
