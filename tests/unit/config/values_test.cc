// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "proxy/config/problems.h"
#include "proxy/config/scalar_values.h"

using namespace heirloom::config;

TEST_CASE("whole numbers: decimal, hexadecimal, octal, whole floating point, and no others") {
    int64_t value = 0;
    uint64_t natural = 0;
    CHECK(parse_signed("-12", true, -100, 100, &value));
    CHECK(value == -12);
    CHECK(parse_signed("-9223372036854775808", true, INT64_MIN, INT64_MAX, &value));
    CHECK(value == INT64_MIN);
    CHECK_FALSE(parse_signed("9223372036854775808", true, INT64_MIN, INT64_MAX, &value));
    CHECK_FALSE(parse_signed("-101", true, -100, 100, &value));
    CHECK(parse_unsigned("0x10", true, 100, &natural));
    CHECK(natural == 16);
    CHECK(parse_unsigned("010", true, 100, &natural));
    CHECK(natural == 8);
    CHECK(parse_unsigned("010", false, 100, &natural));
    CHECK(natural == 10);
    CHECK(parse_unsigned("1e2", true, 100, &natural));
    CHECK(natural == 100);
    CHECK_FALSE(parse_unsigned("0x10", false, 100, &natural));
    CHECK_FALSE(parse_unsigned("101", true, 100, &natural));
    CHECK_FALSE(parse_unsigned("-1", true, 100, &natural));
    CHECK_FALSE(parse_unsigned("1.5", true, 100, &natural));
    for (const char* bad : {"", "-", "x", "1x", "0x", "--1", "1e400", "nan"})
        CHECK_FALSE(parse_signed(bad, true, -9, 9, &value));
}

TEST_CASE("durations are seconds with an s") {
    int64_t seconds = 0;
    int32_t nanos = 0;
    CHECK(parse_duration("0.25s", &seconds, &nanos));
    CHECK(seconds == 0);
    CHECK(nanos == 250000000);
    CHECK(parse_duration("-3.000000001s", &seconds, &nanos));
    CHECK(seconds == -3);
    CHECK(nanos == -1);
    for (const char* bad : {"", "s", "1", "1m", "1 s", ".5s", "1.s", "1.0000000001s", "999999999999999s"}) {
        CHECK_FALSE(parse_duration(bad, &seconds, &nanos));
    }
}

TEST_CASE("booleans, base64, UTF-8") {
    bool truth = false;
    CHECK(parse_bool("Yes", true, &truth));
    CHECK(truth);
    CHECK_FALSE(parse_bool("Yes", false, &truth));
    CHECK_FALSE(parse_bool("yES", true, &truth));
    std::string bytes;
    CHECK(decode_base64("aGk=", &bytes));
    CHECK(bytes == "hi");
    CHECK(decode_base64("-_8", &bytes));
    CHECK(bytes == "\xfb\xff");
    CHECK_FALSE(decode_base64("a", &bytes));
    CHECK_FALSE(decode_base64("a b=", &bytes));
    CHECK(find_invalid_utf8("caf\u00e9 \U0001F350") == std::string_view::npos);
    CHECK(find_invalid_utf8("ab\xc0\x80") == 2);
    CHECK(find_invalid_utf8("\xed\xa0\x80") == 0);
    CHECK(find_invalid_utf8("x\xe2\x82") == 1);
}

TEST_CASE("a path knows its parent and what is below it") {
    const Path path = Path().field("a").item("b", 3).field("c").key("d.e[1]").field("f");
    CHECK(path.text() == "a.b[3].c[\"d.e[1]\"].f");
    CHECK(path.parent().text() == "a.b[3].c[\"d.e[1]\"]");
    CHECK(path.parent().parent().text() == "a.b[3].c");
    CHECK(path.is_below(Path().field("a").field("b")));
    CHECK_FALSE(Path().field("ab").is_below(Path().field("a")));
    CHECK(is_same_field("connectTimeout", "connect_timeout"));
    CHECK(is_same_field("acceptHttp10", "accept_http_10"));
    CHECK_FALSE(is_same_field("ConnectTimeout", "connect_timeout"));
}
