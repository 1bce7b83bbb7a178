// SPDX-License-Identifier: Apache-2.0
// Route tables: what they become, and what cannot be.
#include <doctest/doctest.h>

#include "tests/unit/config/load_text.h"

namespace heirloom::config {

namespace {

constexpr const char* kPlace =
    "static_resources.listeners[0].filter_chains[0].filters[0].typed_config.route_config.virtual_hosts[0].routes[0]";

// A bootstrap whose only route has the fields `route`, in flow style; `host` and `table`: further fields around it.
std::string bootstrap(const std::string& route, const std::string& host = "", const std::string& table = "") {
    return R"({static_resources: {clusters: [{name: up, connect_timeout: 1s}], listeners: [{name: in, address:
{socket_address: {address: 127.0.0.1, port_value: 0}}, filter_chains: [{filters: [{name: hcm, typed_config: {'@type':
type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager, stat_prefix: in,
http_filters: [{name: router, typed_config: {'@type': type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}],
route_config: {name: local, virtual_hosts: [{name: all, domains: ['*'], routes: [{)" +
           route + "}]" + host + "}]" + table + "}}}]}]}]}}";
}

RouteTableConfig table_of(const std::string& text) {
    const auto snapshot = load(text);
    REQUIRE_MESSAGE(snapshot.ok(), snapshot.error().text);
    return (*snapshot)->listeners[0].filter_chains[0].http->routes;
}

RouteConfig route_of(const std::string& route) { return table_of(bootstrap(route)).virtual_hosts[0].routes[0]; }

RouteMatch match_of(const std::string& match) {
    return route_of("match: {" + match + "}, direct_response: {status: 200}").match;
}

// The errors, without the place of the route they stand in.
std::string shortened(std::string text) {
    const std::string place = std::string(kPlace) + ".";
    for (size_t at = text.find(place); at != std::string::npos; at = text.find(place)) text.erase(at, place.size());
    return text;
}

std::string wrong_match(const std::string& match) {
    return shortened(errors_of(bootstrap("match: {" + match + "}, direct_response: {status: 200}")));
}

}  // namespace

TEST_CASE("paths: separated prefix and expression") {
    const RouteMatch separated = match_of("path_separated_prefix: /a/b, case_sensitive: false");
    CHECK(separated.kind == RouteMatch::Kind::path_separated);
    CHECK(separated.value == "/a/b");
    CHECK_FALSE(separated.case_sensitive);
    CHECK(separated.conditions == nullptr);
    const RouteMatch regex = match_of("safe_regex: {google_re2: {}, regex: '/a.*'}");
    CHECK(regex.kind == RouteMatch::Kind::regex);
    CHECK(matches_whole(regex.regex, "/abc"));
    CHECK_FALSE(matches_whole(regex.regex, "/b/abc"));
}

TEST_CASE("conditions: header fields in all forms, query parameters, gRPC") {
    const RouteMatch match = match_of(
        "prefix: /, grpc: {}, query_parameters: [{name: q, string_match: {exact: v}}, {name: r, present_match: false}, "
        "{name: s}], headers: [{name: Host, string_match: {suffix: .org, ignore_case: true}}, {name: x, range_match: "
        "{start: -5, end: 7}, invert_match: true}, {name: 'y', present_match: false, treat_missing_header_as_empty: "
        "true}, "
        "{name: z}, {name: x, exact_match: ''}, {name: x, prefix_match: p}, {name: x, suffix_match: s}, {name: x, "
        "contains_match: c}, {name: x, safe_regex_match: {regex: 'r+'}}]");
    REQUIRE(match.conditions);
    CHECK(match.conditions->grpc);
    const auto& query = match.conditions->query;
    REQUIRE(query.size() == 3);
    CHECK(query[0].text->value == "v");
    CHECK_FALSE(query[1].present);
    CHECK((query[2].present && !query[2].text));
    const auto& headers = match.conditions->headers;
    REQUIRE(headers.size() == 9);
    CHECK(headers[0].name == ":authority");
    CHECK(headers[0].text.matches("A.ORG"));
    CHECK(headers[1].kind == HeaderMatch::Kind::range);
    CHECK((headers[1].start == -5 && headers[1].end == 7 && headers[1].invert));
    CHECK(headers[2].kind == HeaderMatch::Kind::present);
    CHECK((!headers[2].present && headers[2].missing_is_empty));
    CHECK((headers[3].kind == HeaderMatch::Kind::present && headers[3].present));
    CHECK(headers[4].text.matches(""));
    CHECK(headers[5].text.matches("px"));
    CHECK(headers[6].text.matches("xs"));
    CHECK(headers[7].text.matches("xcx"));
    CHECK(headers[8].text.matches("rr"));
}

TEST_CASE("matches that cannot be") {
    for (const char* path : {"", "a", "/", "/a/", "/a?b", "/a#"}) {
        CHECK(wrong_match("path_separated_prefix: '" + std::string(path) + "'") ==
              "match.path_separated_prefix: must have at least two characters, no ? or #, and not end with a slash");
    }
    CHECK(wrong_match("safe_regex: {regex: '('}") == "match.safe_regex.regex: invalid regex '(': missing ): (");
    CHECK(wrong_match("safe_regex: {regex: ''}") == "match.safe_regex.regex: required, and must not be empty");
    CHECK(wrong_match("prefix: /, headers: [{name: ''}]") == "match.headers[0].name: required, and must not be empty");
    CHECK(wrong_match("prefix: /, headers: [{name: x, string_match: {}}]") ==
          "match.headers[0].string_match: one of exact, prefix, suffix, safe_regex, contains is required");
    CHECK(wrong_match("prefix: /, headers: [{name: x, prefix_match: ''}]") ==
          "match.headers[0].prefix_match: required, and must not be empty");
    CHECK(wrong_match("prefix: /, headers: [{name: x, string_match: {safe_regex: {regex: '['}, ignore_case: true}}]")
              .find("ignore_case has no effect for safe_regex.") != std::string::npos);
    CHECK(wrong_match("prefix: /, query_parameters: [{name: ''}]") ==
          "match.query_parameters[0].name: required, and must not be empty");
    CHECK(wrong_match("prefix: /, runtime_fraction: {default_value: {numerator: 1}}").find("runtime_fraction") !=
          std::string::npos);
}

}  // namespace heirloom::config
