// SPDX-License-Identifier: Apache-2.0
// Route tables: what they become, and what cannot be.
#include <doctest/doctest.h>

#include "proxy/config/internal_redirect_config.h"
#include "proxy/config/load_balancing_config.h"
#include "proxy/config/mirror_config.h"
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
    CHECK(wrong_match("prefix: /, runtime_fraction: {runtime_key: k}") ==
          "match.runtime_fraction.default_value: required");
}

TEST_CASE("header mutations on all levels") {
    const RouteTableConfig table = table_of(bootstrap(
        "match: {prefix: /}, direct_response: {status: 200}, request_headers_to_add: [{header: {key: X-A, value: "
        "'%REQ(b)%'}}, {header: {key: b, raw_value: eA==}, append_action: ADD_IF_ABSENT, keep_empty_value: true}, "
        "{header: {key: c, value: v}, append: false}, {header: {key: d}, append: true}, {header: {key: e}, "
        "append_action: OVERWRITE_IF_EXISTS}, {header: {key: f}, append_action: OVERWRITE_IF_EXISTS_OR_ADD}], "
        "request_headers_to_remove: [X-B]",
        ", response_headers_to_add: {header: {key: h, value: v}}",
        ", response_headers_to_remove: [t], most_specific_header_mutations_wins: true"));
    using Action = HeaderToAdd::Action;
    const VirtualHostConfig& host = table.virtual_hosts[0];
    const HeaderMutation& request = host.routes[0].mutations.request;
    CHECK(request.remove == std::vector<std::string>{"x-b"});
    REQUIRE(request.add.size() == 6);
    CHECK((request.add[0].name == "x-a" && request.add[0].value == "%REQ(b)%" &&
           request.add[0].action == Action::append));
    CHECK((request.add[1].value == "x" && request.add[1].action == Action::add_if_absent && request.add[1].keep_empty));
    CHECK(request.add[2].action == Action::overwrite);
    CHECK(request.add[3].action == Action::append);
    CHECK(request.add[4].action == Action::overwrite_if_present);
    CHECK(request.add[5].action == Action::overwrite);
    REQUIRE(host.mutations.response.add.size() == 1);
    CHECK(host.mutations.response.add[0].name == "h");
    CHECK(table.mutations.response.remove == std::vector<std::string>{"t"});
    CHECK(table.most_specific_mutations_win);
}

TEST_CASE("header mutations that cannot be") {
    const auto wrong = [](const std::string& fields) {
        return shortened(errors_of(bootstrap("match: {prefix: /}, direct_response: {status: 200}, " + fields)));
    };
    const auto wrong_add = [&](const std::string& option) {
        std::string text = wrong("response_headers_to_add: [{" + option + "}]");
        const std::string place = "response_headers_to_add[0].";
        return text.starts_with(place) ? text.substr(place.size()) : text;
    };
    for (const char* name : {"':path'", "Host", "host"}) {
        CHECK(wrong_add("header: {key: " + std::string(name) + ", value: x}") ==
              "header.key: :-prefixed or host headers may not be modified");
        CHECK(wrong("request_headers_to_remove: [" + std::string(name) + "]") ==
              "request_headers_to_remove[0]: :-prefixed or host headers may not be removed");
    }
    CHECK(wrong_add("header: {key: '', value: x}") == "header.key: required, and must not be empty");
    CHECK(wrong_add("header: {key: a b, value: x}") == "header.key: is not the name of a header");
    for (const char* name : {"connection", "Content-Length", "transfer-encoding", "upgrade", "te"}) {
        CHECK(wrong_add("header: {key: " + std::string(name) + ", value: x}").find("belongs to the connection") !=
              std::string::npos);
    }
    CHECK(wrong_add("header: {key: a, value: '%NOPE%'}") == "header.value: Not supported field in StreamInfo: NOPE");
    CHECK(wrong_add("header: {key: a, value: '50%'}").find("Couldn't find valid command") != std::string::npos);
    CHECK(wrong_add("header: {key: a, value: \"b\\nc\"}") == "header.value: must not contain control characters");
    CHECK(wrong_add("header: {key: a, value: b, raw_value: eA==}") ==
          "header.raw_value: value is set too: use one of them");
    CHECK(wrong_add("header: {key: a, value: b}, append: true, append_action: ADD_IF_ABSENT") ==
          "append: Both append and append_action are set and it's not allowed");
}

