// SPDX-License-Identifier: Apache-2.0
#include "proxy/listener/listener_filters.h"

#include <netinet/in.h>

#include <optional>

#include "tests/unit/connection_manager/fixture.h"

namespace heirloom::listener {
namespace {

using connection_manager::Client;
using std::chrono::milliseconds;

constexpr std::string_view kV1 = "PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\r\n";
// A ClientHello for "a.com" that offers h2: the least there is.
const std::string kHello = [] {
    const std::string_view extensions(
        "\0\0\0\x0a\0\x08\0\0\5a.com"
        "\0\x10\0\5\0\3\2h2",
        23);
    std::string body = "\3\3" + std::string(32, 'r') + std::string("\0\0\2\x13\1\1\0\0", 8);
    body += static_cast<char>(extensions.size());
    body += extensions;
    std::string message("\1\0\0", 3);
    message += static_cast<char>(body.size());
    message += body;
    std::string record("\x16\3\1\0", 4);
    record += static_cast<char>(message.size());
    return record + message;
}();

struct Filters : upstream::LoopFixture {
    struct Handed {
        UniqueFd fd;
        std::string unread;
        std::string client, target, peer;
        bool tls;
        std::string server_name;
        std::vector<std::string> alpn;
    };

    ~Filters() {
        filters.reset();
        run_for(milliseconds(2));
    }

    void open() {
        filters.emplace(
            *loop, config, make_listener_stats(*registrar, "l"), make_listener_filter_stats(*registrar, config),
            refusals.emplace(*loop, nullptr, shm::SocketAddress{}), [this](Inspected one) {
                const auto text = [](const auto& address) { return address ? address->to_string() : ""; };
                CHECK(changes == 1);
                handed.push_back({std::move(one.accepted.fd), one.accepted.unread.to_string(),
                                  text(one.accepted.client), text(one.accepted.client_target),
                                  shm::from_sockaddr(one.accepted.peer, one.accepted.peer_length).to_string(), one.tls,
                                  one.accepted.server_name, one.application_protocols});
            });
        filters->on_change([this](int change) { changes += change; });
    }
    // `first` is there when the connection is accepted.
    Client connect(std::string_view first = {}) {
        if (!filters) open();
        int fds[2];
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
        Client client{UniqueFd(fds[0])};
        if (!first.empty()) client.send(first);
        const shm::SocketAddress from = *shm::make_ip_address("10.1.2.3", 99);
        filters->inspect({.fd = UniqueFd(fds[1]),
                          .peer = reinterpret_cast<const sockaddr*>(&from.storage),
                          .peer_length = from.length});
        return client;
    }
    bool is_over() {
        return run_until([&] { return filters->size() == 0; });
    }

