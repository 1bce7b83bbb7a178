// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/target_normalization.h"

#include <doctest/doctest.h>

namespace heirloom::http {
namespace {

std::string canonical(std::string_view path) {
    std::string made = "left over";
    return canonicalize_path(path, made) ? made : "refused";
}

std::string unescaped(std::string_view path) {
    std::string made;
    return unescape_slashes(path, made) ? made : "as it was";
}

std::string merged(std::string_view path) {
    std::string made;
    return merge_slashes(path, made) ? made : "as it was";
}

struct Target {
    http::HeaderMap headers;
    config::TargetRules rules;
    explicit Target(std::string_view path, std::string_view host = "a") {
        headers.add_copy(http::HeaderId::method, "GET");
        headers.add_copy(http::HeaderId::path, path);
        headers.add_copy(http::HeaderId::authority, host);
    }
    std::string host(uint16_t port = 80) {
        normalize_host(headers, rules, port);
        return std::string(headers.get(http::HeaderId::authority));
    }
};

}  // namespace

TEST_CASE("dot segments are resolved, escaped or not, and never leave the root") {
    CHECK(canonical("/a/./b/../c") == "/a/c");
    CHECK(canonical("/a/b/..") == "/a/");
    CHECK(canonical("/a/.") == "/a/");
    CHECK(canonical("/../../a") == "/a");
    CHECK(canonical("/..") == "/");
    CHECK(canonical("/%2e%2E/%2e/a") == "/a");
    CHECK(canonical("/a/.%2e/b") == "/b");
    CHECK(canonical("/a/...") == "/a/...");
    CHECK(canonical("/.a/b./..c") == "/.a/b./..c");
    CHECK(canonical("/a//../b") == "/a/b");
    CHECK(canonical("/a\\..\\b") == "/b");
    CHECK(canonical("/a/..;/b") == "/a/..;/b");
}

TEST_CASE("escapes: undone where they need not be, made where they must be, and else left in their case") {
    CHECK(canonical("/%41%7a%30%2D%5f%7E") == "/Az0-_~");
    CHECK(canonical("/%2f%2F%5c%20%c3%A4%21") == "/%2f%2F%5c%20%c3%A4%21");
    CHECK(canonical("/\"<>`{}") == "/%22%3C%3E%60%7B%7D");
    CHECK(canonical("/\xc3\xa4") == "/%C3%A4");
    CHECK(canonical("/a!$&'()*+,;=:@[]") == "/a!$&'()*+,;=:@[]");
    CHECK(canonical("/%00") == "refused");
    CHECK(canonical("/%0a") == "/%0a");
}

TEST_CASE("nothing that was no escape becomes one") {
    CHECK(canonical("/%") == "/%");
    CHECK(canonical("/%zz%4") == "/%zz%4");
    CHECK(canonical("/%%300") == "/%2500");
    CHECK(canonical("/%%30%30") == "/%2500");
    CHECK(canonical("/%2%46") == "/%252F");
    CHECK(canonical("/%%32f") == "/%252f");
    CHECK(canonical("/%%2f") == "/%%2f");
    CHECK(canonical("/%%41x") == "/%Ax");
    // What is canonical stays so.
    for (const std::string_view path : {"/%%300", "/%2%46", "/a/../%2e%2e/b", "/%252e", "/%%32%66"}) {
        CHECK(canonical(canonical(path)) == canonical(path));
    }
}

TEST_CASE("escaped slashes of both kinds") {
    CHECK(unescaped("/a%2fb%2Fc%5cd%5C") == "/a/b/c\\d\\");
    CHECK(unescaped("/a%2") == "as it was");
    CHECK(unescaped("/%252f%25") == "as it was");
    CHECK(unescaped("/%2%2f2f") == "/%2/2f");
}

TEST_CASE("slashes in a row become one") {
    CHECK(merged("/a/b") == "as it was");
    CHECK(merged("//a///b//") == "/a/b/");
    CHECK(merged("///") == "/");
}

TEST_CASE("the query is never touched, and a path in order is not copied") {
    Target target("/a/../b//c%2F?x=/../y//z%2F");
    target.rules = {.normalize_path = true,
                    .merge_slashes = true,
                    .escaped_slashes = config::TargetRules::EscapedSlashes::unescape};
    CHECK(normalize_path(target.headers, target.rules) == PathVerdict::go_on);
    CHECK(target.headers.get(http::HeaderId::path) == "/b/c/?x=/../y//z%2F");
    const char* const before = target.headers.get(http::HeaderId::path).data();
    CHECK(normalize_path(target.headers, target.rules) == PathVerdict::go_on);
    CHECK(target.headers.get(http::HeaderId::path).data() == before);
}

TEST_CASE("what becomes of escaped slashes") {
    using Slashes = config::TargetRules::EscapedSlashes;
    const auto verdict = [](Slashes rule, std::string_view path) {
        Target target(path);
        target.rules.escaped_slashes = rule;
        return normalize_path(target.headers, target.rules);
    };
    for (const Slashes rule : {Slashes::keep, Slashes::refuse, Slashes::redirect, Slashes::unescape}) {
        CHECK(verdict(rule, "/a?%2f") == PathVerdict::go_on);
    }
    CHECK(verdict(Slashes::keep, "/%2f") == PathVerdict::go_on);
    CHECK(verdict(Slashes::refuse, "/%2f") == PathVerdict::refuse);
    CHECK(verdict(Slashes::redirect, "/%2f") == PathVerdict::redirect);
    CHECK(verdict(Slashes::unescape, "/%2f") == PathVerdict::go_on);
    Target target("/%2F%00");
    target.rules = {.normalize_path = true, .escaped_slashes = Slashes::redirect};
    CHECK(normalize_path(target.headers, target.rules) == PathVerdict::refuse);
}

TEST_CASE("ports and dots of hosts") {
    using Port = config::TargetRules::StripPort;
    const auto stripped = [](Port rule, bool dot, std::string_view host) {
        Target target("/", host);
        target.rules.strip_port = rule;
        target.rules.strip_trailing_dot = dot;
        return target.host(8080);
    };
    CHECK(stripped(Port::any, false, "a.org:1") == "a.org");
    CHECK(stripped(Port::matching, false, "a.org:1") == "a.org:1");
    CHECK(stripped(Port::matching, false, "a.org:8080") == "a.org");
    CHECK(stripped(Port::any, false, "[::1]:8080") == "[::1]");
    CHECK(stripped(Port::any, false, "[::1]") == "[::1]");
    CHECK(stripped(Port::any, false, "a.org") == "a.org");
    CHECK(stripped(Port::any, false, "a.org:x") == "a.org:x");
    CHECK(stripped(Port::any, false, "a.org:") == "a.org:");
    CHECK(stripped(Port::never, true, "a.org.") == "a.org");
    CHECK(stripped(Port::never, true, "a.org.:80") == "a.org:80");
    CHECK(stripped(Port::any, true, "a.org.:80") == "a.org");
    CHECK(stripped(Port::never, true, "a.org") == "a.org");
    Target connect("/", "a.org:1");
    connect.headers.set(http::HeaderId::method, "CONNECT");
    connect.rules.strip_port = Port::any;
    CHECK(connect.host() == "a.org:1");
}

}  // namespace heirloom::http
