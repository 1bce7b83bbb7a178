// SPDX-License-Identifier: Apache-2.0
#include "proxy/network/connection.h"

#include "tests/unit/network/connection_fixture.h"

using namespace heirloom;
using namespace heirloom::network;
using std::chrono::milliseconds;

TEST_CASE("bytes arrive, an answer leaves, the FIN comes last") {
    EventLoop loop;
    Owner owner(loop);
    TcpPair pair;
    Connection connection(loop, std::move(pair.near), owner);
    owner.connection = &connection;
    REQUIRE(connection.start());
    pair.send("ping");
    REQUIRE(run_until(loop, owner, [&] { return owner.received == "ping"; }));
    connection.write_buffer().append("pong");
    connection.flush();
    CHECK(pair.receive(4) == "pong");
    pair.send("last");
    ::shutdown(pair.far.get(), SHUT_WR);
    REQUIRE(run_until(loop, owner, [&] { return owner.events == "data end "; }));
    CHECK(owner.received == "pinglast");
    connection.close();
    CHECK(owner.reason == CloseReason::local);
    CHECK(pair.receive(1).empty());
    CHECK(connection.bytes_received() == 8);
    CHECK(connection.bytes_sent() == 4);
}

TEST_CASE("a large body arrives whole and an idle connection keeps no block") {
    EventLoop loop;
    Owner owner(loop);
    TcpPair pair;
    Connection connection(loop, std::move(pair.near), owner);
    owner.connection = &connection;
    REQUIRE(connection.start());
    const std::string body(1'500'000, 'b');
    std::thread sender([&] { pair.send(body); });
    CHECK(run_until(loop, owner, [&] { return owner.received.size() == body.size(); }));
    sender.join();
    CHECK(owner.received == body);
    CHECK(connection.read_buffer().empty());
    connection.close();
}

TEST_CASE("a connection that does not read remembers that it could") {
    EventLoop loop;
    Owner owner(loop);
    TcpPair pair;
    Connection connection(loop, std::move(pair.near), owner);
    owner.connection = &connection;
    connection.set_reading(false);
    REQUIRE(connection.start());
    pair.send("waiting");
    ::shutdown(pair.far.get(), SHUT_WR);
    Timer later([](void* arg) { static_cast<EventLoop*>(arg)->stop(); }, &loop);
    later.arm(loop.timers(), milliseconds(10));
    loop.run();
    CHECK(owner.events.empty());
    owner.consume = false;
    connection.set_reading(true);
    REQUIRE(run_until(loop, owner, [&] { return owner.events == "data end "; }));
    CHECK(connection.read_buffer().to_string() == "waiting");
    // Leftovers are offered again when reading resumes.
    owner.events.clear();
    owner.consume = true;
    connection.set_reading(false);
    connection.set_reading(true);
    REQUIRE(run_until(loop, owner, [&] { return owner.received == "waiting"; }));
    CHECK(owner.events == "data ");
    connection.close();
}

TEST_CASE("what may wait until later does not when it is too much") {
    EventLoop loop;
    Owner owner(loop);
    TcpPair pair(4096);
    Connection connection(loop, std::move(pair.near), owner);
    owner.connection = &connection;
    connection.set_high_watermark(64 * 1024);
    REQUIRE(connection.start());
    connection.write_buffer().append("little");
    connection.flush_later();
    CHECK(connection.pending_write_bytes() == 6);
    connection.write_buffer().append(std::string(8'000'000, 'w'));
    connection.flush_later();
    CHECK(owner.events == "high ");  // before the loop has its next turn
    connection.close();
}

TEST_CASE("a slow peer raises the watermark and lowers it again") {
    EventLoop loop;
    Owner owner(loop);
    TcpPair pair(4096);
    Connection connection(loop, std::move(pair.near), owner);
    owner.connection = &connection;
    connection.set_high_watermark(64 * 1024);
    REQUIRE(connection.start());
    const std::string body(8'000'000, 'w');
    connection.write_buffer().append(body);
    connection.flush();
    CHECK(owner.events == "high ");
    CHECK(connection.above_high_watermark());
    std::string received;
    std::thread reader([&] { received = pair.receive(body.size()); });
    CHECK(run_until(loop, owner, [&] { return owner.events == "high low "; }));
    connection.close_after_flush(milliseconds(2000));
    std::thread closer([&] {
        reader.join();
        pair.far.reset();
    });
    CHECK(run_until(loop, owner, [&] { return owner.reason.has_value(); }));
    closer.join();
    CHECK(received == body);
    CHECK(owner.reason == CloseReason::local);
}

