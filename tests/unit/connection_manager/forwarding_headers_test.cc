// SPDX-License-Identifier: Apache-2.0
#include "proxy/connection_manager/forwarding_headers.h"

#include <doctest/doctest.h>

#include <cstdio>
#include <set>

#include "proxy/connection_manager/internal_address.h"

namespace heirloom::connection_manager {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

struct Request {
    http::HeaderMap headers;
    config::HttpConnectionManagerConfig config;
    Random random{1};
    std::string client;

    explicit Request(const Fields& fields) {
        headers.add_copy(":method", "GET");
        headers.add_copy(":path", "/");
        headers.add_copy(":authority", "a");
        for (const auto& [name, value] : fields) headers.add_copy(name, value);
    }
    bool prepare(const char* peer = "10.1.2.3") {
        const auto address = shm::make_ip_address(peer, 4711);
        return prepare_request(headers, {config, "192.0.2.9"}, &*address, random, client);
    }
    // All lines of that name, joined by '|'; "-" when there is none.
    std::string get(std::string_view name) const {
        std::string result = "-";
        for (const auto& field : headers.fields()) {
            if (field.removed || field.name != name) continue;
            result = result == "-" ? std::string(field.value) : result + "|" + std::string(field.value);
        }
        return result;
    }
};

}  // namespace

TEST_CASE("who is internal may send what others may not") {
    config::InternalAddresses inside{
        .unix_sockets = true,
        .ranges = {{*shm::make_ip_address("10.0.0.0", 0), 9, ""}, {*shm::make_ip_address("fd00::", 0), 8, ""}}};
    const auto asks = [&](const Fields& fields, const char* peer, bool use_remote_address) {
        Request request(fields);
        request.headers.add_copy("x-envoy-retry-on", "5xx");
        request.config.internal = inside;
        request.config.use_remote_address = use_remote_address;
        REQUIRE(request.prepare(peer));
        const bool internal = request.get("x-envoy-internal") == "true";
        CHECK(internal == (request.get("x-envoy-retry-on") == "5xx"));
        if (use_remote_address) CHECK(internal == (request.get("x-envoy-external-address") == "-"));
        return internal;
    };
    CHECK(asks({}, "10.127.0.1", true));
    CHECK(asks({}, "::ffff:10.127.0.1", true));
    CHECK(asks({}, "fd12::1", true));
    CHECK_FALSE(asks({}, "10.128.0.1", true));
    CHECK_FALSE(asks({}, "fe00::1", true));
    CHECK_FALSE(asks({{"x-forwarded-for", "10.0.0.1"}}, "10.0.0.2", true));  // somebody else asked before
    CHECK_FALSE(asks({}, "10.0.0.1", false));
    CHECK(asks({{"x-forwarded-for", "10.0.0.1"}}, "192.0.2.1", false));
    CHECK_FALSE(asks({{"x-forwarded-for", "192.0.2.1,10.0.0.1"}}, "10.0.0.2", false));
    CHECK_FALSE(asks({{"x-forwarded-for", "nobody"}}, "10.0.0.2", false));
    shm::SocketAddress pipe;
    pipe.storage.ss_family = AF_UNIX;
    pipe.length = sizeof(sa_family_t);
    CHECK(is_internal(inside, pipe));
    inside.unix_sockets = false;
    CHECK_FALSE(is_internal(inside, pipe));
}

TEST_CASE("hop-by-hop fields go, and those that connection names") {
    Request request(Fields{{"connection", "keep-alive, X-Hop"},
                           {"keep-alive", "timeout=5"},
                           {"proxy-connection", "keep-alive"},
                           {"x-hop", "1"},
                           {"x-stays", "2"},
                           {"te", "gzip"},
                           {"x-envoy-internal", "true"}});
    REQUIRE(request.prepare());
    for (const char* name : {"connection", "keep-alive", "proxy-connection", "x-hop", "te", "x-envoy-internal"}) {
        CHECK_MESSAGE(request.get(name) == "-", name);
    }
    CHECK(request.get("x-stays") == "2");

    Request with_trailers(Fields{{"te", "gzip"}, {"te", "Trailers;q=1, trailers"}});
    REQUIRE(with_trailers.prepare());
    CHECK(with_trailers.get("te") == "trailers");

    CHECK_FALSE(Request(Fields{{"connection", "x-forwarded-for"}}).prepare());
    CHECK_FALSE(Request(Fields{{"connection", "close, host"}}).prepare());
}