TEST_CASE("clusters: by a field, by weights") {
    CHECK(route_of("match: {prefix: /}, route: {cluster_header: X-Cluster}").forward->cluster_header == "x-cluster");
    const auto clusters = route_of(
                              "match: {prefix: /}, route: {weighted_clusters: {clusters: [{name: up, weight: 3, "
                              "host_rewrite_literal: h, request_headers_to_remove: [a]}, {cluster_header: C, weight: "
                              "0}]}}")
                              .forward->weighted_clusters;
    REQUIRE(clusters.size() == 2);
    CHECK((clusters[0].name == "up" && clusters[0].weight == 3 && clusters[0].host_rewrite == "h"));
    CHECK(clusters[0].mutations.request.remove.size() == 1);
    CHECK((clusters[1].name.empty() && clusters[1].cluster_header == "c" && clusters[1].weight == 0));
    const auto wrong = [](const std::string& list) {
        return shortened(
            errors_of(bootstrap("match: {prefix: /}, route: {weighted_clusters: {clusters: [" + list + "]}}")));
    };
    CHECK(wrong("") == "route.weighted_clusters.clusters: at least one is required");
    CHECK(wrong("{name: up, weight: 0}") ==
          "route.weighted_clusters: Sum of weights in the weighted_cluster must be greater than 0.");
    CHECK(wrong("{name: up, weight: 4294967295}, {name: up, weight: 1}") ==
          "route.weighted_clusters: The sum of weights of all weighted clusters exceeds 4294967295");
    CHECK(wrong("{name: up}, {name: up, weight: 1}") == "route.weighted_clusters.clusters[0].weight: required");
    CHECK(wrong("{name: nope, weight: 1}") ==
          "route.weighted_clusters.clusters[0].name: route: unknown weighted cluster 'nope'");
    CHECK(wrong("{weight: 1}") ==
          "route.weighted_clusters.clusters[0]: At least one of name or cluster_header need to be specified");
    CHECK(wrong("{name: up, cluster_header: x, weight: 1}") ==
          "route.weighted_clusters.clusters[0]: Only one of name or cluster_header can be specified");
    CHECK(shortened(errors_of(bootstrap("match: {prefix: /}, route: {cluster_header: ''}"))) ==
          "route.cluster_header: required, and must not be empty");
    for (const char* field : {"header_name: x", "total_weight: 1"}) {
        CHECK(
            errors_of(bootstrap("match: {prefix: /}, route: {weighted_clusters: {clusters: [{name: up, weight: 1}], " +
                                std::string(field) + "}}"))
                .find("unknown or unsupported field") != std::string::npos);
    }
}

TEST_CASE("rewrites of path and host") {
    const auto forward = [](const std::string& fields) {
        return *route_of("match: {prefix: /}, route: {cluster: up, " + fields + "}").forward;
    };
    const auto by = std::string("{pattern: {regex: 'a(b)'}, substitution: '\\1'}");
    const ForwardAction path = forward("regex_rewrite: " + by + ", append_x_forwarded_host: true");
    REQUIRE(path.regex_rewrite);
    CHECK(path.regex_rewrite->substitution == "\\1");
    CHECK(path.append_x_forwarded_host);
    CHECK(forward("host_rewrite_path_regex: " + by).host_rewrite_path.has_value());
    CHECK(forward("host_rewrite_header: X-Host").host_rewrite_header == "x-host");
    CHECK(forward("auto_host_rewrite: true").auto_host_rewrite);
    CHECK_FALSE(forward("auto_host_rewrite: false").auto_host_rewrite);
    CHECK(forward("host_rewrite_literal: h").host_rewrite == "h");
    CHECK(route_of("match: {prefix: /}, redirect: {regex_rewrite: " + by + "}").redirect->regex_rewrite.has_value());

    const auto wrong = [](const std::string& fields) {
        return shortened(errors_of(bootstrap("match: {prefix: /}, route: {cluster: up, " + fields + "}")));
    };
    CHECK(wrong("prefix_rewrite: /a, regex_rewrite: " + by) ==
          "route.regex_rewrite: Specify only one of prefix_rewrite, regex_rewrite");
    CHECK(wrong("regex_rewrite: {pattern: {regex: '('}, substitution: b}") ==
          "route.regex_rewrite.pattern.regex: invalid regex '(': missing ): (");
    CHECK(wrong("regex_rewrite: {substitution: b}") ==
          "route.regex_rewrite.pattern.regex: required, and must not be empty");
    CHECK(wrong("regex_rewrite: {pattern: {regex: a}, substitution: '\\1'}")
              .starts_with("route.regex_rewrite.substitution: "));
    CHECK(wrong("regex_rewrite: {pattern: {regex: a}, substitution: 'b c'}") ==
          "route.regex_rewrite.substitution: must not contain blanks or control characters");
    CHECK(wrong("host_rewrite_literal: a, host_rewrite_header: b") != "loaded");
    const std::string blanks = ": must not contain blanks or control characters";
    CHECK(wrong("prefix_rewrite: '/a b'") == "route.prefix_rewrite" + blanks);
    CHECK(wrong("prefix_rewrite: \"/a\\tb\"") == "route.prefix_rewrite" + blanks);
    CHECK(wrong("host_rewrite_literal: 'a b'") == "route.host_rewrite_literal" + blanks);
    CHECK(wrong("host_rewrite_header: 'a b'") == "route.host_rewrite_header: is not the name of a header");
    CHECK(shortened(errors_of(bootstrap("match: {prefix: /}, route: {cluster_header: 'a b'}"))) ==
          "route.cluster_header: is not the name of a header");
    CHECK(wrong_match("prefix: /, headers: [{name: 'a b'}]") == "match.headers[0].name: is not the name of a header");
}

