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

namespace {

std::string with_filter(const std::string& filter) {
    return R"(
admin:
  address: {socket_address: {address: 127.0.0.1, port_value: 0}}
  access_log:
    filter: )" +
           filter + R"(
    typed_config:
      "@type": type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog
)";
}

LogFilter filter_of(const std::string& filter) {
    const auto loaded = load(with_filter(filter));
    REQUIRE_MESSAGE(loaded.ok(), loaded.error().text);
    return (*loaded)->admin->access_logs.at(0).filter;
}

std::string error_of(const std::string& filter) { return errors_of(with_filter(filter)); }

}  // namespace

TEST_CASE("filters of access logs") {
    using Kind = LogFilter::Kind;
    LogFilter filter = filter_of(
        "{or_filter: {filters: ["
        "{status_code_filter: {comparison: {op: GE, value: {default_value: 500, runtime_key: low}}}}, "
        "{and_filter: {filters: [{duration_filter: {comparison: {op: LE, value: {default_value: 7}}}}, "
        "{runtime_filter: {runtime_key: k, percent_sampled: {numerator: 3, denominator: MILLION}}}]}}]}}");
    CHECK(filter.kind == Kind::any_of);
    REQUIRE(filter.parts.size() == 2);
    CHECK(filter.parts[0].kind == Kind::status_code);
    CHECK(filter.parts[0].compare == LogFilter::Compare::at_least);
    CHECK(filter.parts[0].value == 500);
    CHECK(filter.parts[0].key == RuntimeKey::of("low"));
    CHECK(filter.parts[1].kind == Kind::all_of);
    CHECK(filter.parts[1].parts.at(0).kind == Kind::duration);
    CHECK(filter.parts[1].parts.at(0).compare == LogFilter::Compare::at_most);
    CHECK_FALSE(filter.parts[1].parts.at(0).key);
    CHECK(filter.parts[1].parts.at(1).kind == Kind::sample);
    CHECK(filter.parts[1].parts.at(1).key == RuntimeKey::of("k"));
    CHECK(filter.parts[1].parts.at(1).numerator == 3);
    CHECK(filter.parts[1].parts.at(1).denominator == 1000000);
    CHECK(filter.parts[1].parts.at(1).by_request_id);
    CHECK_FALSE(filter_of("{runtime_filter: {runtime_key: k, use_independent_randomness: true}}").by_request_id);
    filter = filter_of("{not_health_check_filter: {}}");
    CHECK((filter.kind == Kind::all_of && filter.parts.empty()));
    CHECK(filter_of("{response_flag_filter: {flags: [UF, RL]}}").flags == std::vector<std::string>{"UF", "RL"});
    filter = filter_of("{grpc_status_filter: {statuses: [OK, UNAVAILABLE], exclude: true}}");
    CHECK((filter.kind == Kind::grpc_status && filter.chosen == (1u | 1u << 14) && filter.exclude));
    filter = filter_of("{header_filter: {header: {name: X-Debug, string_match: {exact: 'on'}}}}");
    CHECK((filter.kind == Kind::header && filter.header.name == "x-debug" && filter.header.text.value == "on"));
    filter = filter_of("{log_type_filter: {types: [DownstreamEnd, TcpConnectionEnd]}}");
    CHECK((filter.kind == Kind::log_type && filter.chosen == (1u << 6 | 1u << 3) && !filter.exclude));
}

TEST_CASE("filters that are not whole are refused by name") {
    const std::string at = "admin.access_log[0].filter";
    CHECK(error_of("{}") == at + ": one of the filters is required");
    CHECK(error_of("{status_code_filter: {}}") == at + ".status_code_filter.comparison: required");
    CHECK(error_of("{duration_filter: {comparison: {}}}") == at + ".duration_filter.comparison.value: required");
    CHECK(error_of("{and_filter: {filters: [{not_health_check_filter: {}}]}}") ==
          at + ".and_filter.filters: at least 2 are required");
    CHECK(error_of("{or_filter: {filters: [{}, {not_health_check_filter: {}}]}}") ==
          at + ".or_filter.filters[0]: one of the filters is required");
    CHECK(error_of("{runtime_filter: {}}") == at + ".runtime_filter.runtime_key: required, and must not be empty");
    CHECK(error_of("{header_filter: {}}") == at + ".header_filter.header: required");
    CHECK(error_of("{response_flag_filter: {flags: XX}}") ==
          at + ".response_flag_filter.flags[0]: no such response flag: 'XX'");
    CHECK(error_of("{traceable_filter: {}}").find("traceable_filter: unknown or unsupported") != std::string::npos);
}
