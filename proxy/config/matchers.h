// SPDX-License-Identifier: Apache-2.0
// Matchers of text, header fields and query parameters as plain structs, with their expressions compiled. Immutable,
// shared by all workers.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace re2 {
class RE2;
}

namespace heirloom::config {

// Of RE2's syntax, as Envoy has it.
using Regex = std::shared_ptr<const re2::RE2>;
// For matches_whole() alone. The same expression with a `^`, which says nothing new where the whole is matched: RE2
// then compares the letters that it begins with before it starts a machine. Not ok(): see its error().
Regex compile_for_whole(const std::string& expression);
// Does it match the whole of `text`?
bool matches_whole(const Regex& regex, std::string_view text);

// One string matcher; `kind` regex is RE2 and must match the whole text.
struct TextMatcher {
    enum class Kind : uint8_t { exact, prefix, suffix, contains, regex } kind = Kind::exact;
    std::string value;
    bool ignore_case = false;  // ASCII letters; not of regex
};

struct StringMatch : TextMatcher {
    Regex compiled;  // of kind regex
    // Allocates nothing.
    bool matches(std::string_view text) const;
};

struct HeaderMatch {
    enum class Kind : uint8_t { present, text, range };
    std::string name;  // lower case; ":authority" for host
    Kind kind = Kind::present;
    bool present = true;  // of kind present: false asks for its absence
    StringMatch text;
    int64_t start = 0, end = 0;     // of kind range: a whole number, at least start and less than end
    bool invert = false;            // a field that is absent fits neither way
    bool missing_is_empty = false;  // one that is absent counts as an empty one
};

struct QueryMatch {
    std::string name;                 // as it stands in the path, not decoded
    std::optional<StringMatch> text;  // of the first value of that name; none: only `present` counts
    bool present = true;
};

// A rewrite by expression: every match is replaced; `\1` stands for a group.
struct RegexRewrite {
    Regex pattern;
    std::string substitution;
};

}  // namespace heirloom::config