TEST_CASE("flush_later writes everything at the end of the iteration") {
    EventLoop loop;
    Owner owner(loop);
    TcpPair pair;
    Connection connection(loop, std::move(pair.near), owner);
    owner.connection = &connection;
    REQUIRE(connection.start());
    loop.post([&] {
        connection.write_buffer().append("one ");
        connection.flush_later();
        CHECK(connection.bytes_sent() == 0);
        connection.write_buffer().append("two");
        loop.stop();
    });
    loop.run();
    CHECK(pair.receive(7) == "one two");
    connection.close();
}

TEST_CASE("lingering close ends with the peer's FIN or with the delay") {
    for (const bool peer_closes : {true, false}) {
        CAPTURE(peer_closes);
        EventLoop loop;
        Owner owner(loop);
        TcpPair pair;
        Connection connection(loop, std::move(pair.near), owner);
        owner.connection = &connection;
        REQUIRE(connection.start());
        pair.send("unread input must not reset the answer");
        connection.write_buffer().append("bye");
        connection.close_after_flush(milliseconds(peer_closes ? 4000 : 30));
        CHECK_FALSE(owner.reason);
        const auto begin = std::chrono::steady_clock::now();
        std::thread peer([&] {
            CHECK(pair.receive(10) == "bye");
            if (peer_closes) pair.far.reset();
        });
        CHECK(run_until(loop, owner, [&] { return owner.reason.has_value(); }));
        peer.join();
        CHECK(owner.reason == CloseReason::local);
        CHECK(owner.received.empty());
        CHECK((std::chrono::steady_clock::now() - begin < milliseconds(2000)));
    }
}