TEST_CASE("where a field is read, host means :authority") {
    const ForwardAction action = *route_of(
                                      "match: {prefix: /}, route: {cluster_header: Host, host_rewrite_header: host, "
                                      "hash_policy: [{header: {header_name: HOST}}]}")
                                      .forward;
    CHECK(action.cluster_header == ":authority");
    CHECK(action.host_rewrite_header == ":authority");
    CHECK(std::get<HashPolicyConfig::Header>(action.hash_policy->policies[0].kind).name == ":authority");
}

TEST_CASE("copies of requests: of the route, else of the virtual host, else of the table") {
    const auto mirrors = [](const std::string& route, const std::string& host, const std::string& table) {
        return table_of(bootstrap("match: {prefix: /}, route: {cluster: up" + route + "}", host, table))
            .virtual_hosts[0]
            .routes[0]
            .forward->mirrors;
    };
    const std::string to = ", request_mirror_policies: [{cluster: up, ";
    CHECK_FALSE(mirrors("", "", ""));
    const auto own = mirrors(to + "disable_shadow_host_suffix_append: true}, {cluster_header: Host}]", to + "}]", "");
    REQUIRE(own->size() == 2);
    CHECK((own->at(0).cluster == "up" && own->at(0).keeps_host && !own->at(0).fraction));
    CHECK((own->at(1).cluster.empty() && own->at(1).cluster_header == ":authority" && !own->at(1).keeps_host));
    const std::string half = "runtime_fraction: {default_value: {numerator: 5000, denominator: TEN_THOUSAND}}}]";
    CHECK(mirrors("", to + half, to + "}]")->at(0).fraction->otherwise.denominator == 10'000);
    CHECK(mirrors("", "", to + half)->at(0).fraction->otherwise.numerator == 5000);
    const auto wrong = [](const std::string& policy) {
        return shortened(errors_of(
            bootstrap("match: {prefix: /}, route: {cluster: up, request_mirror_policies: [{" + policy + "}]}")));
    };
    CHECK(wrong("") == "route.request_mirror_policies[0]: exactly one of cluster, cluster_header is required");
    CHECK(wrong("cluster: up, cluster_header: a") ==
          "route.request_mirror_policies[0]: exactly one of cluster, cluster_header is required");
    CHECK(wrong("cluster: nope") == "route.request_mirror_policies[0].cluster: route: unknown shadow cluster 'nope'");
    CHECK(wrong("cluster: up, trace_sampled: false").find("unknown or unsupported field") != std::string::npos);
}

TEST_CASE("redirects that are followed here") {
    const std::string types = "type.googleapis.com/envoy.extensions.internal_redirect.";
    const auto policy = [](const std::string& fields) {
        return "match: {prefix: /}, route: {cluster: up, internal_redirect_policy: {" + fields + "}}";
    };
    using Kind = InternalRedirectConfig::Predicate::Kind;
    const InternalRedirectConfig plain = *route_of(policy("")).forward->internal_redirect;
    CHECK((plain.most == 1 && plain.statuses == std::vector<uint16_t>{302} && !plain.cross_scheme));
    const InternalRedirectConfig full =
        *route_of(policy("max_internal_redirects: 5, redirect_response_codes: [301, 308], predicates: [{name: a, "
                         "typed_config: {'@type': " +
                         types +
                         "previous_routes.v3.PreviousRoutesConfig}}, {name: b, typed_config: {'@type': " + types +
                         "allow_listed_routes.v3.AllowListedRoutesConfig, allowed_route_names: [x]}}, {name: c, "
                         "typed_config: {'@type': " +
                         types +
                         "safe_cross_scheme.v3.SafeCrossSchemeConfig}}], allow_cross_scheme_redirect: true, "
                         "response_headers_to_copy: [X-A]"))
             .forward->internal_redirect;
    CHECK((full.most == 5 && full.statuses.size() == 2 && full.cross_scheme));
    REQUIRE(full.predicates.size() == 3);
    CHECK(full.predicates[0].kind == Kind::previous_routes);
    CHECK((full.predicates[1].kind == Kind::allow_listed_routes && full.predicates[1].names.size() == 1));
    CHECK(full.predicates[2].kind == Kind::safe_cross_scheme);
    CHECK(full.headers_to_copy == std::vector<std::string>{"x-a"});
    const auto wrong = [&](const std::string& fields) { return shortened(errors_of(bootstrap(policy(fields)))); };
    const std::string place = "route.internal_redirect_policy.";
    CHECK(wrong("redirect_response_codes: [200]") ==
          place + "redirect_response_codes[0]: must be 301, 302, 303, 307 or 308");
    CHECK(wrong("response_headers_to_copy: [':path']") ==
          place + "response_headers_to_copy[0]: :-prefixed or host headers may not be copied");
    CHECK(wrong("predicates: [{name: a}]") == place + "predicates[0].typed_config: required");
}

TEST_CASE("retries: which requests, which answers, when and where") {
    const auto policy = [](const std::string& fields) {
        return "match: {prefix: /}, route: {cluster: up, retry_policy: {" + fields + "}}";
    };
    const std::string hosts =
        "retry_host_predicate: [{name: a, typed_config: {'@type': "
        "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate}}]";
    const RetryPolicyConfig read =
        *route_of(policy("retry_on: retriable-headers, per_try_idle_timeout: 2s, retriable_headers: [{name: A}], "
                         "retriable_request_headers: [{name: Host, string_match: {exact: a}}], "
                         "host_selection_retry_max_attempts: 7, rate_limited_retry_back_off: {reset_headers: [{name: "
                         "Retry-After}, {name: B, format: UNIX_TIMESTAMP}], max_interval: 9s}, " +
                         hosts))
             .forward->retry;
    CHECK(read.conditions == kRetryOnRetriableHeaders);
    CHECK(read.per_try_idle_timeout == Milliseconds(2000));
    CHECK(read.retriable_headers.at(0).name == "a");
    CHECK(read.retriable_request_headers.at(0).name == ":authority");
    CHECK((read.avoids_previous_hosts && read.more_choices == 7));
    REQUIRE(read.reset_headers.size() == 2);
    CHECK((read.reset_headers[0].name == "retry-after" && !read.reset_headers[0].is_timestamp));
    CHECK((read.reset_headers[1].is_timestamp && read.reset_max_interval == Milliseconds(9000)));
    const auto wrong = [&](const std::string& fields) { return shortened(errors_of(bootstrap(policy(fields)))); };
    const std::string place = "route.retry_policy.";
    CHECK(wrong("retriable_status_codes: [404, 99999]") ==
          place + "retriable_status_codes[1]: must be from 200 to 999");
    CHECK(wrong("retry_on: http3-post-connect-failure") ==
          place + "retry_on: 'http3-post-connect-failure' is no condition that Heirloom knows");
    CHECK(wrong("host_selection_retry_max_attempts: -1, " + hosts) ==
          place + "host_selection_retry_max_attempts: must be from 0 to 1000");
    CHECK(wrong("rate_limited_retry_back_off: {}") ==
          place + "rate_limited_retry_back_off.reset_headers: at least one is required");
    for (const char* field : {"retry_priority: {name: a}", "retry_options_predicates: []"})
        CHECK(wrong(field).find("unknown or unsupported field") != std::string::npos);
}

TEST_CASE("TLS that a virtual host requires, and the size of direct responses") {
    using RequireTls = VirtualHostConfig::RequireTls;
    const std::string route =
        "match: {prefix: /}, direct_response: {status: 200, body: {inline_string: '" + std::string(5000, 'a') + "'}}";
    CHECK(errors_of(bootstrap(route)).find("body size is 5000 bytes; maximum is 4096") != std::string::npos);
    const std::string table = ", max_direct_response_body_size_bytes: 5000";
    CHECK(table_of(bootstrap(route, "", table)).virtual_hosts[0].require_tls == RequireTls::none);
    CHECK(table_of(bootstrap(route, ", require_tls: ALL", table)).virtual_hosts[0].require_tls == RequireTls::all);
    CHECK(table_of(bootstrap(route, ", require_tls: EXTERNAL_ONLY", table)).virtual_hosts[0].require_tls ==
          RequireTls::external);
}

}  // namespace heirloom::config
