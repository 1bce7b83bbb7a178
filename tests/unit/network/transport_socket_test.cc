// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/network/connection_fixture.h"

using namespace heirloom;
using namespace heirloom::network;

namespace {

// Handshake: the peer says "hi", this side answers "yo" ("no" to anything else). Records: a length byte, then bytes
// with one bit flipped; length 0 is the end; 255 is an error.
struct Whisper : TransportSocket {
    bool speaks_first = false;
    bool greeted = false;
    bool chatty = false;  // answers by itself
    bool patient = false;
    std::string why;

    static std::string record(std::string_view text) {
        std::string bytes(1, static_cast<char>(text.size()));
        for (const char c : text) bytes += static_cast<char>(c ^ 1);
        return bytes;
    }
    Handshake handshake(Buffer& in, Buffer& out) override {
        if (speaks_first && !std::exchange(greeted, true)) out.append("hi");
        if (in.size() < 2) return Handshake::wants_input;
        const std::string word(in.linearize(2));
        in.consume(2);
        if (word != (speaks_first ? "yo" : "hi")) {
            why = "TLS_error:|rude:TLS_error_end";
            out.append("no");
            return Handshake::failed;
        }
        if (!speaks_first) out.append("yo");
        return Handshake::complete;
    }
    Input decode(Buffer& in, Buffer& plain, Buffer& out) override {
        if (chatty) out.append(std::string(2 * in.size(), 'c'));
        while (!in.empty()) {
            const size_t length = static_cast<unsigned char>(in.front()[0]);
            if (length == 0) return Input::finished;
            if (length == 255) {
                why = "TLS_error:|record:TLS_error_end";
                return Input::failed;
            }
            if (in.size() < length + 1) return Input::open;
            std::string text(in.linearize(length + 1).substr(1));
            in.consume(length + 1);
            for (char& c : text) c = static_cast<char>(c ^ 1);
            plain.append(text);
        }
        return Input::open;
    }
    bool encode(Buffer& plain, Buffer& out, size_t limit) override {
        while (!plain.empty() && out.size() < limit) {
            const std::string_view text = plain.linearize(std::min<size_t>(plain.size(), 200));
            out.append(record(text));
            plain.consume(text.size());
        }
        return true;
    }
    bool finish(Buffer& out) override {
        out.append(std::string_view("\0", 1));
        return true;
    }
    bool output_can_wait() const override { return patient; }
    const TlsSession* session() const override { return nullptr; }
    std::string_view failure() const override { return why; }
};

struct Fixture {
    EventLoop loop;
    Owner owner{loop};
    TcpPair pair;
    Connection connection{loop, std::move(pair.near), owner};

    Fixture() {
        owner.connection = &connection;
        connection.set_transport_socket(std::make_unique<Whisper>());
    }
    ~Fixture() { connection.close(); }
    bool until(std::function<bool()> done) { return run_until(loop, owner, std::move(done)); }
};

}  // namespace

TEST_CASE("the handshake comes first, then content both ways") {
    Fixture f;
    f.connection.write_buffer().append("queued before");
    f.connection.flush();
    REQUIRE(f.connection.start());
    CHECK_FALSE(f.connection.connected());
    f.pair.send("h");
    f.pair.send("i" + Whisper::record("first ") + Whisper::record("second").substr(0, 3));
    REQUIRE(f.until([&] { return f.owner.received == "first "; }));
    CHECK(f.connection.connected());
    CHECK(f.pair.receive(16) == "yo" + Whisper::record("queued before"));
    f.pair.send(Whisper::record("second").substr(3));
    REQUIRE(f.until([&] { return f.owner.received == "first second"; }));
    CHECK(f.owner.events == "connected data ");
    CHECK(f.connection.bytes_received() == 12);
    CHECK(f.connection.bytes_sent() == 13);
    f.connection.close();
    CHECK(f.pair.receive(2) == std::string(1, '\0'));
}

