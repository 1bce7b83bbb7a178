// SPDX-License-Identifier: Apache-2.0
#include "proxy/stats/json_writer.h"

#include <doctest/doctest.h>

namespace heirloom::stats {

TEST_CASE("pretty JSON has one blank per level, as protobuf prints it") {
    std::string out;
    JsonWriter json(out, JsonWriter::Style::pretty);
    json.begin_object();
    json.field("name", "blue");
    json.key("list");
    json.begin_array();
    json.number(1);
    json.boolean(true);
    json.null();
    json.end_array();
    json.key("empty");
    json.begin_object();
    json.end_object();
    json.end_object();
    CHECK(out == "{\n \"name\": \"blue\",\n \"list\": [\n  1,\n  true,\n  null\n ],\n \"empty\": {}\n}");
}

TEST_CASE("compact JSON has no blanks") {
    std::string out;
    JsonWriter json(out, JsonWriter::Style::compact);
    json.begin_array();
    json.real(99.5);
    json.real(0.0 / 0.0);
    json.end_array();
    CHECK(out == "[99.5,null]");
}

TEST_CASE("strings are escaped and stay UTF-8") {
    std::string out;
    JsonWriter json(out, JsonWriter::Style::compact);
    json.begin_array();
    json.text("a\"b\\c\n\x01");
    json.text("gr\xc3\xbc\xc3\x9f");
    json.text("\xff|\xc3");
    json.end_array();
    CHECK(out == "[\"a\\\"b\\\\c\\n\\u0001\",\"gr\xc3\xbc\xc3\x9f\",\"\\ufffd|\\ufffd\"]");
}

TEST_CASE("JSON of another layout is printed in ours") {
    std::string out;
    JsonWriter json(out, JsonWriter::Style::pretty);
    json.begin_object();
    json.key("bootstrap");
    json.json("{\"a\":[1, 2.5],  \"b\" : {\"text\":\"{,:]\\\"\"},\"c\":{},\n\"d\":[]}");
    json.field("after", true);
    json.end_object();
    CHECK(out ==
          "{\n \"bootstrap\": {\n  \"a\": [\n   1,\n   2.5\n  ],\n  \"b\": {\n   \"text\": \"{,:]\\\"\"\n  },\n"
          "  \"c\": {},\n  \"d\": []\n },\n \"after\": true\n}");
}

}  // namespace heirloom::stats
