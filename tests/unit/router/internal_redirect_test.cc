// SPDX-License-Identifier: Apache-2.0
// Redirects of the upstream that the router follows itself.
#include "proxy/config/internal_redirect_config.h"
#include "proxy/router/redirect_target.h"
#include "tests/unit/router/router_fixture.h"

namespace heirloom::router {

namespace {

using Predicate = config::InternalRedirectConfig::Predicate;

std::string text_of(std::string_view location) {
    const auto target = parse_redirect_target(location);
    return target ? (target->to_http ? "http " : "https ") + target->authority + " " + target->path : "none";
}

// The upstream answers "/old..." by `status` and `location`, all else by 200.
struct RedirectFixture : RouterFixture {
    RedirectFixture() {
        forward();
        server.on_bytes = [this](upstream::ScriptedUpstream::Peer& peer) {
            const std::string request = early ? peer.received : take_request(peer);
            if (request.empty()) return;
            const size_t line = request.find(' ');
            const std::string path = request.substr(line + 1, request.find(' ', line + 1) - line - 1);
            paths.push_back(path);
            if (!path.starts_with("/old")) return peer.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
            peer.send("HTTP/1.1 " + status + " x\r\ncontent-length: 4\r\nx-copied: v\r\nlocation: " + location +
                      "\r\n\r\nmove");
        };
    }
    RecordedStream& client() {
        route.forward->internal_redirect = std::make_shared<const config::InternalRedirectConfig>(policy);
        return stream();
    }
    RecordedStream& get(std::string_view path) {
        RecordedStream& one = client();
        one.request("GET", path);
        finish(one);
        return one;
    }
    uint64_t passed(const std::string& why) { return counter("http.in.passthrough_internal_redirect_" + why); }

    std::string status = "302", location = "http://B.com/new?q#f";
    std::vector<std::string> paths;
    bool early = false;  // answers what is not whole
    config::InternalRedirectConfig policy;
};

}  // namespace

TEST_CASE("where a location leads") {
    CHECK(text_of("http://a.com/b?c=d") == "http a.com /b?c=d");
    CHECK(text_of("HTTPS://A.com:443") == "https A.com:443 /");
    CHECK(text_of("http://a.com:8080?q#f") == "http a.com:8080 /?q");
    CHECK(text_of("http://u:p@a.com:80/#f") == "http a.com:80 /");
    CHECK(text_of("http://[::1]:81/") == "http [::1]:81 /");
    for (const char* none : {"", "/b", "b", "//a.com/", "http:/a.com", "http://", "http:///b", "ftp://a.com/",
                             "http://u@/", "http://a.com:x/", "http://a.com/b c", "http://:80/", "http://a:123456/"})
        CHECK(text_of(none) == "none");
}

TEST_CASE_FIXTURE(RedirectFixture, "a redirect is followed, and nobody sees it") {
    policy.headers_to_copy = {"x-copied", "x-absent"};
    RecordedStream& one = get("/old");
    CHECK(one.status == "200");
    CHECK(one.text == "ok");
    CHECK(one.details() == "via_upstream");
    CHECK(paths == std::vector<std::string>{"/old", "/new?q"});
    const std::string& in = server.peers.back()->received;
    CHECK(in.find("host: B.com\r\n") != std::string::npos);
    CHECK(in.find("x-envoy-original-url: http://a.com/old\r\n") != std::string::npos);
    CHECK(in.find("x-copied: v\r\n") != std::string::npos);
    CHECK(stat("upstream_internal_redirect_succeeded_total") == 1);
    CHECK(stat("upstream_internal_redirect_failed_total") == 0);
    CHECK(stat("upstream_rq_completed") == 1);
    CHECK(server.peers.size() == 2);  // nobody reads the body of the redirect
}

TEST_CASE_FIXTURE(RedirectFixture, "a body is sent again, but for 303") {
    policy.statuses = {303, 307};
    SUBCASE("again") { status = "307"; }
    SUBCASE("not") { status = "303"; }
    RecordedStream& one = client();
    one.request("POST", "/old", false);
    one.body("hello", true);
    finish(one);
    CHECK(one.status == "200");
    const std::string& in = server.peers.back()->received;
    const std::string second = in.substr(in.find(" /new"));
    CHECK((second.find("hello") != std::string::npos) == (status == "307"));
    CHECK((in.find("GET /new") != std::string::npos) == (status == "303"));
}

TEST_CASE_FIXTURE(RedirectFixture, "what is not followed is the client's") {
    std::string why;
    SUBCASE("another status") {
        status = "301";
        get("/old");
        CHECK(stat("upstream_internal_redirect_failed_total") == 0);
        CHECK(streams.back()->status == "301");
        return;
    }
    SUBCASE("no address") {
        location = "/new";
        why = "bad_location";
    }
    SUBCASE("TLS from a connection without") {
        location = "https://b.com/";
        why = "unsafe_scheme";
    }
    SUBCASE("the same though it may change the scheme") {
        location = "https://b.com/";
        policy.cross_scheme = true;
        policy.predicates = {{Predicate::Kind::safe_cross_scheme}};
        why = "predicate";
    }
    SUBCASE("not to be followed at all") {
        policy.most = 0;
        why = "too_many_redirects";
    }
    SUBCASE("a route that is not on the list") {
        policy.predicates = {{Predicate::Kind::allow_listed_routes, {"other"}}};
        why = "predicate";
    }
    RecordedStream& one = get("/old");
    CHECK(one.status == "302");
    CHECK(one.text == "move");
    CHECK(passed(why) == 1);
    CHECK(stat("upstream_internal_redirect_failed_total") == 1);
    CHECK(paths.size() == 1);
}

TEST_CASE_FIXTURE(RedirectFixture, "there is an end to them") {
    location = "http://b.com/old2";
    SUBCASE("by number") {
        policy.most = 2;
        CHECK(get("/old").status == "302");
        CHECK(passed("too_many_redirects") == 1);
        CHECK(paths.size() == 3);
    }
    SUBCASE("by the same way twice") {
        policy.most = 10;
        policy.predicates = {{Predicate::Kind::previous_routes}};
        CHECK(get("/old").status == "302");
        CHECK(passed("predicate") == 1);
        CHECK(paths.size() == 2);
    }
}

TEST_CASE_FIXTURE(RedirectFixture, "no route, an answer made here, and a request that is not whole yet") {
    SUBCASE("no route") {
        route.match.value = "/old";
        CHECK(get("/old").status == "302");
        CHECK(passed("no_route") == 1);
    }
    SUBCASE("made here") {
        config::RouteConfig direct;
        direct.match.value = "/new";
        direct.direct_response.emplace();
        direct.direct_response->status = 418;
        more_routes = {direct};
        CHECK(get("/old").status == "418");
        CHECK(streams.back()->local);
    }
    SUBCASE("not whole") {
        early = true;
        RecordedStream& one = client();
        one.request("POST", "/old", false);
        one.body("hello", false);
        REQUIRE(run_until([&] { return one.response_started(); }));
        CHECK(one.status == "302");
        CHECK(stat("upstream_internal_redirect_failed_total") == 1);
    }
}

}  // namespace heirloom::router