TEST_CASE("what can wait of a handshake leaves with the answer to what came along") {
    Fixture f;
    auto socket = std::make_unique<Whisper>();
    Whisper& whisper = *socket;
    f.connection.set_transport_socket(std::move(socket));
    REQUIRE(f.connection.start());

    SUBCASE("held until the answer") {
        whisper.patient = true;
        f.pair.send("hi" + Whisper::record("question"));
        REQUIRE(f.until([&] { return f.owner.received == "question"; }));
        CHECK(f.pair.receive(16, MSG_DONTWAIT).empty());
        f.connection.write_buffer().append("answer");
        f.connection.flush();
        CHECK(f.pair.receive(9) == "yo" + Whisper::record("answer"));
    }
    SUBCASE("not where the connection is closed without one") {
        whisper.patient = true;
        f.pair.send("hi" + Whisper::record("question"));
        REQUIRE(f.until([&] { return f.owner.received == "question"; }));
        f.connection.close();
        CHECK(f.pair.receive(3) == "yo" + std::string(1, '\0'));
    }
    SUBCASE("not beyond what comes next") {
        whisper.patient = true;
        f.pair.send("hi" + Whisper::record("one"));
        REQUIRE(f.until([&] { return f.owner.received == "one"; }));
        f.pair.send(Whisper::record("two"));
        REQUIRE(f.until([&] { return f.owner.received == "onetwo"; }));
        CHECK(f.pair.receive(2) == "yo");
    }
    SUBCASE("not where nothing came along") {
        whisper.patient = true;
        f.pair.send("hi");
        REQUIRE(f.until([&] { return f.connection.connected(); }));
        CHECK(f.pair.receive(2) == "yo");
    }
    SUBCASE("not what the peer waits for") {
        f.pair.send("hi" + Whisper::record("question"));
        REQUIRE(f.until([&] { return f.owner.received == "question"; }));
        CHECK(f.pair.receive(2) == "yo");
    }
}

TEST_CASE("bytes that were read before the connection was made come first") {
    Fixture f;
    Buffer seen;
    seen.append("hi" + Whisper::record("early"));
    f.connection.prepend_input(std::move(seen));
    REQUIRE(f.connection.start());
    REQUIRE(f.until([&] { return f.owner.received == "early"; }));
    CHECK(f.owner.events == "connected data ");
}

TEST_CASE("prepended bytes on a plain connection") {
    EventLoop loop;
    Owner owner(loop);
    TcpPair pair;
    Connection connection(loop, std::move(pair.near), owner);
    owner.connection = &connection;
    Buffer seen;
    seen.append("before ");
    connection.prepend_input(std::move(seen));
    REQUIRE(connection.start());
    pair.send("after");
    REQUIRE(run_until(loop, owner, [&] { return owner.received == "before after"; }));
    CHECK(connection.bytes_received() == 12);
    connection.close();
}

TEST_CASE("a handshake that fails tells why, after its alert") {
    Fixture f;
    REQUIRE(f.connection.start());
    f.pair.send("GET / HTTP/1.1\r\n");
    REQUIRE(f.until([&] { return f.owner.reason.has_value(); }));
    CHECK(f.owner.reason == CloseReason::connect_failed);
    CHECK(f.owner.events == "closed ");
    CHECK(f.connection.transport_failure() == "TLS_error:|rude:TLS_error_end");
    CHECK(f.pair.receive(3) == "no");
}