TEST_CASE("a reset is told as such, also on a write") {
    EventLoop loop;
    Owner owner(loop);
    TcpPair pair;
    Connection connection(loop, std::move(pair.near), owner);
    owner.connection = &connection;
    REQUIRE(connection.start());
    SUBCASE("while idle") {}
    SUBCASE("under a write, with an answer before it") {
        connection.set_reading(false);
        pair.send("early answer");
    }
    const linger hard{1, 0};
    ::setsockopt(pair.far.get(), SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    pair.far.reset();
    connection.write_buffer().append("too late");
    connection.flush();
    connection.set_reading(true);
    REQUIRE(run_until(loop, owner, [&] { return owner.reason.has_value(); }));
    CHECK(owner.reason == CloseReason::reset);
    CHECK(connection.socket_error() != 0);
}

TEST_CASE("a reset while nobody reads") {
    EventLoop loop;
    Owner owner(loop);
    TcpPair pair;
    Connection connection(loop, std::move(pair.near), owner);
    owner.connection = &connection;
    const linger hard{1, 0};
    ::setsockopt(pair.far.get(), SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    pair.send("before it");
    SUBCASE("closes at once where the owner asks for it") {
        connection.close_on_reset();
        REQUIRE(connection.start());
        connection.set_reading(false);
        pair.far.reset();
        REQUIRE(run_until(loop, owner, [&] { return owner.reason.has_value(); }));
        CHECK(owner.events == "closed ");
    }
    SUBCASE("comes after what was sent before it otherwise") {
        REQUIRE(connection.start());
        connection.set_reading(false);
        pair.far.reset();
        connection.flush_later();  // looks at the events
        Timer soon([](void* arg) { static_cast<EventLoop*>(arg)->stop(); }, &loop);
        soon.arm(loop.timers(), milliseconds(5));
        loop.run();
        CHECK(owner.events.empty());
        connection.set_reading(true);
        REQUIRE(run_until(loop, owner, [&] { return owner.reason.has_value(); }));
    }
    CHECK(owner.reason == CloseReason::reset);
}

// After a FIN recv() returns 0 for ever, a reset or not.
TEST_CASE("a peer that finished its side and is reset later has left") {
    EventLoop loop;
    Owner owner(loop);
    TcpPair pair;
    Connection connection(loop, std::move(pair.near), owner);
    owner.connection = &connection;
    REQUIRE(connection.start());
    const auto at_end = [&] { return owner.events.find("end ") != std::string::npos; };
    const auto abort = [&] {
        const linger hard{1, 0};
        ::setsockopt(pair.far.get(), SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
        pair.far.reset();
    };
    pair.send("all I have");
    ::shutdown(pair.far.get(), SHUT_WR);
    SUBCASE("the reset comes by itself") {
        REQUIRE(run_until(loop, owner, at_end));
        abort();
    }
    SUBCASE("nobody reads") {
        REQUIRE(run_until(loop, owner, at_end));
        connection.set_reading(false);
        abort();
    }
    SUBCASE("a write meets it") {
        REQUIRE(run_until(loop, owner, at_end));
        abort();
        connection.write_buffer().append("too late");
        connection.flush();
    }
    SUBCASE("a write brings it about") {
        REQUIRE(run_until(loop, owner, at_end));
        pair.far.reset();
        connection.write_buffer().append("too late");
        connection.flush();
    }
    SUBCASE("both at once") { abort(); }
    REQUIRE(run_until(loop, owner, [&] { return owner.reason.has_value(); }));
    CHECK(owner.reason == CloseReason::reset);
    CHECK(owner.events == "data end closed ");
    CHECK(owner.received == "all I have");
}

TEST_CASE("both sides finished is no reset") {
    EventLoop loop;
    Owner owner(loop);
    TcpPair pair;
    Connection connection(loop, std::move(pair.near), owner);
    owner.connection = &connection;
    REQUIRE(connection.start());
    connection.finish_writing();
    pair.send("last");
    pair.far.reset();
    REQUIRE(run_until(loop, owner, [&] { return owner.events == "data end "; }));
    connection.flush_later();  // looks again
    Timer soon([](void* arg) { static_cast<EventLoop*>(arg)->stop(); }, &loop);
    soon.arm(loop.timers(), milliseconds(5));
    loop.run();
    CHECK_FALSE(owner.reason);
}

TEST_CASE("connect reports success, refusal and timeout from the loop") {
    EventLoop loop;
    Owner owner(loop);
    UniqueFd listening(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    auto address = shm::make_ip_address("127.0.0.1", 0);
    REQUIRE(address.ok());
    REQUIRE(::bind(listening.get(), reinterpret_cast<sockaddr*>(&address->storage), address->length) == 0);
    REQUIRE(::getsockname(listening.get(), reinterpret_cast<sockaddr*>(&address->storage), &address->length) == 0);
    SUBCASE("success; bytes queued before it leave after it") {
        REQUIRE(::listen(listening.get(), 4) == 0);
        auto connection = Connection::connect(loop, *address, milliseconds(1000), owner);
        owner.connection = connection.get();
        CHECK(connection->start());
        CHECK_FALSE(connection->connected());
        connection->write_buffer().append("hello");
        connection->flush();
        REQUIRE(run_until(loop, owner, [&] { return owner.events == "connected "; }));
        CHECK(connection->connected());
        UniqueFd accepted(::accept(listening.get(), nullptr, nullptr));
        char bytes[8];
        CHECK(::recv(accepted.get(), bytes, sizeof(bytes), 0) == 5);
        CHECK(connection->remote_address().port() == address->port());
        CHECK(connection->local_address().port() != 0);
        connection->close();
    }
    SUBCASE("refused") {
        listening.reset();
        auto connection = Connection::connect(loop, *address, milliseconds(1000), owner);
        owner.connection = connection.get();
        CHECK_FALSE(owner.reason);
        REQUIRE(run_until(loop, owner, [&] { return owner.reason.has_value(); }));
        CHECK(owner.reason == CloseReason::connect_failed);
        CHECK(connection->socket_error() == ECONNREFUSED);
    }
    SUBCASE("an address that cannot be") {
        shm::SocketAddress nowhere;
        nowhere.storage.ss_family = AF_UNIX;
        nowhere.length = sizeof(sockaddr_storage);
        auto connection = Connection::connect(loop, nowhere, milliseconds(1000), owner);
        owner.connection = connection.get();
        CHECK_FALSE(owner.reason);
        REQUIRE(run_until(loop, owner, [&] { return owner.reason.has_value(); }));
        CHECK(owner.reason == CloseReason::connect_failed);
    }
    SUBCASE("timeout: the queue of the listening socket is full") {
        REQUIRE(::listen(listening.get(), 0) == 0);
        std::vector<UniqueFd> crowd;
        for (int i = 0; i < 4; ++i) {
            crowd.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
            (void)::connect(crowd.back().get(), reinterpret_cast<sockaddr*>(&address->storage), address->length);
        }
        auto connection = Connection::connect(loop, *address, milliseconds(30), owner);
        owner.connection = connection.get();
        REQUIRE(run_until(loop, owner, [&] { return owner.reason.has_value(); }));
        CHECK(owner.reason == CloseReason::connect_timeout);
    }
}

TEST_CASE("release gives away the descriptor and the unread bytes, silently") {
    EventLoop loop;
    Owner owner(loop);
    TcpPair pair;
    auto connection = std::make_unique<Connection>(loop, std::move(pair.near), owner);
    owner.connection = connection.get();
    owner.consume = false;
    REQUIRE(connection->start());
    pair.send("half a requ");
    REQUIRE(run_until(loop, owner, [&] { return owner.events == "data "; }));
    Connection::Released released = connection->release();
    CHECK(released.fd.valid());
    CHECK(released.unread.to_string() == "half a requ");
    CHECK_FALSE(owner.reason);
    connection.reset();
    Connection next(loop, std::move(released.fd), owner);
    owner.connection = &next;
    owner.consume = true;
    next.read_buffer().move_from(released.unread);
    REQUIRE(next.start());
    pair.send("est");
    REQUIRE(run_until(loop, owner, [&] { return owner.received == "half a request"; }));
    next.close();
}
