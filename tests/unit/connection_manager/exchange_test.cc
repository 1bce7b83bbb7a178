// SPDX-License-Identifier: Apache-2.0
// Requests and answers on one connection: what the client reads, what is counted and logged.
#include "tests/unit/connection_manager/fixture.h"

namespace heirloom::connection_manager {

TEST_CASE_FIXTURE(Site, "a request is answered with server and date, and the connection stays") {
    log_as("%RESPONSE_CODE% %BYTES_SENT% %RESPONSE_FLAGS% %REQ(:PATH)% %RESP(SERVER)%\n");
    answer_all("hello");
    Client client = connect();
    for (int i = 0; i < 3; ++i) {
        client.received.clear();
        client.send(kGet);
        REQUIRE(run_until([&] { return client.has("hello"); }));
        CHECK(client.received.starts_with("HTTP/1.1 200 OK\r\n"));
        CHECK(client.has("server: envoy\r\n"));
        CHECK(client.has("date: "));
        CHECK_FALSE(client.has("connection:"));
    }
    run_for(milliseconds(5));
    CHECK_FALSE(client.at_end());
    CHECK(over == 3);
    CHECK(destroyed == 3);
    CHECK(http_counter("downstream_rq_total") == 3);
    CHECK(http_counter("downstream_rq_2xx") == 3);
    CHECK(counter("listener.10.0.0.1_80.http.in.downstream_rq_completed") == 3);
    CHECK(gauge("http.in.downstream_rq_active") == 0);
    CHECK(gauge("http.in.downstream_cx_active") == 1);
    CHECK(logged() == "200 5 - /x envoy\n200 5 - /x envoy\n200 5 - /x envoy\n");
}

TEST_CASE_FIXTURE(Site, "pipelined requests are answered in order, also when the answer comes later") {
    Client client = connect();
    client.send("GET /1 HTTP/1.1\r\nhost: a\r\n\r\nGET /2 HTTP/1.1\r\nhost: a\r\n\r\n");
    REQUIRE(run_until([&] { return stream != nullptr; }));
    CHECK(seen.find(":path=/1;") != std::string::npos);
    answer(*stream, "one");
    REQUIRE(run_until([&] { return stream != nullptr && seen.find(":path=/2;") != std::string::npos; }));
    answer(*stream, "two");
    REQUIRE(run_until([&] { return client.has("two"); }));
    CHECK(client.received.find("one") < client.received.find("two"));
}

TEST_CASE_FIXTURE(Site, "a client that asks for close gets it, and the end of the stream after the answer") {
    answer_all();
    Client client = connect();
    client.send("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    REQUIRE(run_until([&] { return client.at_end(); }));
    CHECK(client.has("connection: close\r\n"));
    CHECK(client.has("ok"));
}

TEST_CASE_FIXTURE(Site, "an answer before the request is complete closes") {
    answer_all("early");
    Client client = connect();
    client.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\nhalf");
    REQUIRE(run_until([&] { return client.at_end(); }));
    CHECK(client.has("connection: close\r\n"));
    CHECK(client.has("early"));
    CHECK(http_counter("downstream_rq_response_before_rq_complete") == 1);
}

TEST_CASE_FIXTURE(Site, "a client that leaves is logged once with code 0 and DC") {
    log_as("%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%\n");
    Client client = connect();
    client.send(kGet);
    REQUIRE(run_until([&] { return stream != nullptr; }));
    client.leave();
    REQUIRE(run_until([&] { return set->size() == 0; }));
    CHECK(logged() == "0 DC downstream_remote_disconnect\n");
    CHECK(over == 1);
    CHECK(destroyed == 1);
    CHECK(http_counter("downstream_cx_destroy_remote_active_rq") == 1);
    CHECK(gauge("http.in.downstream_rq_active") == 0);
    CHECK(gauge("http.in.downstream_cx_active") == 0);
}

TEST_CASE_FIXTURE(Site, "unusable input is refused with Envoy's words, closed, flagged and logged") {
    log_as("%RESPONSE_CODE% %RESPONSE_FLAGS%\n");
    const auto refused = [this](const std::string& bytes, std::string_view head, std::string_view body_text) {
        Client client = connect();
        client.send(bytes);
        REQUIRE(run_until([&] { return client.at_end(); }));
        CHECK_MESSAGE(client.received.starts_with(head), client.received);
        CHECK(client.received.ends_with(body_text));
        CHECK(client.has("connection: close\r\n"));
    };
    refused("nonsense\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n", "\r\n\r\nBad Request");
    refused("GET / HTTP/1.0\r\nhost: a\r\n\r\n", "HTTP/1.1 426 Upgrade Required\r\n", "\r\n\r\nUpgrade Required");
    refused("GET / HTTP/1.1\r\nhost: a\r\nx: " + std::string(70'000, 'y') + "\r\n\r\n",
            "HTTP/1.1 431 Request Header Fields Too Large\r\n", "\r\n\r\nRequest Header Fields Too Large");
    refused("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip\r\n\r\n", "HTTP/1.1 501 Not Implemented\r\n",
            "\r\n\r\nNot Implemented");
    refused("GET / HTTP/1.1\r\nhost: a\r\nconnection: x-forwarded-for\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n",
            "\r\n\r\nBad Request");
    CHECK(logged() == "400 DPE\n426 DPE\n431 DPE\n501 DPE\n400 DPE\n");
    CHECK(http_counter("downstream_cx_protocol_error") == 5);
    CHECK(over == 0);
}

TEST_CASE_FIXTURE(Site,
                  "max_stream_duration: 504, 408 while the request is not complete; the handler may set another") {
    http.max_stream_duration = milliseconds(20);
    std::string_view head = kGet;
    std::string_view expected = "HTTP/1.1 504 Gateway Timeout\r\n";
    SUBCASE("the connection manager's") {}
    SUBCASE("in the middle of the request") {
        head = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\n";
        expected = "HTTP/1.1 408 Request Timeout\r\n";
    }
    SUBCASE("the handler's") {
        http.max_stream_duration = milliseconds(60'000);
        on_request = [](http::DownstreamStream& to, http::HeaderMap&, bool) { to.set_max_duration(milliseconds(20)); };
    }
    Client client = connect();
    client.send(head);
    REQUIRE(run_until([&] { return client.has("downstream duration timeout"); }));
    CHECK(client.has(expected));
    CHECK(http_counter("downstream_rq_max_duration_reached") == 1);
}

TEST_CASE_FIXTURE(Site, "a handler may take the duration away") {
    http.max_stream_duration = milliseconds(20);
    on_request = [](http::DownstreamStream& to, http::HeaderMap&, bool) { to.set_max_duration(milliseconds(0)); };
    Client client = connect();
    client.send(kGet);
    run_for(milliseconds(60));
    CHECK(over == 0);
}

TEST_CASE_FIXTURE(Site, "a tunnel that the handler refuses: 403 and a close") {
    on_request = [](http::DownstreamStream& to, http::HeaderMap&, bool) { to.refuse_tunnel(); };
    Client client = connect();
    client.send("GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n");
    REQUIRE(run_until([&] { return client.at_end(); }));
    CHECK(client.has("HTTP/1.1 403 Forbidden\r\n"));
    CHECK(client.has("connection: close\r\n"));
    CHECK(http_counter("downstream_rq_ws_on_non_ws_route") == 1);
    CHECK(http_counter("downstream_cx_upgrades_total") == 0);
}

TEST_CASE_FIXTURE(Site, "a tunnel: both ways, each side ends by itself, then the connection") {
    std::string early;
    on_request = [&](http::DownstreamStream& to, http::HeaderMap&, bool end_stream) {
        CHECK_FALSE(end_stream);
        to.admit_tunnel();
        response.clear();
        response.add_copy(http::HeaderId::status, "101");
        response.add_copy(http::HeaderId::upgrade, "websocket");
        to.send_headers(response, false);
    };
    Client client = connect();
    client.send("GET / HTTP/1.1\r\nhost: a\r\nconnection: keep-alive, Upgrade\r\nupgrade: websocket\r\n\r\nup");
    REQUIRE(run_until([&] { return body == "up"; }));
    CHECK(seen.find("upgrade=websocket;") != std::string::npos);
    CHECK(seen.find("connection=") == std::string::npos);
    CHECK(client.has("HTTP/1.1 101 Switching Protocols\r\n"));
    CHECK(client.has("connection: Upgrade\r\n"));
    CHECK(client.has("upgrade: websocket\r\n"));
    CHECK_FALSE(client.has("content-length"));
    CHECK(gauge("http.in.downstream_cx_upgrades_active") == 1);
    bool request_over = false;
    on_request_end = [&](http::DownstreamStream&) { request_over = true; };
    client.finish();
    REQUIRE(run_until([&] { return request_over; }));
    CHECK(over == 0);
    network::Buffer data;
    data.append("down");
    stream->send_body(data, true);
    REQUIRE(run_until([&] { return client.at_end(); }));
    CHECK(client.received.ends_with("\r\n\r\ndown"));
    CHECK(over == 1);
    CHECK(gauge("http.in.downstream_cx_upgrades_active") == 0);
    CHECK(http_counter("downstream_cx_upgrades_total") == 1);
    CHECK(http_counter("downstream_rq_rx_reset") == 0);
}

TEST_CASE_FIXTURE(Site, "a tunnel in which nothing moves is cut by the idle timeout") {
    http.stream_idle_timeout = milliseconds(30);
    on_request = [&](http::DownstreamStream& to, http::HeaderMap&, bool) {
        to.admit_tunnel();
        response.clear();
        response.add_copy(http::HeaderId::status, "200");
        to.send_headers(response, false);
        network::Buffer nothing;
        to.send_body(nothing, true);  // the upstream's side is over already
    };
    Client client = connect();
    client.send("CONNECT a:1 HTTP/1.1\r\nhost: a:1\r\n\r\n");
    REQUIRE(run_until([&] { return over == 1; }));
    CHECK(client.has("HTTP/1.1 200 OK\r\n"));
    CHECK_FALSE(client.has("content-length"));
    CHECK_FALSE(client.has("connection"));
    CHECK(http_counter("downstream_rq_idle_timeout") == 1);
    REQUIRE(run_until([&] { return client.at_end(); }));
}

TEST_CASE_FIXTURE(Site, "a local reply to HEAD tells the length and has no body") {
    on_request = [](http::DownstreamStream& to, http::HeaderMap&, bool) {
        to.send_local_reply(503, "no healthy upstream", "no_healthy_upstream");
    };
    Client client = connect();
    client.send("HEAD / HTTP/1.1\r\nhost: a\r\n\r\n");
    REQUIRE(run_until([&] { return client.has("\r\n\r\n"); }));
    run_for(milliseconds(3));
    CHECK(client.has("content-length: 19\r\n"));
    CHECK(client.has("content-type: text/plain\r\n"));
    CHECK_FALSE(client.has("no healthy"));
    CHECK_FALSE(client.at_end());
}

TEST_CASE_FIXTURE(Site, "a reset in mid-answer ends the connection and counts") {
    Client client = connect();
    client.send(kGet);
    REQUIRE(run_until([&] { return stream != nullptr; }));
    response.add_copy(http::HeaderId::status, "200");
    response.add_copy(http::HeaderId::content_length, "100");
    stream->send_headers(response, false);
    stream->reset(http::StreamReset::remote);
    CHECK(over == 1);
    REQUIRE(run_until([&] { return client.at_end(); }));
    CHECK(client.has("content-length: 100"));
    CHECK(http_counter("downstream_rq_tx_reset") == 1);
}

TEST_CASE_FIXTURE(Site, "expect: 100-continue is answered here and counted, or passed on") {
    const auto post = [this](std::string_view version) {
        Client client = connect();
        stream = nullptr;
        client.send("POST / HTTP/" + std::string(version) +
                    "\r\nhost: a\r\nexpect: 100-Continue\r\ncontent-length: 1\r\n\r\n");
        REQUIRE(run_until([&] { return stream != nullptr; }));
        return client;
    };
    SUBCASE("answered") {
        CHECK(post("1.1").receive() == "HTTP/1.1 100 Continue\r\n\r\n");
        CHECK(seen.find("expect") == std::string::npos);
        CHECK(http_counter("downstream_rq_1xx") == 1);
        CHECK(http_counter("downstream_rq_completed") == 1);
    }
    SUBCASE("HTTP/1.0 knows no interim answers") {
        http.accept_http10 = true;
        CHECK(post("1.0").receive().empty());
        CHECK(seen.find("expect") == std::string::npos);
        CHECK(http_counter("downstream_rq_1xx") == 0);
    }
    SUBCASE("passed on") {
        http.proxy_100_continue = true;
        CHECK(post("1.1").receive().empty());
        CHECK(seen.find("expect=100-Continue") != std::string::npos);
    }
}

}  // namespace heirloom::connection_manager
