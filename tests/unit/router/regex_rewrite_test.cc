// SPDX-License-Identifier: Apache-2.0
#include "proxy/router/regex_rewrite.h"

#include <doctest/doctest.h>
#include <re2/re2.h>

namespace heirloom::router {

namespace {

std::string replaced(std::string_view text, const char* pattern, std::string substitution) {
    std::string out = "<";
    replace_all(out, text, {std::make_shared<const re2::RE2>(pattern), std::move(substitution)});
    return out.substr(1);
}

}  // namespace

TEST_CASE("every match is replaced, groups are filled in") {
    CHECK(replaced("/aaca", "a", "b") == "/bbcb");
    CHECK(replaced("/ab/12/c", "^/(\\w+)/(\\d+)", "/x\\2/\\1") == "/x12/ab/c");
    CHECK(replaced("/aab", "a+", "[\\0]") == "/[aa]b");
    CHECK(replaced("/x", "nomatch", "b") == "/x");
    CHECK(replaced("", "a", "b") == "");
    CHECK(replaced("/x", "x", "\\\\") == "/\\");
}

TEST_CASE("it agrees with RE2's own replacing, empty matches and characters of several bytes included") {
    for (const char* pattern : {"x*", "a*", "", "a|", "$", "^", "\\b", "[^/]*", ".*", "(a)|(b)", "\xc3\xa4*"}) {
        for (const char* text : {"", "/", "/xxa", "aaa", "ab/ba", "/\xc3\xa4\xc3\xb6/a", "\xff/a", "a\xe2\x82\xac"}) {
            CAPTURE(pattern);
            CAPTURE(text);
            std::string expected = text;
            re2::RE2::GlobalReplace(&expected, pattern, "-\\0-");
            CHECK(replaced(text, pattern, "-\\0-") == expected);
        }
    }
}

}  // namespace heirloom::router