TEST_CASE("x-forwarded-for is not touched when the remote address is not used; its last address is the client") {
    Request request(Fields{{"x-forwarded-for", "1.1.1.1, 2.2.2.2"}});
    REQUIRE(request.prepare());
    CHECK(request.get("x-forwarded-for") == "1.1.1.1, 2.2.2.2");
    CHECK(request.client == "2.2.2.2:0");
    CHECK(request.get("x-envoy-external-address") == "-");

    Request trusted(Fields{{"x-forwarded-for", "1.1.1.1, 2.2.2.2"}});
    trusted.config.xff_num_trusted_hops = 1;
    REQUIRE(trusted.prepare());
    CHECK(trusted.client == "1.1.1.1:0");

    Request nonsense(Fields{{"x-forwarded-for", "unknown"}});
    REQUIRE(nonsense.prepare());
    CHECK(nonsense.client.empty());

    Request none(Fields{});
    REQUIRE(none.prepare());
    CHECK(none.get("x-forwarded-for") == "-");
    CHECK(none.get("x-forwarded-proto") == "http");
    CHECK(none.get(":scheme") == "http");
}

TEST_CASE("the peer is appended when the remote address is used") {
    Request request(
        Fields{{"x-forwarded-for", "1.1.1.1"}, {"x-forwarded-for", "2.2.2.2"}, {"x-forwarded-proto", "https"}});
    request.config.use_remote_address = true;
    REQUIRE(request.prepare());
    CHECK(request.get("x-forwarded-for") == "1.1.1.1,2.2.2.2,10.1.2.3");
    CHECK(request.get("x-forwarded-proto") == "http");
    CHECK(request.get("x-envoy-external-address") == "10.1.2.3");
    CHECK(request.client.empty());

    Request hops(Fields{{"x-forwarded-for", "1.1.1.1,2.2.2.2"}, {"x-forwarded-proto", "https"}});
    hops.config.use_remote_address = true;
    hops.config.xff_num_trusted_hops = 1;
    REQUIRE(hops.prepare());
    CHECK(hops.client == "2.2.2.2:0");
    CHECK(hops.get("x-forwarded-proto") == "https");
    CHECK(hops.get(":scheme") == "https");
    CHECK(hops.get("x-envoy-external-address") == "2.2.2.2");

    Request skipped(Fields{});
    skipped.config.use_remote_address = true;
    skipped.config.skip_xff_append = true;
    REQUIRE(skipped.prepare());
    CHECK(skipped.get("x-forwarded-for") == "-");

    Request loopback(Fields{});
    loopback.config.use_remote_address = true;
    REQUIRE(loopback.prepare("127.0.0.1"));
    CHECK(loopback.get("x-forwarded-for") == "192.0.2.9");

    Request mapped(Fields{});
    mapped.config.use_remote_address = true;
    REQUIRE(mapped.prepare("::ffff:10.9.9.9"));
    CHECK(mapped.get("x-forwarded-for") == "10.9.9.9");
}

TEST_CASE("the request id is made when absent, and anew at the edge") {
    Request none(Fields{});
    REQUIRE(none.prepare());
    const std::string id = none.get("x-request-id");
    REQUIRE(id.size() == 36);
    CHECK(id[14] == '4');
    CHECK((id[19] == '8' || id[19] == '9' || id[19] == 'a' || id[19] == 'b'));
    CHECK(id.find_first_not_of("0123456789abcdef-") == std::string::npos);

    Request given(Fields{{"x-request-id", "mine"}});
    REQUIRE(given.prepare());
    CHECK(given.get("x-request-id") == "mine");

    Request edge(Fields{{"x-request-id", "theirs"}});
    edge.config.use_remote_address = true;
    REQUIRE(edge.prepare());
    CHECK(edge.get("x-request-id") != "theirs");

    Request preserved(Fields{{"x-request-id", "theirs"}});
    preserved.config.use_remote_address = true;
    preserved.config.preserve_external_request_id = true;
    REQUIRE(preserved.prepare());
    CHECK(preserved.get("x-request-id") == "theirs");

    Request off(Fields{});
    off.config.generate_request_id = false;
    REQUIRE(off.prepare());
    CHECK(off.get("x-request-id") == "-");

    Random random(3);
    std::set<std::string> ids;
    for (int i = 0; i < 1000; ++i) ids.emplace(random.uuid());
    CHECK(ids.size() == 1000);
}

