// SPDX-License-Identifier: Apache-2.0
#include "proxy/router/route_table.h"

#include <doctest/doctest.h>
#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "proxy/runtime/table.h"

namespace heirloom::router {

namespace {

using config::RouteMatch;

config::VirtualHostConfig host(std::string name, std::vector<std::string> domains,
                               std::vector<RouteMatch> matches = {{RouteMatch::Kind::prefix, "/", true}}) {
    config::VirtualHostConfig result;
    result.name = std::move(name);
    result.domains = std::move(domains);
    for (RouteMatch& match : matches) {
        config::RouteConfig route;
        route.name = match.value;
        route.match = std::move(match);
        result.routes.push_back(std::move(route));
    }
    return result;
}

std::shared_ptr<const RouteTable> table_of(std::vector<config::VirtualHostConfig> hosts) {
    auto config = std::make_shared<config::HttpConnectionManagerConfig>();
    config->routes.virtual_hosts = std::move(hosts);
    return RouteTable::compile(config);
}

http::HeaderMap request(std::string_view authority, std::string_view path) {
    http::HeaderMap headers;
    headers.add_copy(http::HeaderId::authority, authority);
    headers.add_copy(http::HeaderId::path, path);
    return headers;
}

std::string host_for(const RouteTable& table, std::string_view authority) {
    const RouteMatched found = table.find(request(authority, "/"));
    return found.virtual_host ? found.virtual_host->name : "-";
}

std::string route_for(const RouteTable& table, std::string_view path) {
    const RouteMatched found = table.find(request("x", path));
    return found.route ? found.route->name : "-";
}

}  // namespace

TEST_CASE("virtual hosts: exact, longest suffix, longest prefix, everything") {
    const auto table = table_of({host("exact", {"www.foo.com", "foo.com:8080"}), host("suffix", {"*.foo.com"}),
                                 host("longer suffix", {"*.bar.foo.com"}), host("dash", {"*-bar.foo.com"}),
                                 host("prefix", {"foo.*"}), host("longer prefix", {"foo.bar.*"}), host("any", {"*"})});
    CHECK(host_for(*table, "www.foo.com") == "exact");
    CHECK(host_for(*table, "WWW.Foo.COM") == "exact");
    CHECK(host_for(*table, "foo.com:8080") == "exact");
    CHECK(host_for(*table, "www.foo.com:8080") == "any");  // the port counts
    CHECK(host_for(*table, "a.foo.com") == "suffix");
    CHECK(host_for(*table, "a.bar.foo.com") == "longer suffix");
    CHECK(host_for(*table, "a-bar.foo.com") == "dash");
    CHECK(host_for(*table, "foo.net") == "prefix");
    CHECK(host_for(*table, "foo.bar.net") == "longer prefix");
    CHECK(host_for(*table, ".foo.com") == "any");  // the wildcard stands for something
    CHECK(host_for(*table, "other") == "any");
    CHECK(host_for(*table, "") == "any");
    CHECK(host_for(*table, std::string(1000, 'a') + ".FOO.com") == "suffix");
}

TEST_CASE("without a host for everything, an unknown name finds nothing") {
    const auto table = table_of({host("exact", {"a"})});
    CHECK(host_for(*table, "b") == "-");
    CHECK(table->find(request("b", "/")).route == nullptr);
    CHECK(host_for(*table_of({}), "b") == "-");
}

TEST_CASE("routes are tried in order; prefix and path, with and without case") {
    const auto table = table_of({host("a", {"*"},
                                      {{RouteMatch::Kind::path, "/exact", true},
                                       {RouteMatch::Kind::prefix, "/api", true},
                                       {RouteMatch::Kind::prefix, "/api/v2", true},
                                       {RouteMatch::Kind::path, "/Loose", false},
                                       {RouteMatch::Kind::prefix, "/SOFT/", false}})});
    CHECK(route_for(*table, "/exact") == "/exact");
    CHECK(route_for(*table, "/exact?a=b") == "/exact");
    CHECK(route_for(*table, "/exact/") == "-");
    CHECK(route_for(*table, "/Exact") == "-");
    CHECK(route_for(*table, "/api") == "/api");
    CHECK(route_for(*table, "/apis") == "/api");
    CHECK(route_for(*table, "/api/v2/x") == "/api");  // the first match wins
    CHECK(route_for(*table, "/API") == "-");
    CHECK(route_for(*table, "/lOOSE?x") == "/Loose");
    CHECK(route_for(*table, "/soft/x") == "/SOFT/");
    CHECK(route_for(*table, "/sof") == "-");
    CHECK(route_for(*table, "") == "-");
}

TEST_CASE("a separated prefix ends at a slash; an expression matches the whole path without the query") {
    RouteMatch regex{RouteMatch::Kind::regex, ""};
    regex.regex = std::make_shared<const re2::RE2>("/re/\\d+|/b");
    const auto table = table_of({host(
        "a", {"*"},
        {{RouteMatch::Kind::path_separated, "/a", true}, {RouteMatch::Kind::path_separated, "/Soft", false}, regex})});
    CHECK(route_for(*table, "/a") == "/a");
    CHECK(route_for(*table, "/a?x") == "/a");
    CHECK(route_for(*table, "/a/b") == "/a");
    CHECK(route_for(*table, "/ab") == "-");
    CHECK(route_for(*table, "/A") == "-");
    CHECK(route_for(*table, "/sOFT/x") == "/Soft");
    CHECK(route_for(*table, "/sof") == "-");
    CHECK(route_for(*table, "/re/12?q=x") == "");
    CHECK(route_for(*table, "/re/12x") == "-");
    CHECK(route_for(*table, "/b") == "");
    CHECK(route_for(*table, "/bc") == "-");
    CHECK(route_for(*table, "") == "-");
}

TEST_CASE("what the paths of a match begin with") {
    const auto of_regex = [](const char* text) {
        RouteMatch match{RouteMatch::Kind::regex, ""};
        match.regex = config::compile_for_whole(text);
        return beginning_of(match);
    };
    CHECK(beginning_of({RouteMatch::Kind::prefix, "/api/", true}) == "/api/");
    CHECK(beginning_of({RouteMatch::Kind::prefix, "/api/", false}).empty());
    CHECK(beginning_of({RouteMatch::Kind::connect, ""}).empty());
    CHECK(of_regex("/re/[a-z]+") == "/re/");
    CHECK(of_regex("/re/one|/re/two") == "/re/");
    CHECK(of_regex("/one|two").empty());
    CHECK(of_regex("(?i)/re/x") == "/");
    CHECK(of_regex("/x?y") == "/");
    CHECK(of_regex(".*/x").empty());
    CHECK(of_regex("^/re/x$") == "/re/x");
}

TEST_CASE("the first match wins in a large table as in a small one") {
    std::vector<RouteMatch> matches;
    const char* const pieces[] = {"/", "/a", "/a/", "/ab", "/a/b", "/a/b/c", "/b", "/b/a"};
    const auto add = [&](RouteMatch::Kind kind, const char* text, bool case_sensitive) {
        RouteMatch match{kind, text, case_sensitive};
        if (kind == RouteMatch::Kind::regex) match.regex = config::compile_for_whole(std::string(text) + "/?[b-c]*");
        matches.push_back(match);
    };
    // From special to general, in turns, so that each kind comes before and behind each other.
    for (int length = 6; length > 0; --length) {
        for (const char* piece : pieces) {
            if (static_cast<int>(std::strlen(piece)) != length) continue;
            add(RouteMatch::Kind::path, piece, true);
            add(RouteMatch::Kind::regex, piece, true);
            add(RouteMatch::Kind::path_separated, piece, length % 2 == 0);
            add(RouteMatch::Kind::prefix, piece, length != 1);
        }
    }
    const auto table = table_of({host("x", {"*"}, matches)});
    size_t found = 0;
    for (const char* begin : pieces) {
        for (const char* end : {"", "/", "b", "c", "/c", "/bb", "?a", "/x?/b", "B"}) {
            const http::HeaderMap headers = request("x", std::string(begin) + end);
            uint32_t expected = 0;
            while (expected < matches.size() && !router::matches(matches[expected], headers)) ++expected;
            CAPTURE(begin);
            CAPTURE(end);
            CHECK(table->find(headers).index == expected);
            found += expected < matches.size();
        }
    }
    CHECK(found > 60);
}

TEST_CASE("a CONNECT is for its matcher only") {
    http::HeaderMap headers;
    headers.add_copy(http::HeaderId::authority, "x");
    RouteMatch regex{RouteMatch::Kind::regex, ""};
    regex.regex = std::make_shared<const re2::RE2>(".*");
    CHECK_FALSE(matches(regex, headers));
    CHECK_FALSE(matches({RouteMatch::Kind::path_separated, "/a"}, headers));
    CHECK_FALSE(matches({RouteMatch::Kind::prefix, ""}, headers));
    CHECK(matches({RouteMatch::Kind::connect, ""}, headers));
}

TEST_CASE("all conditions must hold beside the path") {
    auto conditions = std::make_shared<config::RouteConditions>();
    config::HeaderMatch header;
    header.name = "x-a";
    config::QueryMatch query;
    query.name = "q";
    conditions->headers.push_back(header);
    conditions->query.push_back(query);
    conditions->grpc = true;
    RouteMatch match{RouteMatch::Kind::prefix, "/"};
    match.conditions = conditions;
    http::HeaderMap headers = request("x", "/a?q");
    headers.add_copy(http::HeaderId::content_type, "application/grpc+proto");
    CHECK_FALSE(matches(match, headers));
    headers.add_copy("x-a", "");
    CHECK(matches(match, headers));
    headers.set(http::HeaderId::path, "/a?p");
    CHECK_FALSE(matches(match, headers));
    headers.set(http::HeaderId::path, "/a?p&q=1");
    CHECK(matches(match, headers));
    headers.set(http::HeaderId::content_type, "application/grpcx");
    CHECK_FALSE(matches(match, headers));
}

TEST_CASE("a virtual host that requires TLS") {
    using RequireTls = config::VirtualHostConfig::RequireTls;
    std::vector<config::VirtualHostConfig> hosts = {host("all", {"all"}), host("external", {"external"}),
                                                    host("any", {"*"})};
    hosts[0].require_tls = RequireTls::all;
    hosts[1].require_tls = RequireTls::external;
    const auto table = table_of(std::move(hosts));
    const auto redirected = [&](std::string_view authority, std::string_view proto, bool internal = false) {
        http::HeaderMap headers = request(authority, "/");
        headers.add_copy(http::HeaderId::x_forwarded_proto, proto);
        if (internal) headers.add_copy(http::HeaderId::x_envoy_internal, "true");
        const RouteMatched found = table->find(headers);
        CHECK(found.to_https == (found.route == nullptr));
        return found.to_https;
    };
    CHECK(redirected("all", "http"));
    CHECK(redirected("all", "HTTPS"));
    CHECK(redirected("all", "http", true));
    CHECK_FALSE(redirected("all", "https"));
    CHECK(redirected("external", "http"));
    CHECK_FALSE(redirected("external", "http", true));
    CHECK_FALSE(redirected("other", "http"));
}

TEST_CASE("each route has an index of its own over all hosts") {
    const auto table = table_of({host("a", {"a"}, {{RouteMatch::Kind::path, "/1"}, {RouteMatch::Kind::path, "/2"}}),
                                 host("b", {"b"}, {{RouteMatch::Kind::path, "/1"}})});
    CHECK(table->route_count() == 3);
    CHECK(table->find(request("a", "/2")).index == 1);
    CHECK(table->find(request("b", "/1")).index == 2);
}

TEST_CASE("a route takes its fraction of the requests, by one number for all routes") {
    const auto fraction = [](std::string name, uint32_t numerator, const char* key) {
        auto conditions = std::make_shared<config::RouteConditions>();
        conditions->fraction = {{numerator, 100}, config::RuntimeKey::of(key)};
        RouteMatch match{RouteMatch::Kind::prefix, std::move(name), true};
        match.conditions = conditions;
        return match;
    };
    const auto table = table_of(
        {host("x", {"*"},
              {fraction("/", 10, "table_test.ten"), fraction("/a", 30, ""), {RouteMatch::Kind::prefix, "/b", true}})});
    const auto counts = [&](std::string_view path) {
        std::array<int, 4> found{};
        for (uint64_t random = 0; random < 100; ++random) {
            ++found[std::min<uint32_t>(table->find(request("x", path), random).index, 3)];
        }
        return found;
    };
    CHECK(counts("/a") == std::array<int, 4>{10, 20, 0, 70});
    CHECK(counts("/b") == std::array<int, 4>{10, 0, 90, 0});
    const runtime::Table percent({{"table_test.ten", config::parse_runtime_value("50")}});
    runtime::set_thread_table(&percent);
    CHECK(counts("/b") == std::array<int, 4>{50, 0, 50, 0});
    const runtime::Table all(
        {{"table_test.ten", config::parse_runtime_value("{numerator: 1000000, denominator: MILLION}")}});
    runtime::set_thread_table(&all);
    CHECK(counts("/b") == std::array<int, 4>{100, 0, 0, 0});
    runtime::set_thread_table(nullptr);
}

}  // namespace heirloom::router
