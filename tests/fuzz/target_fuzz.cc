// SPDX-License-Identifier: Apache-2.0
// Any path through `normalize_path`, `merge_slashes` and `path_with_escaped_slashes_action` (the first byte): what
// comes out needs no second pass, keeps its query, and hides nothing that was asked to be gone.
#include <cstdlib>
#include <string>

#include "proxy/http/target_normalization.h"
#include "tests/fuzz/fuzzed_input.h"

using namespace heirloom;
using heirloom::http::HeaderId;
using heirloom::http::normalize_path;
using heirloom::http::PathVerdict;

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

std::string_view path_of(std::string_view target) { return target.substr(0, target.find('?')); }
std::string_view query_of(std::string_view target) { return target.substr(path_of(target).size()); }

// Reads dots as whoever comes next might: escaped ones are dots too.
bool is_dots(std::string_view segment) {
    std::string plain;
    for (size_t i = 0; i < segment.size(); ++i) {
        const bool escaped =
            segment[i] == '%' && i + 2 < segment.size() && segment[i + 1] == '2' && (segment[i + 2] | 0x20) == 'e';
        plain += escaped ? '.' : segment[i];
        if (escaped) i += 2;
    }
    return plain == "." || plain == "..";
}

void check(std::string_view path, const config::TargetRules& rules) {
    require(path.starts_with('/'));
    if (rules.merge_slashes) require(path.find("//") == path.npos);
    if (rules.normalize_path) {
        require(path.find('\\') == path.npos);
        for (size_t begin = 0; begin <= path.size();) {
            const size_t end = std::min(path.find('/', begin), path.size());
            require(!is_dots(path.substr(begin, end - begin)));
            begin = end + 1;
        }
        for (const char c : path) require(c > ' ' && c < 0x7f);
    }
    if (rules.escaped_slashes == config::TargetRules::EscapedSlashes::keep) return;
    for (size_t at = 0; (at = path.find('%', at)) != path.npos; ++at) {
        const std::string_view escape = path.substr(at, 3);
        require(escape != "%2f" && escape != "%2F" && escape != "%5c" && escape != "%5C");
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    fuzz::Input input(data, size);
    const uint8_t bits = input.byte();
    config::TargetRules rules;
    rules.normalize_path = bits & 1;
    rules.merge_slashes = bits & 2;
    rules.escaped_slashes = static_cast<config::TargetRules::EscapedSlashes>(bits >> 2 & 3);
    std::string target = "/" + std::string(input.rest());
    for (const char c : target) {
        if (static_cast<uint8_t>(c) <= ' ' || c == 0x7f) return 0;  // the codecs let none through
    }
    http::HeaderMap headers;
    headers.add_copy(HeaderId::path, target);
    if (normalize_path(headers, rules) == PathVerdict::refuse) return 0;
    const std::string once(headers.get(HeaderId::path));
    require(query_of(once) == query_of(target));
    check(path_of(once), rules);
    require(normalize_path(headers, rules) == PathVerdict::go_on);
    require(headers.get(HeaderId::path) == once);
    return 0;
}