TEST_CASE("a peer that leaves within the handshake, or takes too long for it") {
    Fixture f;
    SUBCASE("leaves") {
        REQUIRE(f.connection.start());
        f.pair.send("h");
        f.pair.far.reset();
        REQUIRE(f.until([&] { return f.owner.reason.has_value(); }));
        CHECK(f.owner.reason == CloseReason::connect_failed);
    }
    SUBCASE("resets") {
        REQUIRE(f.connection.start());
        const linger hard{1, 0};
        ::setsockopt(f.pair.far.get(), SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
        f.pair.far.reset();
        REQUIRE(f.until([&] { return f.owner.reason.has_value(); }));
        CHECK(f.owner.reason == CloseReason::connect_failed);
        CHECK(f.connection.socket_error() == ECONNRESET);
    }
    SUBCASE("too long") {
        f.connection.set_handshake_timeout(milliseconds(20));
        REQUIRE(f.connection.start());
        f.pair.send("h");
        REQUIRE(f.until([&] { return f.owner.reason.has_value(); }));
        CHECK(f.owner.reason == CloseReason::connect_timeout);
    }
    SUBCASE("closed by the owner: nothing is flushed into a handshake") {
        REQUIRE(f.connection.start());
        f.connection.write_buffer().append("lost");
        f.connection.close_after_flush(milliseconds(5000));
        REQUIRE(f.until([&] { return f.owner.reason.has_value(); }));
        CHECK(f.owner.reason == CloseReason::local);
        CHECK(f.pair.receive(1).empty());
    }
    CHECK(f.owner.events == "closed ");
}

TEST_CASE("a broken record closes after what came before it") {
    Fixture f;
    REQUIRE(f.connection.start());
    f.pair.send("hi" + Whisper::record("good") + "\xff");
    REQUIRE(f.until([&] { return f.owner.reason.has_value(); }));
    CHECK(f.owner.received == "good");
    CHECK(f.owner.reason == CloseReason::reset);
    CHECK(f.connection.transport_failure() == "TLS_error:|record:TLS_error_end");
}

TEST_CASE("content waits while the owner does not read") {
    Fixture f;
    f.connection.set_reading(false);
    REQUIRE(f.connection.start());
    f.pair.send("hi" + Whisper::record("waiting"));
    ::shutdown(f.pair.far.get(), SHUT_WR);
    REQUIRE(f.until([&] { return f.owner.events == "connected "; }));
    f.connection.set_reading(true);
    REQUIRE(f.until([&] { return f.owner.events == "connected data end "; }));
    CHECK(f.owner.received == "waiting");
}

TEST_CASE("each side may finish by itself") {
    Fixture f;
    REQUIRE(f.connection.start());
    SUBCASE("the peer first; this side goes on writing") {
        f.pair.send("hi" + Whisper::record("all") + std::string(1, '\0'));
        REQUIRE(f.until([&] { return f.owner.events == "connected data end "; }));
        f.connection.write_buffer().append("answer");
        f.connection.flush();
        CHECK(f.pair.receive(9) == "yo" + Whisper::record("answer"));
        CHECK_FALSE(f.owner.reason);
    }
    SUBCASE("this side first; reads go on") {
        f.connection.write_buffer().append("all");
        f.connection.finish_writing();
        f.pair.send("hi");
        CHECK(f.until([&] { return f.connection.connected(); }));
        CHECK(f.pair.receive(7) == "yo" + Whisper::record("all") + std::string(1, '\0'));
        f.pair.send(Whisper::record("late"));
        REQUIRE(f.until([&] { return f.owner.received == "late"; }));
        f.connection.close();
        CHECK(f.pair.receive(1).empty());  // the end was said before
    }
}

TEST_CASE("half-close of plain connections") {
    EventLoop loop;
    Owner owner(loop);
    TcpPair pair(4096);
    Connection connection(loop, std::move(pair.near), owner);
    owner.connection = &connection;
    REQUIRE(connection.start());
    SUBCASE("this side first; reads go on") {
        connection.write_buffer().append("all");
        connection.finish_writing();
        CHECK(pair.receive(100) == "all");  // up to the FIN
        pair.send("late");
        REQUIRE(run_until(loop, owner, [&] { return owner.received == "late"; }));
        pair.far.reset();
        REQUIRE(run_until(loop, owner, [&] { return owner.events == "data end "; }));
        CHECK_FALSE(owner.reason);
    }
    SUBCASE("the peer first; this side goes on writing") {
        ::shutdown(pair.far.get(), SHUT_WR);
        REQUIRE(run_until(loop, owner, [&] { return owner.events == "end "; }));
        const std::string body(8'000'000, 'w');
        connection.write_buffer().append(body);
        connection.finish_writing();
        CHECK(connection.pending_write_bytes() > 0);
        std::string received;
        std::thread reader([&] { received = pair.receive(body.size() + 1); });
        CHECK(run_until(loop, owner, [&] { return owner.events.ends_with("low "); }));
        owner.step = nullptr;
        Timer limit([](void* arg) { static_cast<EventLoop*>(arg)->stop(); }, &loop);
        while (connection.pending_write_bytes() > 0) {
            limit.arm(loop.timers(), milliseconds(5));
            loop.run();
        }
        reader.join();
        CHECK(received.size() == body.size());
        CHECK_FALSE(owner.reason);
    }
    connection.close();
}

TEST_CASE("a peer that makes the protocol answer and does not read is cut off") {
    EventLoop loop;
    Owner owner(loop);
    TcpPair pair(4096);
    Connection connection(loop, std::move(pair.near), owner);
    owner.connection = &connection;
    auto whisper = std::make_unique<Whisper>();
    whisper->chatty = true;
    connection.set_transport_socket(std::move(whisper));
    REQUIRE(connection.start());
    pair.send("hi");
    std::thread sender([&] {
        std::string records;
        for (int i = 0; i < 1000; ++i) records += Whisper::record("x");
        while (::send(pair.far.get(), records.data(), records.size(), MSG_NOSIGNAL) > 0) {
        }
    });
    CHECK(run_until(loop, owner, [&] { return owner.reason.has_value(); }));
    sender.join();
    CHECK(owner.reason == CloseReason::reset);
}

TEST_CASE("close_after_flush ends with the end of the records") {
    Fixture f;
    REQUIRE(f.connection.start());
    f.pair.send("hi");
    CHECK(f.until([&] { return f.connection.connected(); }));
    const std::string body(2'000'000, 'b');
    f.connection.write_buffer().append(body);
    f.connection.close_after_flush(milliseconds(4000));
    std::string received;
    std::thread reader([&] {
        received = f.pair.receive(10'000'000);
        f.pair.far.reset();
    });
    CHECK(f.until([&] { return f.owner.reason.has_value(); }));
    reader.join();
    CHECK(f.owner.reason == CloseReason::local);
    CHECK(received.size() == 2 + body.size() + body.size() / 200 + 1);
    CHECK(received.back() == '\0');
}

TEST_CASE("what is queued right behind close_after_flush comes before the end of the records") {
    Fixture f;
    REQUIRE(f.connection.start());
    f.pair.send("hi");
    CHECK(f.until([&] { return f.connection.connected(); }));
    f.connection.close_after_flush(milliseconds(4000));
    f.connection.write_buffer().append("last");
    f.connection.flush();
    std::string received;
    std::thread reader([&] {
        received = f.pair.receive(1000);
        f.pair.far.reset();
    });
    CHECK(f.until([&] { return f.owner.reason.has_value(); }));
    reader.join();
    CHECK(received.substr(2) == Whisper::record("last") + '\0');
}

TEST_CASE("the timeout of connect covers the handshake") {
    EventLoop loop;
    Owner owner(loop);
    UniqueFd listening(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    auto address = shm::make_ip_address("127.0.0.1", 0);
    REQUIRE(address.ok());
    REQUIRE(::bind(listening.get(), reinterpret_cast<sockaddr*>(&address->storage), address->length) == 0);
    REQUIRE(::getsockname(listening.get(), reinterpret_cast<sockaddr*>(&address->storage), &address->length) == 0);
    REQUIRE(::listen(listening.get(), 4) == 0);
    auto connection = Connection::connect(loop, *address, milliseconds(60), owner);
    owner.connection = connection.get();
    auto whisper = std::make_unique<Whisper>();
    whisper->speaks_first = true;
    connection->set_transport_socket(std::move(whisper));
    UniqueFd accepted(::accept(listening.get(), nullptr, nullptr));
    bool answers = false;
    SUBCASE("answered") { answers = true; }
    SUBCASE("not answered") {}
    if (answers) CHECK(::send(accepted.get(), "yo", 2, 0) == 2);
    REQUIRE(run_until(loop, owner, [&] { return !owner.events.empty(); }));
    char bytes[8];
    CHECK(::recv(accepted.get(), bytes, sizeof(bytes), 0) == 2);
    if (answers) {
        CHECK(owner.events == "connected ");
        CHECK(connection->connected());
        connection->close();
    } else {
        CHECK(owner.reason == CloseReason::connect_timeout);
        CHECK(connection->socket_error() == ETIMEDOUT);
    }
}
