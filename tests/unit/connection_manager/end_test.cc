// SPDX-License-Identifier: Apache-2.0
// When a connection ends: timeouts, limits, drain, and the polite order of a terminate.
#include "tests/unit/connection_manager/fixture.h"

namespace heirloom::connection_manager {

TEST_CASE_FIXTURE(Site, "a connection that never asked is closed at its idle timeout") {
    http.idle_timeout = milliseconds(20);
    Client client = connect();
    REQUIRE(run_until([&] { return client.at_end(); }));
    CHECK(client.received.empty());
    CHECK(http_counter("downstream_cx_idle_timeout") == 1);
}

TEST_CASE_FIXTURE(Site, "one that was served may ask once more after its idle timeout") {
    http.idle_timeout = milliseconds(20);
    http.drain_timeout = milliseconds(2000);
    answer_all();
    Client client = connect();
    client.send(kGet);
    REQUIRE(run_until([&] { return http_counter("downstream_cx_idle_timeout") == 1; }));
    CHECK_FALSE(client.at_end());
    CHECK(gauge("http.in.downstream_cx_http1_soft_drain") == 1);
    client.received.clear();
    client.send(kGet);
    REQUIRE(run_until([&] { return client.at_end(); }));
    CHECK(client.has("connection: close\r\n"));
}

TEST_CASE_FIXTURE(Site, "one that was served and asks no more gets a FIN after the drain timeout") {
    http.idle_timeout = milliseconds(10);
    http.drain_timeout = milliseconds(20);
    answer_all();
    Client client = connect();
    client.send(kGet);
    REQUIRE(run_until([&] { return client.at_end(); }));
    CHECK_FALSE(client.has("connection: close"));
    client.leave();
    REQUIRE(run_until([&] { return set->size() == 0; }));
    CHECK(gauge("http.in.downstream_cx_http1_soft_drain") == 0);
}

TEST_CASE_FIXTURE(Site, "timeouts answer 408 while the request comes, 504 after it, and close") {
    const auto told = [this](const std::string& bytes, std::string_view status, std::string_view text) {
        Client client = connect();
        client.send(bytes);
        REQUIRE(run_until([&] { return client.has(text); }));
        CHECK_MESSAGE(client.received.starts_with(status), client.received);
    };
    SUBCASE("half a head") {
        http.request_headers_timeout = milliseconds(20);
        told("GET / HTT", "HTTP/1.1 408 Request Timeout\r\n", "request header timeout");
        CHECK(http_counter("downstream_rq_header_timeout") == 1);
        CHECK(http_counter("downstream_rq_total") == 1);
        CHECK(http_counter("downstream_rq_4xx") == 1);
        CHECK(gauge("http.in.downstream_rq_active") == 0);
    }
    SUBCASE("half a body, whole request limited") {
        http.request_timeout = milliseconds(20);
        told("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nab", "HTTP/1.1 408 ", "request timeout");
        CHECK(http_counter("downstream_rq_timeout") == 1);
    }
    SUBCASE("half a body, idle") {
        http.stream_idle_timeout = milliseconds(20);
        told("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nab", "HTTP/1.1 408 ", "stream timeout");
        CHECK(http_counter("downstream_rq_idle_timeout") == 1);
    }
    SUBCASE("whole request, nobody answers") {
        http.stream_idle_timeout = milliseconds(20);
        told(std::string(kGet), "HTTP/1.1 504 Gateway Timeout\r\n", "stream timeout");
    }
    CHECK(over == destroyed);
}

TEST_CASE_FIXTURE(Site, "a route's idle timeout replaces the general one") {
    http.stream_idle_timeout = milliseconds(20);
    on_request = [](http::DownstreamStream& to, http::HeaderMap&, bool) { to.set_idle_timeout(milliseconds(0)); };
    Client client = connect();
    client.send(kGet);
    run_for(milliseconds(60));
    CHECK(client.receive().empty());
    CHECK(stream != nullptr);
}

TEST_CASE_FIXTURE(Site, "max_requests_per_connection") {
    http.max_requests_per_connection = 2;
    answer_all();
    Client client = connect();
    client.send(kGet);
    REQUIRE(run_until([&] { return client.has("ok"); }));
    CHECK_FALSE(client.has("connection: close"));
    client.send(kGet);
    REQUIRE(run_until([&] { return client.at_end(); }));
    CHECK(client.has("connection: close"));
    CHECK(http_counter("downstream_cx_max_requests_reached") == 1);
}

TEST_CASE_FIXTURE(Site, "max_connection_duration lets a served client ask once more") {
    http.max_connection_duration = milliseconds(20);
    answer_all();
    Client client = connect();
    client.send(kGet);
    REQUIRE(run_until([&] { return http_counter("downstream_cx_max_duration_reached") == 1; }));
    client.send(kGet);
    REQUIRE(run_until([&] { return client.at_end(); }));
    CHECK(client.has("connection: close"));
}

TEST_CASE_FIXTURE(Site, "a failed health check closes after each answer, but leaves idle connections alone") {
    answer_all();
    Client client = connect();
    client.send(kGet);
    REQUIRE(run_until([&] { return client.has("ok"); }));
    drain.fail_health_check(true);
    run_for(milliseconds(10));
    CHECK_FALSE(client.at_end());
    client.send(kGet);
    REQUIRE(run_until([&] { return client.at_end(); }));
    CHECK(client.has("connection: close"));
    CHECK(http_counter("downstream_cx_drain_close") == 1);
}

TEST_CASE_FIXTURE(Site, "what was announced holds for a connection that a listener filter hands over later") {
    answer_all();
    http.codec_type = config::HttpConnectionManagerConfig::CodecType::http2;
    open();
    set->announce_drain();
    Client h2 = connect();
    h2.send(std::string("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") + std::string("\0\0\0\4\0\0\0\0\0", 9));
    REQUIRE(run_until([&] { return h2.has(std::string_view("\x07\0\0\0\0\0\x7f\xff\xff\xff", 10)); }));  // GOAWAY
    set->close_now();
    http.codec_type = config::HttpConnectionManagerConfig::CodecType::automatic;
    open();
    set->announce_close();
    Client late = connect();
    late.send(kGet);
    REQUIRE(run_until([&] { return late.at_end(); }));
    CHECK(late.has("connection: close"));
}

TEST_CASE_FIXTURE(Site, "a polite end: a request under way is answered, idle ones get a FIN, then nothing is left") {
    on_request = [this](http::DownstreamStream& to, http::HeaderMap& headers, bool) {
        if (headers.get(http::HeaderId::path) == "/x") answer(to, "ok");
    };
    Client idle = connect();
    Client busy = connect();
    idle.send(kGet);
    REQUIRE(run_until([&] { return idle.has("ok"); }));
    busy.send("GET /wait HTTP/1.1\r\nhost: a\r\n\r\n");
    REQUIRE(run_until([&] { return seen.find("/wait") != std::string::npos; }));
    set->announce_close();
    set->close_idle();
    REQUIRE(run_until([&] { return idle.at_end(); }));
    CHECK_FALSE(busy.at_end());
    answer(*stream, "late");
    REQUIRE(run_until([&] { return busy.at_end(); }));
    CHECK(busy.has("connection: close"));
    CHECK(busy.has("late"));
    idle.leave();
    busy.leave();
    REQUIRE(run_until([&] { return set->size() == 0; }));
}

TEST_CASE_FIXTURE(Site, "cutting ends streams as local disconnects") {
    log_as("%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%\n");
    int changes = 0;
    Client client = connect();
    set->on_change([&](int change) { changes += change; });
    client.send(kGet);
    REQUIRE(run_until([&] { return stream != nullptr; }));
    set->close_now();
    CHECK(changes == -1);
    CHECK(set->size() == 0);
    run_for(milliseconds(3));
    CHECK(logged() == "0 DC downstream_local_disconnect\n");
    CHECK(http_counter("downstream_cx_destroy_local_active_rq") == 1);
    CHECK(destroyed == 1);
}

TEST_CASE_FIXTURE(Site, "a connection that is cut under a request counts as such") {
    on_request = [](http::DownstreamStream&, http::HeaderMap&, bool) {};
    Client idle = connect();
    Client busy = connect();
    busy.send(kGet);
    REQUIRE(run_until([&] { return stream != nullptr; }));
    set->cut();
    idle.leave();
    REQUIRE(run_until([&] { return busy.at_end(); }));
    busy.leave();
    REQUIRE(run_until([&] { return set->size() == 0; }));
    CHECK(http_counter("downstream_cx_destroy") == 2);
    CHECK(http_counter("downstream_cx_destroy_active_rq") == 1);
    CHECK(http_counter("downstream_cx_destroy_local_active_rq") == 1);
}

}  // namespace heirloom::connection_manager
