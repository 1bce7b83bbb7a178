// SPDX-License-Identifier: Apache-2.0
#include "proxy/router/rewrite.h"

#include <doctest/doctest.h>
#include <re2/re2.h>

namespace heirloom::router {

namespace {

using http::HeaderId;

http::HeaderMap request(std::string_view authority, std::string_view path, std::string_view proto = "http") {
    http::HeaderMap headers;
    headers.add_copy(HeaderId::method, "GET");
    headers.add_copy(HeaderId::authority, authority);
    headers.add_copy(HeaderId::path, path);
    headers.add_copy(HeaderId::scheme, proto);
    headers.add_copy(HeaderId::x_forwarded_proto, proto);
    return headers;
}

config::RegexRewrite by(const char* pattern, std::string substitution) {
    return {std::make_shared<const re2::RE2>(pattern), std::move(substitution)};
}

}  // namespace

TEST_CASE("redirects lead where Envoy's lead") {
    struct Row {
        std::string_view authority, path, proto;
        config::RedirectAction action;
        std::string_view location;
    };
    config::RedirectAction https, host, port, path, path_query, strip, path_query_strip, path_strip, https_port;
    https.scheme = "https";
    host.host = "new.com";
    port.port = 8443;
    path.path = "/new";
    path_query.path = "/new?x=1";
    strip.strip_query = true;
    path_query_strip = path_query;
    path_query_strip.strip_query = true;
    path_strip = path;
    path_strip.strip_query = true;
    https_port = https;
    https_port.port = 444;
    const Row rows[] = {
        {"a.com", "/x?q=1", "http", https, "https://a.com/x?q=1"},
        {"a.com:80", "/x", "http", https, "https://a.com/x"},  // a default port would be wrong now
        {"a.com:8080", "/x", "http", https, "https://a.com:8080/x"},
        {"a.com:80", "/x", "http", path, "http://a.com:80/new"},  // same scheme: kept
        {"a.com:443", "/x", "https", https, "https://a.com:443/x"},
        {"[::1]:80", "/x", "http", https, "https://[::1]/x"},
        {"[::1]", "/x", "http", https, "https://[::1]/x"},
        {"a.com:1", "/x", "http", https_port, "https://a.com:444/x"},
        {"a.com:1", "/x", "http", port, "http://a.com:8443/x"},
        {"a.com:1", "/x", "http", host, "http://new.com/x"},
        {"a.com", "/x?q=1", "http", path, "http://a.com/new?q=1"},
        {"a.com", "/x?q=1", "http", path_query, "http://a.com/new?x=1"},
        {"a.com", "/x?q=1", "http", strip, "http://a.com/x"},
        {"a.com", "/x?q=1", "http", path_query_strip, "http://a.com/new?x=1"},
        {"a.com", "/x?q=1", "http", path_strip, "http://a.com/new"},
        {"a.com", "/x", "http", {}, "http://a.com/x"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.authority);
        CAPTURE(row.path);
        CHECK(redirect_location(request(row.authority, row.path, row.proto), row.action) == row.location);
    }
}

TEST_CASE("prefix rewrite swaps what was matched and remembers the path") {
    config::RouteConfig route;
    route.match = {config::RouteMatch::Kind::prefix, "/api/", true};
    route.forward.emplace();
    route.forward->prefix_rewrite = "/";
    http::HeaderMap headers = request("a", "/api/x?q=/api/");
    rewrite_request(headers, route, false);
    CHECK(headers.get(HeaderId::path) == "/x?q=/api/");
    CHECK(headers.get(HeaderId::x_envoy_original_path) == "/api/x?q=/api/");

    route.match = {config::RouteMatch::Kind::path, "/Old", false};
    route.forward->prefix_rewrite = "/new";
    headers = request("a", "/old?q");
    rewrite_request(headers, route, true);
    CHECK(headers.get(HeaderId::path) == "/new?q");
    CHECK_FALSE(headers.has(HeaderId::x_envoy_original_path));
}

TEST_CASE("host rewrite") {
    config::RouteConfig route;
    route.match = {config::RouteMatch::Kind::prefix, "/", true};
    route.forward.emplace();
    route.forward->host_rewrite = "inner";
    http::HeaderMap headers = request("outer", "/");
    rewrite_request(headers, route, false);
    CHECK(headers.get(HeaderId::authority) == "inner");
    REQUIRE(headers.find("x-envoy-original-host") != nullptr);
    CHECK(headers.find("x-envoy-original-host")->value == "outer");
}

TEST_CASE("the whole path is what an expression matched, and the query stays") {
    config::RouteConfig route;
    route.match.kind = config::RouteMatch::Kind::regex;
    route.forward.emplace();
    route.forward->prefix_rewrite = "/new";
    http::HeaderMap headers = request("a", "/old/x?q");
    rewrite_request(headers, route, false);
    CHECK(headers.get(HeaderId::path) == "/new?q");
}

TEST_CASE("a path by expression") {
    config::RouteConfig route;
    route.forward.emplace();
    route.forward->regex_rewrite = by("^/([a-z]+)/(\\d+)", "/\\2/\\1");
    http::HeaderMap headers = request("a", "/ab/12/c?x=/ab/12");
    rewrite_request(headers, route, false);
    CHECK(headers.get(HeaderId::path) == "/12/ab/c?x=/ab/12");
    CHECK(headers.get(HeaderId::x_envoy_original_path) == "/ab/12/c?x=/ab/12");

    route.forward->regex_rewrite = by(".*", "");
    headers = request("a", "/x?y");
    rewrite_request(headers, route, true);
    CHECK(headers.get(HeaderId::path) == "/?y");  // a request cannot do without
    CHECK_FALSE(headers.has(HeaderId::x_envoy_original_path));
}

TEST_CASE("the host comes from a field, or from the path as it was") {
    config::RouteConfig route;
    route.forward.emplace();
    route.forward->host_rewrite_header = "x-host";
    http::HeaderMap headers = request("outer", "/");
    rewrite_request(headers, route, false);
    CHECK(headers.get(HeaderId::authority) == "outer");  // there is no such field
    headers.add_copy("x-host", "");
    rewrite_request(headers, route, false);
    CHECK(headers.get(HeaderId::authority) == "outer");
    CHECK(headers.find("x-envoy-original-host") == nullptr);
    headers = request("outer", "/");
    headers.add_copy("x-host", "inner");
    rewrite_request(headers, route, false);
    CHECK(headers.get(HeaderId::authority) == "inner");

    route.forward->host_rewrite_header.clear();
    route.forward->host_rewrite_path = by("^/([^/]+)/.*$", "\\1");
    route.forward->regex_rewrite = by("^/[^/]+", "");
    headers = request("outer", "/name/x?y");
    rewrite_request(headers, route, false);
    CHECK(headers.get(HeaderId::authority) == "name");
    CHECK(headers.get(HeaderId::path) == "/x?y");
}

TEST_CASE("x-forwarded-host gets the old host once") {
    const auto forwarded = [](std::string_view before) {
        http::HeaderMap headers = request("outer:80", "/");
        if (!before.empty()) headers.add_copy("x-forwarded-host", before);
        rewrite_host(headers, "inner", true, false);
        CHECK(headers.get(HeaderId::authority) == "inner");
        CHECK(headers.find("x-envoy-original-host") == nullptr);
        return std::string(headers.find("x-forwarded-host")->value);
    };
    CHECK(forwarded("") == "outer:80");
    CHECK(forwarded("first") == "first,outer:80");
    CHECK(forwarded("first, outer:80") == "first, outer:80");
    CHECK(forwarded("outer:80") == "outer:80");
    CHECK(forwarded("outer:80,last") == "outer:80,last,outer:80");
    http::HeaderMap several = request("outer", "/");
    for (const char* line : {"first", "", "second"}) several.add_copy("x-forwarded-host", line);
    rewrite_host(several, "inner", true, false);
    CHECK(several.find("x-forwarded-host")->value == "first,second,outer");
    CHECK(std::ranges::count_if(several.fields(), [](const http::HeaderField& field) {
              return !field.removed && field.name == "x-forwarded-host";
          }) == 1);
}

}  // namespace heirloom::router
