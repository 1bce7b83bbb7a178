// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/message_match.h"

#include <doctest/doctest.h>
#include <re2/re2.h>

namespace heirloom::http {

namespace {

using config::HeaderMatch;
using config::QueryMatch;
using config::StringMatch;
using config::TextMatcher;
using Lines = std::vector<std::string_view>;

StringMatch text(TextMatcher::Kind kind, std::string value, bool ignore_case = false) {
    StringMatch match{{kind, std::move(value), ignore_case}, {}};
    if (kind == TextMatcher::Kind::regex) match.compiled = std::make_shared<const re2::RE2>(match.value);
    return match;
}

HeaderMatch header(StringMatch value) {
    HeaderMatch match;
    match.name = "x";
    match.kind = HeaderMatch::Kind::text;
    match.text = std::move(value);
    return match;
}

HeaderMatch present(bool wanted) {
    HeaderMatch match;
    match.name = "x";
    match.present = wanted;
    return match;
}

HeaderMatch range(int64_t start, int64_t end) {
    HeaderMatch match;
    match.name = "x";
    match.kind = HeaderMatch::Kind::range;
    match.start = start;
    match.end = end;
    return match;
}

HeaderMatch inverted(HeaderMatch match) {
    match.invert = true;
    return match;
}

HeaderMatch or_empty(HeaderMatch match) {
    match.missing_is_empty = true;
    return match;
}

bool fits(const HeaderMatch& match, const Lines& lines) {
    HeaderMap headers;
    headers.add_copy("other", "a");
    for (const std::string_view line : lines) headers.add_copy("x", line);
    return matches(match, headers);
}

QueryMatch query(std::optional<StringMatch> value, bool wanted = true) {
    QueryMatch match;
    match.name = "q";
    match.text = std::move(value);
    match.present = wanted;
    return match;
}

}  // namespace

TEST_CASE("text: exact, prefix, suffix, contains, regex, with and without case") {
    using Kind = TextMatcher::Kind;
    CHECK(text(Kind::exact, "ab").matches("ab"));
    CHECK_FALSE(text(Kind::exact, "ab").matches("aB"));
    CHECK(text(Kind::exact, "ab", true).matches("aB"));
    CHECK_FALSE(text(Kind::exact, "ab").matches("abc"));
    CHECK(text(Kind::prefix, "ab").matches("abc"));
    CHECK_FALSE(text(Kind::prefix, "ab").matches("a"));
    CHECK(text(Kind::prefix, "AB", true).matches("abc"));
    CHECK(text(Kind::suffix, "bc").matches("abc"));
    CHECK_FALSE(text(Kind::suffix, "bc").matches("abcd"));
    CHECK(text(Kind::suffix, "BC", true).matches("abc"));
    CHECK(text(Kind::contains, "b").matches("abc"));
    CHECK_FALSE(text(Kind::contains, "B").matches("abc"));
    CHECK(text(Kind::contains, "BC", true).matches("abc"));
    CHECK_FALSE(text(Kind::contains, "bcd", true).matches("abc"));
    CHECK(text(Kind::regex, "a.c").matches("abc"));
    CHECK_FALSE(text(Kind::regex, "a.c").matches("abcd"));  // the whole of it
}

TEST_CASE("an absent field fits neither way, unless it counts as empty") {
    const HeaderMatch exact = header(text(TextMatcher::Kind::exact, "a"));
    CHECK(fits(exact, {"a"}));
    CHECK_FALSE(fits(exact, {"b"}));
    CHECK_FALSE(fits(exact, {}));
    CHECK_FALSE(fits(inverted(exact), {"a"}));
    CHECK(fits(inverted(exact), {"b"}));
    CHECK_FALSE(fits(inverted(exact), {}));
    CHECK(fits(inverted(or_empty(exact)), {}));
    CHECK(fits(or_empty(header(text(TextMatcher::Kind::exact, ""))), {}));
}

TEST_CASE("lines of one name are looked at one by one") {
    const HeaderMatch exact = header(text(TextMatcher::Kind::exact, "b"));
    CHECK(fits(exact, {"a", "b"}));
    CHECK_FALSE(fits(inverted(exact), {"a", "b"}));
    CHECK(fits(inverted(exact), {"a", "c"}));
    CHECK_FALSE(fits(header(text(TextMatcher::Kind::exact, "a,b")), {"a", "b"}));
    CHECK(fits(range(1, 3), {"7", "2"}));
}

TEST_CASE("presence and absence") {
    CHECK(fits(present(true), {""}));
    CHECK_FALSE(fits(present(true), {}));
    CHECK(fits(present(false), {}));
    CHECK_FALSE(fits(present(false), {"a"}));
    CHECK(fits(inverted(present(true)), {}));
    CHECK(fits(inverted(present(false)), {"a"}));
    CHECK(fits(or_empty(present(true)), {}));
    CHECK_FALSE(fits(or_empty(present(false)), {}));
    CHECK_FALSE(fits(or_empty(present(false)), {"a"}));
}

TEST_CASE("a range takes whole numbers, its end excluded") {
    for (const std::string_view good : {"1", "9", "+5", "05"}) CHECK(fits(range(1, 10), {good}));
    for (const std::string_view bad : {"0", "10", "5x", "", "+", "+-5", "-1", "5.0", "99999999999999999999"})
        CHECK_FALSE(fits(range(1, 10), {bad}));
    CHECK(fits(range(-10, 0), {"-1"}));
    CHECK(fits(inverted(range(1, 10)), {"x"}));
    CHECK_FALSE(fits(inverted(range(1, 10)), {}));
    CHECK(fits(inverted(or_empty(range(1, 10))), {}));
}

TEST_CASE("pseudo fields and well-known ones are found by their name") {
    HeaderMap headers;
    headers.add_copy(HeaderId::authority, "a.com");
    headers.add_copy(HeaderId::user_agent, "curl");
    headers.add_copy(HeaderId::cookie, "gone");
    headers.remove(HeaderId::cookie);
    HeaderMatch match = header(text(TextMatcher::Kind::exact, "a.com"));
    match.name = ":authority";
    CHECK(matches(match, headers));
    match.name = "user-agent";
    match.text.value = "curl";
    CHECK(matches(match, headers));
    match = present(true);
    match.name = "cookie";
    CHECK_FALSE(matches(match, headers));
}

TEST_CASE("query parameters: the first of the name, as it stands") {
    const QueryMatch exact = query(text(TextMatcher::Kind::exact, "a"));
    for (const std::string_view path : {"/?q=a", "/?q=a&q=b", "/?r=a&q=a", "/?x&q=a", "/?&&q=a"}) {
        CAPTURE(path);
        CHECK(matches(exact, path));
    }
    for (const std::string_view path :
         {"/", "/?", "/?q", "/?q=b&q=a", "/?q=%61", "/?Q=a", "/?q=a=b", "/?qq=a", "/q=a"}) {
        CAPTURE(path);
        CHECK_FALSE(matches(exact, path));
    }
    CHECK(matches(query({}), "/?q"));
    CHECK(matches(query({}), "/?a&q=1"));
    CHECK_FALSE(matches(query({}), "/?p"));
    CHECK(matches(query({}, false), "/?p"));
    CHECK_FALSE(matches(query({}, false), "/?q"));
    CHECK(matches(query(text(TextMatcher::Kind::regex, "\\d+")), "/?q=12"));
}

TEST_CASE("gRPC by content-type") {
    for (const auto& [type, expected] : {std::pair("application/grpc", true),
                                         {"application/grpc+proto", true},
                                         {"application/grpc-web", false},
                                         {"application/json", false}}) {
        HeaderMap headers;
        headers.add_copy(HeaderId::content_type, type);
        CHECK(is_grpc(headers) == expected);
    }
    CHECK_FALSE(is_grpc(HeaderMap()));
}

}  // namespace heirloom::http
