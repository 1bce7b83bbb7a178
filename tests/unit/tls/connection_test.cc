// SPDX-License-Identifier: Apache-2.0
// TLS under real connections, both ends on one loop.
#include "proxy/network/connection.h"

#include <sys/socket.h>

#include <functional>
#include <optional>

#include "tests/unit/tls/fixture.h"

using namespace heirloom;
using namespace heirloom::tls;
using namespace heirloom::tls::test;
using network::CloseReason;
using network::Connection;
using std::chrono::milliseconds;

namespace {

struct End : network::ConnectionCallbacks {
    std::unique_ptr<Connection> connection;
    std::string received;
    bool connected = false;
    bool ended = false;
    bool echo = false;
    std::optional<CloseReason> reason;

    void on_data() override {
        if (echo) {
            connection->write_buffer().move_from(connection->read_buffer());
            connection->flush();
            return;
        }
        received += connection->read_buffer().to_string();
        connection->read_buffer().clear();
    }
    void on_end_of_stream() override { ended = true; }
    void on_connected() override { connected = true; }
    void on_closed(CloseReason why) override { reason = why; }
};

struct Pair {
    network::EventLoop loop;
    End client, server;

    explicit Pair(const Fixture& f) {
        int fds[2];
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
        client.connection = std::make_unique<Connection>(loop, UniqueFd(fds[0]), client);
        client.connection->set_transport_socket(f.client->make_socket({}));
        server.connection = std::make_unique<Connection>(loop, UniqueFd(fds[1]), server);
        server.connection->set_transport_socket(f.server->make_socket());
    }
    ~Pair() {
        client.connection->close();
        server.connection->close();
    }
    bool start() { return client.connection->start() && server.connection->start(); }
    bool until(const std::function<bool()>& done) {
        const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(5);
        network::Timer tick([](void* arg) { static_cast<network::EventLoop*>(arg)->stop(); }, &loop);
        while (!done() && std::chrono::steady_clock::now() < limit) {
            tick.arm(loop.timers(), milliseconds(1));
            loop.run();
        }
        return done();
    }
};

}  // namespace

TEST_CASE("a body goes there and back, then both sides say goodbye") {
    Fixture f(server_config(), client_config());
    Pair pair(f);
    CHECK(pair.client.connection->tls() == nullptr);
    std::string body;
    for (int i = 0; i < 200'000; ++i) body += std::to_string(i) + ",";
    pair.server.echo = true;
    pair.client.connection->write_buffer().append(body);
    REQUIRE(pair.start());
    REQUIRE(pair.until([&] { return pair.client.connected && pair.server.connected; }));
    CHECK(pair.client.connection->tls()->version() == "TLSv1.3");
    CHECK(pair.server.connection->tls()->cipher() == "TLS_AES_128_GCM_SHA256");
    REQUIRE(pair.until([&] { return pair.client.received.size() == body.size(); }));
    CHECK(pair.client.received == body);
    CHECK(pair.server.connection->bytes_received() == body.size());
    CHECK(pair.server.connection->bytes_sent() == body.size());
    pair.client.connection->finish_writing();
    REQUIRE(pair.until([&] { return pair.server.ended; }));
    pair.server.connection->write_buffer().append("last word");
    pair.server.connection->close_after_flush(milliseconds(2000));
    REQUIRE(pair.until([&] { return pair.client.ended; }));
    CHECK(pair.client.received.ends_with("last word"));
    pair.client.connection->close();
    REQUIRE(pair.until([&] { return pair.server.reason.has_value(); }));
    CHECK(pair.server.reason == CloseReason::local);
    CHECK(pair.server.connection->transport_failure().empty());
}

TEST_CASE("both sides hear of a handshake that fails") {
    auto downstream = server_config();
    auto upstream = client_config();
    SUBCASE("the client does not trust") { upstream.validation = trust_in(test_client()); }
    SUBCASE("the server wants a certificate, TLS 1.2") {
        upstream.maximum = config::TlsVersion::tls12;
        downstream.require_client_certificate = true;
    }
    Fixture f(downstream, upstream);
    Pair pair(f);
    REQUIRE(pair.start());
    REQUIRE(pair.until([&] { return pair.client.reason && pair.server.reason; }));
    CHECK(pair.client.reason == CloseReason::connect_failed);
    CHECK(pair.server.reason == CloseReason::connect_failed);
    CHECK(pair.client.connection->transport_failure().starts_with("TLS_error:|"));
    CHECK(pair.server.connection->transport_failure().starts_with("TLS_error:|"));
    CHECK_FALSE(pair.client.connected);
    CHECK(pair.client.connection->tls() == nullptr);
}

TEST_CASE("an idle connection gives its blocks back") {
    Fixture f(server_config(), client_config());
    Pair pair(f);
    REQUIRE(pair.start());
    pair.client.connection->write_buffer().append("hello");
    pair.client.connection->flush();
    REQUIRE(pair.until([&] { return pair.server.received == "hello"; }));
    // The tickets may have waited for an answer; they leave with what comes next.
    pair.client.connection->write_buffer().append("hello");
    pair.client.connection->flush();
    REQUIRE(pair.until([&] { return pair.server.received == "hellohello"; }));
    const size_t pooled = network::pooled_blocks();
    CHECK(pooled > 0);
    pair.client.connection->write_buffer().append("again");
    pair.client.connection->flush();
    REQUIRE(pair.until([&] { return pair.server.received == "hellohelloagain"; }));
    CHECK(network::pooled_blocks() == pooled);
}

TEST_CASE("a crowd of handshakes lets others have their turn") {
    Fixture f(server_config({&rsa_server()}), client_config());
    Pair early(f);
    network::EventLoop& loop = early.loop;
    early.server.echo = true;
    REQUIRE(early.start());
    REQUIRE(early.until([&] { return early.client.connected && early.server.connected; }));

    std::vector<std::unique_ptr<End>> crowd;
    for (int i = 0; i < 60; ++i) {
        int fds[2];
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
        for (const bool is_server : {false, true}) {
            End& end = *crowd.emplace_back(std::make_unique<End>());
            end.connection = std::make_unique<Connection>(loop, UniqueFd(fds[is_server ? 1 : 0]), end);
            end.connection->set_transport_socket(is_server ? f.server->make_socket() : f.client->make_socket({}));
            REQUIRE(end.connection->start());
        }
    }
    const auto done = [&] {
        return std::count_if(crowd.begin(), crowd.end(), [](const auto& end) { return end->connected; });
    };
    early.client.connection->write_buffer().append("ping");
    early.client.connection->flush();
    REQUIRE(early.until([&] { return early.client.received == "ping"; }));
    CHECK(done() < 60);  // the echo did not wait for the crowd
    CHECK(early.until([&] { return done() == 120; }));
    for (const auto& end : crowd) end->connection->close();
}
