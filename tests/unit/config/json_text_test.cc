// SPDX-License-Identifier: Apache-2.0
#include "proxy/config/json_text.h"

#include <doctest/doctest.h>

#include <limits>

using namespace heirloom::config;

namespace {

std::string escaped(std::string text) {
    std::string scratch;
    escape_json(text, 0, scratch);
    return text;
}

std::string number(double value) {
    std::string out;
    append_json_number(out, value);
    return out;
}

}  // namespace

TEST_CASE("UTF-8 stays, what JSON cannot hold is escaped") {
    CHECK(escaped("plain /<>&'") == "plain /<>&'");
    CHECK(escaped("a\"b\\c") == "a\\\"b\\\\c");
    CHECK(escaped("\b\f\n\r\t\x01\x1f\x7f") == "\\b\\f\\n\\r\\t\\u0001\\u001f\x7f");
    CHECK(escaped("\xc3\xa9\xf0\x9f\x98\x80") == "\xc3\xa9\xf0\x9f\x98\x80");
}

TEST_CASE("one byte that is not UTF-8, and all beyond ASCII is escaped") {
    CHECK(escaped("\xc3\xa9\xff\"\\ z") == "\\u00c3\\u00a9\\u00ff\\u0022\\u005c z");
    CHECK(escaped("\xed\xa0\x80") == "\\u00ed\\u00a0\\u0080");  // a surrogate
    CHECK(escaped("\xc0\x80") == "\\u00c0\\u0080");             // overlong
}

TEST_CASE("only the end of a text is escaped") {
    std::string text = "{\"k\":\"\xff", scratch;
    const size_t from = text.size();
    text += "\"\xc3\xa9";
    escape_json(text, from, scratch);
    CHECK(text == "{\"k\":\"\xff\\\"\xc3\xa9");
    append_json_string(text, "a\"");
    CHECK(text.ends_with("\"a\\\"\""));
}

TEST_CASE("numbers have their shortest form") {
    CHECK(number(5) == "5");
    CHECK(number(-0.1) == "-0.1");
    CHECK(number(100000) == "1e+05");
    CHECK(number(12345678901234) == "12345678901234");
    CHECK(number(std::numeric_limits<double>::infinity()) == "null");
}