    config::ListenerConfig config;
    std::optional<RefusalLog> refusals;
    std::optional<ListenerFilters> filters;
    std::vector<Handed> handed;
    int changes = 0;
};

}  // namespace

TEST_CASE_FIXTURE(Filters, "what is there already is handed over before inspect() returns, unread by anybody") {
    config.tls_inspector = true;
    auto client = connect(kHello + "early");
    REQUIRE(handed.size() == 1);
    CHECK(filters->size() == 0);
    CHECK(changes == 0);
    CHECK(handed[0].tls);
    CHECK(handed[0].server_name == "a.com");
    CHECK(handed[0].alpn == std::vector<std::string>{"h2"});
    CHECK(handed[0].unread == kHello + "early");
    CHECK(handed[0].peer == "10.1.2.3:99");
    CHECK(handed[0].client.empty());
    CHECK(counter("tls_inspector.tls_found") == 1);
    CHECK(counter("tls_inspector.sni_found") == 1);
    CHECK(counter("tls_inspector.alpn_found") == 1);
}

TEST_CASE_FIXTURE(Filters, "byte by byte: a PROXY header, then TLS") {
    config.tls_inspector = true;
    config.proxy_protocol.emplace();
    auto client = connect();
    const std::string all = std::string(kV1) + kHello;
    for (size_t i = 0; i < all.size(); ++i) {
        REQUIRE(handed.empty());
        CHECK(changes == 1);
        client.send(all.substr(i, 1));
        run_for(milliseconds(1));
    }
    REQUIRE(is_over());
    REQUIRE(handed.size() == 1);
    CHECK(handed[0].client == "192.0.2.7:4711");
    CHECK(handed[0].target == "198.51.100.1:443");
    CHECK(handed[0].server_name == "a.com");
    CHECK(handed[0].unread == kHello);
    CHECK(counter("proxy_proto.versions.v1.found") == 1);
    client.send("x");  // the descriptor is not watched any more, and not closed
    run_for(milliseconds(2));
    char byte = 0;
    CHECK(::recv(handed[0].fd.get(), &byte, 1, 0) == 1);
}

TEST_CASE_FIXTURE(Filters, "not TLS is known by its first byte") {
    config.tls_inspector = true;
    auto client = connect("G");
    REQUIRE(handed.size() == 1);
    CHECK_FALSE(handed[0].tls);
    CHECK(handed[0].unread == "G");
    CHECK(counter("tls_inspector.tls_not_found") == 1);
}

TEST_CASE_FIXTURE(Filters, "a version of PROXY that is not allowed: refused, or content where none is asked for") {
    config.proxy_protocol.emplace().allow_v1 = false;
    auto refused = connect(kV1);
    CHECK(handed.empty());
    REQUIRE(run_until([&] { return refused.at_end(); }));
    CHECK(counter("proxy_proto.versions.v1.disallowed") == 1);
    config.proxy_protocol->allow_requests_without = true;
    auto content = connect(kV1);
    REQUIRE(handed.size() == 1);
    CHECK(handed[0].unread == kV1);
    CHECK(handed[0].client.empty());
    CHECK(counter("proxy_proto.not_found_allowed") == 1);
}

TEST_CASE_FIXTURE(Filters, "a long header is taken whole and not looked at for every byte of it") {
    config.proxy_protocol.emplace();
    std::string header("\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff", 16);
    header += std::string("\xc0\0\2\x08\xc6\x33\x64\1\x12\x68\1\xbb", 12) + std::string(65535 - 12, 'x');
    auto client = connect();
    size_t sent = 0;
    while (sent < header.size()) {
        const size_t take = std::min<size_t>(header.size() - sent, 1000);
        client.send(std::string_view(header).substr(sent, take));
        sent += take;
        run_for(milliseconds(1));
        CHECK(handed.size() == (sent == header.size() ? 1 : 0));
    }
    REQUIRE(handed.size() == 1);
    CHECK(handed[0].client == "192.0.2.8:4712");
    CHECK(handed[0].unread.empty());
}

TEST_CASE_FIXTURE(Filters, "too slow: closed, or handed over with what is known") {
    config.tls_inspector = true;
    config.listener_filters_timeout = milliseconds(30);
    auto slow = connect(kHello.substr(0, 20));
    REQUIRE(is_over());
    CHECK(handed.empty());
    CHECK(slow.at_end());
    CHECK(counter("listener.l.downstream_pre_cx_timeout") == 1);
    config.continue_on_listener_filters_timeout = true;
    auto other = connect(kHello.substr(0, 20));
    REQUIRE(is_over());
    REQUIRE(handed.size() == 1);
    CHECK_FALSE(handed[0].tls);
    CHECK(handed[0].unread == kHello.substr(0, 20));
    CHECK(gauge("listener.l.downstream_pre_cx_active") == 0);
}

TEST_CASE_FIXTURE(Filters, "a client that leaves, and an end for those that are silent, or for all") {
    config.tls_inspector = true;
    auto gone = connect("\x16");
    gone.leave();
    REQUIRE(is_over());
    CHECK(counter("listener.l.downstream_listener_filter_remote_close") == 1);
    auto silent = connect();
    auto begun = connect("\x16");
    run_for(milliseconds(2));
    filters->close_silent();
    CHECK(filters->size() == 1);
    CHECK(silent.at_end());
    filters->close_now();
    CHECK(begun.at_end());
    CHECK(changes == 0);
    CHECK(handed.empty());
}

}  // namespace heirloom::listener
