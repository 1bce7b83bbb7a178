// SPDX-License-Identifier: Apache-2.0
// Many streams on one connection: how the protocol is found, what ends a stream and what ends the connection.
#include "tests/unit/connection_manager/fixture.h"
#include "tests/unit/http/http2_harness.h"

namespace heirloom::connection_manager {
namespace {

using http::test::field;
using http::test::frame;
using http::test::request_fields;

constexpr uint32_t kNoError = 0, kAll = 0x7fffffff;

std::string hello() { return std::string(http::test::kPreface) + frame(http::test::kSettings, 0, 0, ""); }
std::string get(uint32_t stream, std::string_view path = "/x", const std::string& more = {}) {
    return frame(http::test::kHeaders, http::test::kEndHeaders | http::test::kEndStream, stream,
                 request_fields(path) + more);
}
std::string post(uint32_t stream) {
    return frame(http::test::kHeaders, http::test::kEndHeaders, stream, request_fields("/x", "POST"));
}
std::string number(uint32_t value) {
    std::string bytes;
    for (const int shift : {24, 16, 8, 0}) bytes += static_cast<char>(value >> shift);
    return bytes;
}
std::string reset(uint32_t stream) { return frame(http::test::kReset, 0, stream, number(8)); }

// What the client has received, in words.
std::string words(Client& client) {
    const std::string& bytes = client.receive();
    const auto at_number = [&bytes](size_t at, size_t size) {
        uint32_t value = 0;
        for (size_t i = 0; i < size; ++i) value = value << 8 | static_cast<uint8_t>(bytes[at + i]);
        return value;
    };
    std::string result;
    for (size_t at = 0; at + 9 <= bytes.size() && at + 9 + at_number(at, 3) <= bytes.size();
         at += 9 + at_number(at, 3)) {
        const std::string stream = std::to_string(at_number(at + 5, 4));
        const char* const end = bytes[at + 4] & 1 ? "!" : "";
        switch (bytes[at + 3]) {
            case http::test::kData:
                result += "data" + stream + end + " ";
                break;
            case http::test::kHeaders:
                result += "headers" + stream + end + " ";
                break;
            case http::test::kReset:
                result += "reset" + stream + "(" + std::to_string(at_number(at + 9, 4)) + ") ";
                break;
            case http::test::kGoaway:
                result += "goaway(" + std::to_string(at_number(at + 9, 4)) + "," +
                          std::to_string(at_number(at + 13, 4)) + ") ";
                break;
        }
    }
    if (client.ended) result += "end";
    return result;
}
std::string goaway(uint32_t last, uint32_t code = kNoError) {
    return "goaway(" + std::to_string(last) + "," + std::to_string(code) + ") ";
}

struct Http2Site : Site {
    // Requests wait until the test answers; by path.
    void hold_all() {
        on_request = [this](http::DownstreamStream& to, http::HeaderMap& headers, bool) {
            held[std::string(headers.get(http::HeaderId::path))] = &to;
        };
    }
    Client start(const std::string& bytes) {
        Client client = connect();
        client.send(hello() + bytes);
        return client;
    }
    bool hears(Client& client, const std::string& wanted) {
        const bool heard = run_until([&] { return words(client) == wanted; });
        if (!heard) MESSAGE("heard: " << words(client));
        return heard;
    }
    std::map<std::string, http::DownstreamStream*> held;
};

}  // namespace

TEST_CASE_FIXTURE(Http2Site, "the first bytes say which protocol a client speaks, however they are cut") {
    answer_all();
    Client client = connect();
    for (const char byte : hello()) {
        client.send({&byte, 1});
        run_for(milliseconds(1));
    }
    client.send(get(1));
    CHECK(hears(client, "headers1 data1! "));
    CHECK(gauge("http.in.downstream_cx_http2_active") == 1);
    CHECK(http_counter("downstream_cx_http1_total") == 0);
    CHECK(http_counter("downstream_rq_http2_total") == 1);
    Client other = connect();
    other.send("P");
    run_for(milliseconds(2));
    other.send("UT /x HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n");
    CHECK(run_until([&] { return other.has("HTTP/1.1 200 OK"); }));
    CHECK(http_counter("downstream_rq_http1_total") == 1);
    other.leave();
    client.leave();
    CHECK(run_until([&] { return set->size() == 0; }));
    CHECK(gauge("http.in.downstream_cx_http2_active") == 0);
    CHECK(gauge("http.in.downstream_cx_http1_active") == 0);
}

TEST_CASE_FIXTURE(Http2Site, "a preface that begins well and ends badly is HTTP/2's error") {
    Client client = connect();
    client.send("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n");
    CHECK(hears(client, goaway(0, 1) + "end"));
    CHECK(http_counter("downstream_cx_protocol_error") == 1);
}

TEST_CASE_FIXTURE(Http2Site, "a client that answers no PING is cut off") {
    log_as("%REQ(:PATH)% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%\n");
    http.http2.keepalive_interval = milliseconds(10);
    http.http2.keepalive_timeout = milliseconds(20);
    hold_all();
    Client client = start(get(1, "/1"));
    CHECK(run_until([&] { return set->size() == 0; }));
    CHECK(counter("http2.keepalive_timeout") == 1);
    CHECK(http_counter("downstream_cx_destroy_local_active_rq") == 1);
    CHECK(logged() == "/1 DC downstream_local_disconnect\n");
}

TEST_CASE_FIXTURE(Http2Site, "a request whose head is refused is counted and logged") {
    log_as("%PROTOCOL% %REQ(:PATH)% %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%\n");
    answer_all();
    http.max_headers_count = 6;
    std::string many;
    for (const char* name : {"a", "b", "c"}) many += field(name, "x");
    Client client = start(get(1, "/1", field("connection", "close")) + get(3, "/3", many));
    REQUIRE(run_until([&] { return http_counter("downstream_rq_rx_reset") == 2; }));
    client.send(get(5, "/5"));
    REQUIRE(run_until([&] { return over == 1; }));
    CHECK(
        logged() ==
        "HTTP/2 - 0 DPE http2.violation.of.messaging.rule\nHTTP/2 - 0 DPE http2.too_many_headers\nHTTP/2 /5 200 - -\n");
    CHECK(http_counter("downstream_rq_total") == 3);
    CHECK(gauge("http.in.downstream_rq_active") == 0);
}

TEST_CASE_FIXTURE(Http2Site, "a head that does not end is counted by the timeout that ended it") {
    log_as("%PROTOCOL% %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%\n");
    std::string wanted;
    SUBCASE("of the head") {
        http.request_headers_timeout = milliseconds(20);
        wanted = "HTTP/2 0 - request_header_timeout\n";
    }
    SUBCASE("of the request") {
        http.request_timeout = milliseconds(20);
        wanted = "HTTP/2 0 - request_overall_timeout\n";
    }
    SUBCASE("of the stream") {
        http.stream_idle_timeout = milliseconds(20);
        wanted = "HTTP/2 0 SI stream_idle_timeout\n";
    }
    Client client = start(frame(http::test::kHeaders, http::test::kEndStream, 1, request_fields("/x")));
    CHECK(hears(client, goaway(1) + "end"));
    client.leave();
    REQUIRE(run_until([&] { return set->size() == 0; }));
    CHECK(logged() == wanted);
    CHECK(http_counter("downstream_rq_header_timeout") == (wanted.find("header") != std::string::npos ? 1 : 0));
    CHECK(http_counter("downstream_rq_timeout") == (wanted.find("overall") != std::string::npos ? 1 : 0));
    CHECK(http_counter("downstream_rq_idle_timeout") == (wanted.find("idle") != std::string::npos ? 1 : 0));
}

TEST_CASE_FIXTURE(Http2Site, "a fixed protocol is not asked for") {
    answer_all();
    SUBCASE("HTTP/1") {
        http.codec_type = config::HttpConnectionManagerConfig::CodecType::http1;
        Client client = start("");
        CHECK(run_until([&] { return client.has("HTTP/1.1 "); }));
    }
    SUBCASE("HTTP/2") {
        http.codec_type = config::HttpConnectionManagerConfig::CodecType::http2;
        Client client = connect();
        client.send(kGet);
        CHECK(hears(client, goaway(0, 1) + "end"));
        CHECK(http_counter("downstream_cx_protocol_error") == 1);
    }
}

TEST_CASE_FIXTURE(Http2Site, "streams are answered in any order, each is logged once with what it had") {
    log_as("%PROTOCOL% %REQ(:PATH)% %RESPONSE_CODE% %BYTES_SENT% %RESPONSE_FLAGS% %RESP(SERVER)%\n");
    hold_all();
    Client client = start(get(1, "/1") + get(3, "/3"));
    REQUIRE(run_until([&] { return held.size() == 2; }));
    CHECK(gauge("http.in.downstream_rq_active") == 2);
    answer(*held["/3"], "three");
    response.clear();  // as a source does that has forgotten the exchange
    CHECK(hears(client, "headers3 data3! "));
    answer(*held["/1"], "one");
    CHECK(hears(client, "headers3 data3! headers1 data1! "));
    CHECK(over == 2);
    CHECK(logged() == "HTTP/2 /3 200 5 - envoy\nHTTP/2 /1 200 3 - envoy\n");
    CHECK(gauge("http.in.downstream_rq_active") == 0);
}

TEST_CASE_FIXTURE(Http2Site, "a stream ends alone: by its client, by its handler, by its timeout") {
    log_as("%REQ(:PATH)% %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%\n");
    hold_all();
    SUBCASE("the client takes it back") {
        Client client = start(get(1, "/1") + get(3, "/3"));
        REQUIRE(run_until([&] { return held.size() == 2; }));
        client.send(reset(1));
        REQUIRE(run_until([&] { return over == 1; }));
        answer(*held["/3"], "three");
        CHECK(hears(client, "headers3 data3! "));
        CHECK(http_counter("downstream_rq_rx_reset") == 1);
        CHECK(logged() == "/1 0 DR http2.remote_reset\n/3 200 - -\n");
    }
    SUBCASE("the handler resets it in mid-answer") {
        Client client = start(get(1, "/1") + get(3, "/3"));
        REQUIRE(run_until([&] { return held.size() == 2; }));
        response.add_copy(http::HeaderId::status, "200");
        held["/1"]->send_headers(response, false);
        run_for(milliseconds(2));
        held["/1"]->reset(http::StreamReset::remote);
        CHECK(over == 1);
        run_for(milliseconds(2));
        answer(*held["/3"], "three");
        CHECK(hears(client, "headers1 reset1(2) headers3 data3! "));
        CHECK(http_counter("downstream_rq_tx_reset") == 1);
    }
    SUBCASE("idle") {
        http.stream_idle_timeout = milliseconds(20);
        Client client = start(get(1, "/1"));
        CHECK(hears(client, "headers1 data1! "));
        CHECK(logged() == "/1 504 SI stream_idle_timeout\n");
    }
    SUBCASE("nobody takes the answer") {
        http.stream_idle_timeout = milliseconds(20);
        Client client = connect();
        client.send(std::string(http::test::kPreface) +
                    frame(http::test::kSettings, 0, 0, std::string("\0\4", 2) + number(0)) + get(1, "/1"));
        REQUIRE(run_until([&] { return held.size() == 1; }));
        answer(*held["/1"], "never");
        CHECK(hears(client, "headers1 reset1(2) "));
        CHECK(counter("http2.tx_flush_timeout") == 1);
        CHECK(http_counter("downstream_rq_idle_timeout") == 0);
    }
    CHECK(set->size() == 1);
    run_for(milliseconds(2));
    CHECK(gauge("http.in.downstream_rq_active") == 0);
}

TEST_CASE_FIXTURE(Http2Site, "a client that leaves ends all its streams") {
    log_as("%REQ(:PATH)% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%\n");
    hold_all();
    Client client = start(get(1, "/1") + get(3, "/1"));
    REQUIRE(run_until([&] { return gauge("http.in.downstream_rq_active") == 2; }));
    client.leave();
    REQUIRE(run_until([&] { return set->size() == 0; }));
    CHECK(logged() == "/1 DC downstream_remote_disconnect\n/1 DC downstream_remote_disconnect\n");
    CHECK(destroyed == 2);
    CHECK(http_counter("downstream_cx_destroy_remote_active_rq") == 1);
}

TEST_CASE_FIXTURE(Http2Site, "gRPC: an answer made here is the head of a call that has ended") {
    on_request = [](http::DownstreamStream& to, http::HeaderMap&, bool) {
        to.send_local_reply(503, "no healthy upstream", "no_healthy_upstream");
    };
    Client client = start(get(1, "/s/m", field("content-type", "application/grpc")));
    CHECK(hears(client, "headers1! "));
    CHECK(http_counter("downstream_rq_2xx") == 1);
}

TEST_CASE_FIXTURE(Http2Site, "the drain is told at once, in two steps; requests in between are answered") {
    http.drain_timeout = milliseconds(60);
    answer_all();
    Client idle = start(get(1));
    Client busy = start(get(1));
    REQUIRE(hears(idle, "headers1 data1! "));
    REQUIRE(hears(busy, "headers1 data1! "));
    set->announce_drain();
    CHECK(hears(idle, "headers1 data1! " + goaway(kAll)));
    CHECK(http_counter("downstream_cx_drain_close") == 2);
    busy.send(get(3));
    CHECK(hears(busy, "headers1 data1! " + goaway(kAll) + "headers3 data3! "));
    hold_all();
    busy.send(get(5, "/5"));
    CHECK(hears(idle, "headers1 data1! " + goaway(kAll) + goaway(1) + "end"));
    CHECK(hears(busy, "headers1 data1! " + goaway(kAll) + "headers3 data3! " + goaway(5)));
    answer(*held["/5"], "last");
    CHECK(hears(busy, "headers1 data1! " + goaway(kAll) + "headers3 data3! " + goaway(5) + "headers5 data5! end"));
}

TEST_CASE_FIXTURE(Http2Site, "a connection that turns out to be HTTP/2 after the drain began hears of it too") {
    answer_all();
    Client client = connect();
    set->announce_drain();
    client.send(hello());
    CHECK(hears(client, goaway(kAll)));
}

TEST_CASE_FIXTURE(Http2Site, "idle timeout, duration and number of requests end a connection by GOAWAY") {
    http.drain_timeout = milliseconds(20);
    answer_all();
    SUBCASE("idle, but not while a stream is open") {
        http.idle_timeout = milliseconds(20);
        hold_all();
        Client client = start(get(1, "/1"));
        REQUIRE(run_until([&] { return held.size() == 1; }));
        run_for(milliseconds(60));
        CHECK(words(client).empty());
        answer(*held["/1"], "one");
        CHECK(hears(client, "headers1 data1! " + goaway(kAll) + goaway(1) + "end"));
        CHECK(http_counter("downstream_cx_idle_timeout") == 1);
    }
    SUBCASE("duration") {
        http.max_connection_duration = milliseconds(20);
        Client client = start(get(1));
        CHECK(hears(client, "headers1 data1! " + goaway(kAll) + goaway(1) + "end"));
        CHECK(http_counter("downstream_cx_max_duration_reached") == 1);
    }
    SUBCASE("requests") {
        http.max_requests_per_connection = 2;
        Client client = start(get(1) + get(3));
        CHECK(run_until([&] { return words(client).ends_with(goaway(3) + "end"); }));
        CHECK(http_counter("downstream_cx_max_requests_reached") == 1);
    }
    SUBCASE("a health check that fails") {
        drain.fail_health_check(true);
        Client client = start(get(1));
        CHECK(hears(client, goaway(kAll) + "headers1 data1! " + goaway(1) + "end"));
        CHECK(http_counter("downstream_cx_drain_close") == 1);
    }
}

TEST_CASE_FIXTURE(Http2Site, "a polite end: idle ones are told and ended, the others when their streams are") {
    hold_all();
    Client idle = start("");
    Client busy = start(get(1, "/1"));
    REQUIRE(run_until([&] { return held.size() == 1 && http_counter("downstream_cx_http2_total") == 2; }));
    set->announce_close();
    CHECK(hears(busy, goaway(kAll)));
    set->close_idle();
    CHECK(hears(idle, goaway(kAll) + goaway(0) + "end"));
    CHECK(hears(busy, goaway(kAll) + goaway(1)));
    answer(*held["/1"], "one");
    CHECK(hears(busy, goaway(kAll) + goaway(1) + "headers1 data1! end"));
}

TEST_CASE_FIXTURE(Http2Site, "a client that says GOAWAY is let go when its streams are over") {
    hold_all();
    Client client = start(get(1, "/1") + frame(http::test::kGoaway, 0, 0, number(0) + number(0)));
    REQUIRE(run_until([&] { return held.size() == 1; }));
    answer(*held["/1"], "one");
    CHECK(hears(client, "headers1 data1! end"));
    Client idle = start(frame(http::test::kGoaway, 0, 0, number(0) + number(0)));
    CHECK(hears(idle, "end"));
}

TEST_CASE_FIXTURE(Http2Site, "a head that never ends is bounded in time") {
    http.request_headers_timeout = milliseconds(20);
    Client client = start(frame(http::test::kHeaders, http::test::kEndStream, 1, request_fields()));
    CHECK(run_until([&] { return client.at_end(); }));
    CHECK(http_counter("downstream_rq_header_timeout") == 1);
    CHECK(http_counter("downstream_rq_total") == 0);
}

TEST_CASE_FIXTURE(Http2Site, "a client that only takes requests back is shown the door") {
    hold_all();
    Client client = start("");
    for (uint32_t id = 1; id < 1100 && !client.at_end(); id += 2) {
        client.send(get(id) + reset(id));
        run_for(milliseconds(0));
    }
    CHECK(run_until([&] { return client.at_end(); }));
    CHECK(words(client).find(",11) ") != std::string::npos);  // ENHANCE_YOUR_CALM
    CHECK(http_counter("downstream_rq_too_many_premature_resets") == 1);
    CHECK(http_counter("downstream_cx_protocol_error") == 0);
    CHECK(gauge("http.in.downstream_rq_active") == 0);
}

TEST_CASE_FIXTURE(Http2Site, "the answer to a request that is not wholly there stops its client") {
    answer_all("early");
    Client client = start(post(1));
    CHECK(hears(client, "headers1 data1! reset1(0) "));
    CHECK(http_counter("downstream_rq_response_before_rq_complete") == 1);
    client.send(get(3));
    CHECK(hears(client, "headers1 data1! reset1(0) headers3 data3! "));
}

TEST_CASE_FIXTURE(Http2Site, "a connection that is cut under streams counts once as such") {
    hold_all();
    Client client = start(get(1, "/1") + get(3, "/3"));
    REQUIRE(run_until([&] { return held.size() == 2; }));
    set->cut();
    REQUIRE(run_until([&] { return client.at_end(); }));
    client.leave();
    REQUIRE(run_until([&] { return set->size() == 0; }));
    CHECK(http_counter("downstream_cx_destroy_active_rq") == 1);
    CHECK(http_counter("downstream_cx_destroy_local_active_rq") == 1);
}

}  // namespace heirloom::connection_manager
