// SPDX-License-Identifier: Apache-2.0
// Entries of `access_log` lists.
#include <doctest/doctest.h>

#include "tests/unit/config/load_text.h"

using namespace heirloom::config;

TEST_CASE("a JSON format of YAML has the values that Envoy makes of it") {
    const auto loaded = load(R"(
admin:
  access_log:
    typed_config:
      "@type": type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog
      log_format: {json_format: {
        z: 1, hex: 0x10, large: 12345678901, real: 5.25, quoted: "5", yes: on, no: ~, truth: "true", a: "%DURATION%",
        b: "x%PROTOCOL%", z: 2}}
  address: {socket_address: {address: 127.0.0.1, port_value: 0}}
)");
    REQUIRE_MESSAGE(loaded.ok(), loaded.error().text);
    const LogFormat& format = (*loaded)->admin->access_logs.at(0).format;
    REQUIRE(format.pieces.size() == 5);
    CHECK(format.pieces[0].text == "{\"a\":");
    CHECK(format.pieces[1].form == LogForm::json_value);
    CHECK(format.pieces[2].text == ",\"b\":\"x");
    CHECK(format.pieces[3].form == LogForm::json_part);
    CHECK(format.pieces[4].text ==
          "\",\"hex\":16,\"large\":\"12345678901\",\"no\":null,\"quoted\":\"5\",\"real\":\"5.25\","
          "\"truth\":\"true\",\"yes\":true,\"z\":2}\n");
}
