// SPDX-License-Identifier: Apache-2.0
#include <optional>
#include <thread>

#include "tests/unit/tls/fixture.h"

using namespace heirloom;
using namespace heirloom::tls;
using namespace heirloom::tls::test;
using config::TlsVersion;

namespace {

std::vector<std::string> ring(std::string_view names) {
    std::vector<std::string> keys;
    for (const char c : names) keys.emplace_back(TicketKeys::kKeyBytes, c);
    return keys;
}

// One client, and servers as generations have them: equal but for what they share.
struct Resumption {
    config::DownstreamTlsConfig downstream = server_config();
    config::UpstreamTlsConfig upstream = client_config();
    std::shared_ptr<TicketKeys> keys = std::make_shared<TicketKeys>();
    std::optional<Fixture> fixture;

    explicit Resumption(TlsVersion version) {
        upstream.maximum = version;
        upstream.sni = "a.example";
        REQUIRE(keys->set(ring("a")).ok());
    }
    void start() { fixture.emplace(downstream, upstream, keys); }
    std::shared_ptr<const ServerContext> another_server() {
        return *make_server_context(downstream, make_tls_stats(*fixture->count.registrar, "s.", downstream), keys);
    }
    // Whether the session of the connection before was taken up.
    bool connect(const ServerContext& server, const ClientOptions& options = {}) {
        Link link(server, *fixture->client, options);
        REQUIRE(link.complete());
        link.server.send("x");
        link.run();
        REQUIRE(link.client.take() == "x");
        CHECK(link.server.session().resumed() == link.client.session().resumed());
        CHECK(link.server.session().sni() == (options.server_name.empty() ? "a.example" : options.server_name));
        return link.server.session().resumed();
    }
};

}  // namespace

TEST_CASE("tickets are good for every server that has the key, as long as it is in the ring") {
    for (const auto version : {TlsVersion::tls12, TlsVersion::tls13}) {
        CAPTURE(int(version));
        Resumption r(version);
        r.start();
        const auto other = r.another_server();
        CHECK_FALSE(r.connect(*r.fixture->server));
        CHECK(r.connect(*other));
        CHECK(r.connect(*r.fixture->server));
        CHECK(r.fixture->count("s.session_reused") == 2);
        CHECK(r.fixture->count("c.session_reused") == 2);
        REQUIRE(r.keys->set(ring("ba")).ok());
        CHECK(r.connect(*other));  // and it got a ticket of the new key
        REQUIRE(r.keys->set(ring("b")).ok());
        CHECK(r.connect(*other));
        REQUIRE(r.keys->set(ring("c")).ok());
        CHECK_FALSE(r.connect(*other));
        CHECK(r.connect(*other));
    }
}

TEST_CASE("configured keys come before those of the owner; without any a context has its own") {
    Resumption r(TlsVersion::tls13);
    r.downstream.ticket_keys = ring("x");
    r.start();
    CHECK_FALSE(r.connect(*r.fixture->server));
    REQUIRE(r.keys->set(ring("z")).ok());
    CHECK(r.connect(*r.another_server()));
    r.downstream.ticket_keys.clear();
    r.keys = nullptr;
    const auto lone = r.another_server();
    CHECK_FALSE(r.connect(*lone));
    CHECK(r.connect(*lone));
    CHECK_FALSE(r.connect(*r.another_server()));
}

TEST_CASE("session ids where tickets are off, nothing where both are") {
    for (const auto version : {TlsVersion::tls12, TlsVersion::tls13}) {
        CAPTURE(int(version));
        Resumption r(version);
        r.downstream.disable_tickets = true;
        r.start();
        CHECK_FALSE(r.connect(*r.fixture->server));
        CHECK(r.connect(*r.fixture->server));
        CHECK_FALSE(r.connect(*r.another_server()));
        r.downstream.disable_stateful_sessions = true;
        const auto forgetful = r.another_server();
        CHECK_FALSE(r.connect(*forgetful));
        CHECK_FALSE(r.connect(*forgetful));
    }
}

TEST_CASE("a session is not taken up under other demands") {
    Resumption r(TlsVersion::tls13);
    r.start();
    CHECK_FALSE(r.connect(*r.fixture->server));
    SUBCASE("of the server") {
        r.downstream.validation = trust_in(test_authority());
        CHECK_FALSE(r.connect(*r.another_server()));
    }
    SUBCASE("for another name") { CHECK_FALSE(r.connect(*r.fixture->server, {.server_name = "b.wild.example"})); }
    SUBCASE("a new certificate for the same names does not matter") {
        const Identity renewed = make_identity(
            {.common_name = "ec", .alt_names = "DNS:a.example,DNS:*.wild.example", .issuer = &test_authority()});
        r.downstream.certificates = {renewed.config()};
        CHECK(r.connect(*r.another_server()));
    }
}

TEST_CASE("the client's certificate comes back with the session") {
    for (const auto version : {TlsVersion::tls12, TlsVersion::tls13}) {
        Resumption r(version);
        r.downstream.validation = trust_in(test_authority());
        r.downstream.require_client_certificate = true;
        r.upstream.certificates = {test_client().config()};
        r.start();
        CHECK_FALSE(r.connect(*r.fixture->server));
        Link link(*r.another_server(), *r.fixture->client);
        REQUIRE(link.complete());
        CHECK(link.server.session().resumed());
        CHECK(link.server.session().peer_validated());
        CHECK(link.server.session().peer_certificate()->subject == "CN=client");
    }
}

TEST_CASE("no sessions are kept when the client shall not") {
    Resumption r(TlsVersion::tls12);
    r.upstream.max_session_keys = 0;
    r.start();
    CHECK_FALSE(r.connect(*r.fixture->server));
    CHECK_FALSE(r.connect(*r.fixture->server));
}

TEST_CASE("contexts are shared by threads") {
    Resumption r(TlsVersion::tls13);
    r.upstream.max_session_keys = 4;
    r.start();
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i) {
        threads.emplace_back([&] {
            std::vector<shm::Cell> row(4096);
            stats::set_thread_row(row.data());
            for (int k = 0; k < 30; ++k) {
                Link link(*r.fixture);
                CHECK(link.complete());
            }
        });
    }
    for (int i = 0; i < 200; ++i) CHECK(r.keys->set(ring(i % 2 ? "ab" : "ba")).ok());
    for (std::thread& thread : threads) thread.join();
}