TEST_CASE("the request id is the random number in hexadecimal digits, with the marks of version 4") {
    Random random(5), same(5);
    for (int i = 0; i < 100; ++i) {
        const uint64_t high = (same.next() & ~0xf000ull) | 0x4000;
        const uint64_t low = (same.next() & ~(uint64_t{3} << 62)) | uint64_t{1} << 63;
        char text[40];
        std::snprintf(text, sizeof(text), "%08x-%04x-%04x-%04x-%012llx", static_cast<unsigned>(high >> 32),
                      static_cast<unsigned>(high >> 16 & 0xffff), static_cast<unsigned>(high & 0xffff),
                      static_cast<unsigned>(low >> 48), static_cast<unsigned long long>(low & 0xffffffffffff));
        CHECK(random.uuid() == text);
    }
}

TEST_CASE("what only insiders may send is removed, more of it at the edge") {
    const Fields fields{{"x-envoy-retry-on", "5xx"},
                        {"x-envoy-upstream-rq-timeout-ms", "1"},
                        {"x-envoy-original-path", "/a"},
                        {"x-envoy-other", "kept"}};
    Request inner(fields);
    REQUIRE(inner.prepare());
    CHECK(inner.get("x-envoy-retry-on") == "-");
    CHECK(inner.get("x-envoy-upstream-rq-timeout-ms") == "-");
    CHECK(inner.get("x-envoy-original-path") == "/a");
    CHECK(inner.get("x-envoy-other") == "kept");
    Request edge(fields);
    edge.config.use_remote_address = true;
    REQUIRE(edge.prepare());
    CHECK(edge.get("x-envoy-original-path") == "-");
}

TEST_CASE("a malformed referer is dropped, several become one") {
    const auto referer = [](const Fields& fields) {
        Request request(fields);
        REQUIRE(request.prepare());
        return request.get("referer");
    };
    CHECK(referer(Fields{{"referer", "http://a/b?c"}}) == "http://a/b?c");
    CHECK(referer(Fields{{"referer", "/relative"}}) == "/relative");
    CHECK(referer(Fields{{"referer", "a"}, {"referer", "b"}}) == "a,b");
    CHECK(referer(Fields{{"referer", "http://a/b#c"}}) == "-");
    CHECK(referer(Fields{{"referer", "http://user@a/"}}) == "-");
    CHECK(referer(Fields{{"referer", "mailto:x"}}) == "-");
}

TEST_CASE("targets that no route can have") {
    const auto details = [](const char* method, const char* path, const char* authority) {
        http::HeaderMap headers;
        headers.add_copy(":method", method);
        headers.add_copy(":path", path);
        headers.add_copy(":authority", authority);
        const Refusal refusal = check_target(headers);
        return std::to_string(refusal.status) + " " + std::string(refusal.details);
    };
    CHECK(details("GET", "/", "a") == "0 ");
    CHECK(details("GET", "/", "") == "400 missing_host_header");
    CHECK(details("OPTIONS", "*", "a") == "404 absolute_path_rejected");
    CHECK(details("GET", "?q", "a") == "404 absolute_path_rejected");
    CHECK(details("GET", "/a#b", "a") == "400 path_normalization_failed");
}

TEST_CASE("a response gets server and date by the rules") {
    using ServerHeader = config::HttpConnectionManagerConfig::ServerHeader;
    const auto prepared = [](ServerHeader rule, bool local, const char* server) {
        config::HttpConnectionManagerConfig config;
        config.server_header = rule;
        config.server_name = "ours";
        http::HeaderMap headers;
        headers.add_copy(":status", "200");
        headers.add_copy("connection", "keep-alive");
        headers.add_copy("transfer-encoding", "chunked");
        if (server) headers.add_copy("server", server);
        prepare_response(headers, config, "today", "id", local);
        CHECK_FALSE(headers.has(http::HeaderId::connection));
        CHECK_FALSE(headers.has(http::HeaderId::transfer_encoding));
        CHECK(headers.get(http::HeaderId::date) == "today");
        CHECK(headers.get(http::HeaderId::x_request_id) == "id");
        return std::string(headers.get(http::HeaderId::server));
    };
    CHECK(prepared(ServerHeader::overwrite, false, "theirs") == "ours");
    CHECK(prepared(ServerHeader::append_if_absent, false, "theirs") == "theirs");
    CHECK(prepared(ServerHeader::append_if_absent, false, nullptr) == "ours");
    CHECK(prepared(ServerHeader::pass_through, false, "theirs") == "theirs");
    CHECK(prepared(ServerHeader::pass_through, true, nullptr).empty());
}

}  // namespace heirloom::connection_manager
