// SPDX-License-Identifier: Apache-2.0
// Our server against our client: many exchanges on one connection.
#include "tests/unit/http/http2_harness.h"

using namespace heirloom::http;
using namespace heirloom::http::test;
using heirloom::network::Buffer;

TEST_CASE("a request, an answer, on the same connection again") {
    Pair pair;
    pair.server.at_end = [](ServerExchange& exchange) { exchange.answer("200", "hello"); };
    for (int i = 0; i < 3; ++i) {
        ClientExchange& exchange = pair.client.get();
        pair.run();
        CHECK(exchange.log == ":status=200 body=hello done ");
        CHECK(pair.server.exchanges.back().log == ":method=GET :authority=h :scheme=http :path=/x end done ");
    }
    CHECK(pair.server.ended == 3);
    CHECK(pair.server.reusable);
    CHECK(pair.server.codec->idle());
    CHECK(pair.client.codec->open_streams() == 0);
    CHECK(pair.client.codec->max_streams() == 1024);
}

TEST_CASE("answers come in any order") {
    Pair pair;
    ClientExchange& first = pair.client.get();
    ClientExchange& second = pair.client.get();
    pair.run();
    REQUIRE(pair.server.exchanges.size() == 2);
    CHECK(pair.server.codec->open_streams() == 2);
    pair.server.exchanges[1].answer("200", "");
    pair.run();
    CHECK(second.log == ":status=200 end done ");
    CHECK(first.log.empty());
    pair.server.exchanges[0].answer("404", "");
    pair.run();
    CHECK(first.log == ":status=404 end done ");
}

TEST_CASE("bodies and trailers both ways") {
    Pair pair;
    pair.server.at_end = [](ServerExchange& exchange) {
        exchange.answer("200", "reply", false);
        HeaderMap trailers;
        trailers.add_copy("grpc-status", "0");
        exchange.encoder->encode_trailers(trailers);
    };
    ClientExchange& exchange = pair.client.begin("POST", false);
    Buffer body;
    body.append("message");
    exchange.encoder->encode_body(body, false);
    CHECK(body.empty());
    HeaderMap trailers;
    trailers.add_copy("x-sum", "7");
    trailers.add_copy("connection", "close");
    exchange.encoder->encode_trailers(trailers);
    pair.run();
    CHECK(pair.server.exchanges[0].log ==
          ":method=POST :authority=h :scheme=http :path=/x body=message trailers: x-sum=7 done ");
    CHECK(exchange.log == ":status=200 body=reply trailers: grpc-status=0 done ");
}

TEST_CASE("a body of some megabytes arrives whole") {
    Pair pair;
    pair.server.at_end = [](ServerExchange& exchange) { exchange.answer("200", exchange.body); };
    std::string text;
    for (int i = 0; text.size() < 3'000'000; ++i) text += std::to_string(i) + ",";
    ClientExchange& exchange = pair.client.begin("POST", false);
    Buffer body;
    body.append(text);
    exchange.encoder->encode_body(body, true);
    CHECK(exchange.high);
    pair.run(400);
    CHECK_FALSE(exchange.high);
    CHECK(pair.server.exchanges[0].body == text);
    CHECK(exchange.body == text);
}

TEST_CASE("interim answers") {
    Pair pair;
    pair.server.at_headers = [](ServerExchange& exchange) {
        exchange.encoder->encode_interim(100, HeaderMap());
        HeaderMap link;
        link.add_copy("link", "</a>");
        exchange.encoder->encode_interim(103, link);
    };
    pair.server.at_end = [](ServerExchange& exchange) { exchange.answer("204", ""); };
    ClientExchange& exchange = pair.client.begin("POST", false);
    pair.run();
    CHECK(exchange.log == "interim(100) :status=100 interim(103) :status=103 link=</a> ");
    Buffer nothing;
    exchange.encoder->encode_body(nothing, true);
    pair.run();
    CHECK(exchange.log.ends_with(":status=204 end done "));
}

TEST_CASE("HEAD: a length and no body") {
    Pair pair;
    pair.server.at_end = [](ServerExchange& exchange) {
        HeaderMap map;
        map.add_copy(HeaderId::status, "200");
        map.add_copy(HeaderId::content_length, "12");
        exchange.encoder->encode_headers(map, true, false);
    };
    ClientExchange& exchange = pair.client.begin("HEAD", true);
    pair.run();
    CHECK(exchange.log == ":status=200 content-length=12 end done ");
}

TEST_CASE("what belongs to an HTTP/1 connection stays behind") {
    Pair pair;
    HeaderMap map;
    for (const auto& [name, value] : {std::pair{"connection", "keep-alive"},
                                      {"keep-alive", "5"},
                                      {"transfer-encoding", "chunked"},
                                      {"host", "other"},
                                      {"te", "gzip"},
                                      {"te", "trailers"},
                                      {"x-kept", "yes"}}) {
        map.add_copy(name, value);
    }
    map.add_copy("x-split", "a\r\nb: c");
    pair.client.begin("GET", true, std::move(map));
    pair.run();
    CHECK(pair.server.exchanges[0].log == ":method=GET :authority=h :scheme=http :path=/x te=trailers x-kept=yes end ");
}

TEST_CASE("what its sender keeps out of the tables stays out, and so do ids of requests") {
    Pair pair;
    HeaderMap map;
    map.add_copy("x-secret", "a");
    map.fields().back().never_indexed = true;
    map.add_copy("x-plain", "b");
    map.add_copy(HeaderId::x_request_id, "1");
    ClientExchange& exchange = pair.client.begin("POST", false, std::move(map));
    HeaderMap trailers;
    trailers.add_copy("x-open", "c");
    trailers.add_copy("x-hidden", "d");
    trailers.fields().back().never_indexed = true;
    exchange.encoder->encode_trailers(trailers);
    pair.run();
    REQUIRE(pair.server.exchanges.size() == 1);
    CHECK(pair.server.exchanges[0].never_indexed == "x-secret x-request-id x-hidden ");
    CHECK(pair.server.exchanges[0].log.find("x-secret=a x-plain=b x-request-id=1 ") != std::string::npos);
}

TEST_CASE("an answer before the end of the request: the rest is not wanted") {
    Pair pair;
    pair.server.at_headers = [](ServerExchange& exchange) { exchange.answer("413", "too much"); };
    ClientExchange& exchange = pair.client.begin("POST", false);
    pair.run();
    CHECK(exchange.log == ":status=413 body=too much done ");
    CHECK(pair.server.exchanges[0].log.ends_with("done "));
    CHECK(pair.client.codec->open_streams() == 0);
}

TEST_CASE("resets tell the other side") {
    Pair pair;
    SUBCASE("by the client") {
        ClientExchange& exchange = pair.client.get();
        pair.run();
        exchange.encoder->reset(StreamReset::local);
        pair.run();
        CHECK(exchange.log.empty());
        CHECK(pair.server.exchanges[0].log.ends_with("reset(remote reset) "));
    }
    SUBCASE("by the server, in the middle of the body") {
        ClientExchange& exchange = pair.client.get();
        pair.run();
        pair.server.exchanges[0].answer("200", "part", false);
        pair.run();
        pair.server.exchanges[0].encoder->reset(StreamReset::local);
        pair.run();
        CHECK(exchange.log == ":status=200 reset(remote reset) ");
        CHECK(exchange.body == "part");
    }
    SUBCASE("before anything was sent") {
        ClientExchange& exchange = pair.client.get();
        exchange.encoder->reset(StreamReset::local);
        pair.run();
        CHECK(exchange.log.empty());
    }
    SUBCASE("by the end of the connection") {
        ClientExchange& exchange = pair.client.get();
        pair.run();
        pair.server.connection->close();
        pair.run();
        CHECK(exchange.log == "reset(connection termination) ");
        CHECK(pair.server.exchanges[0].log.ends_with("reset(connection termination) "));
    }
    pair.run();
    CHECK(pair.client.codec->open_streams() == 0);
    CHECK(pair.server.codec->open_streams() == 0);
}

TEST_CASE("draining: the notice takes nothing away, then the last stream is named") {
    Pair pair;
    ClientExchange& before = pair.client.get();
    pair.run();
    pair.server.codec->start_draining();
    // Sent before the notice has arrived.
    ClientExchange& crossing = pair.client.get();
    pair.run();
    CHECK(pair.client.goaway);
    CHECK(pair.client.codec->max_streams() == 0);
    REQUIRE(pair.server.exchanges.size() == 2);
    pair.server.codec->finish_draining();
    pair.run();
    CHECK(pair.server.codec->open_streams() == 2);
    for (ServerExchange& exchange : pair.server.exchanges) exchange.answer("200", "ok");
    pair.run();
    CHECK(before.log == ":status=200 body=ok done ");
    CHECK(crossing.log == ":status=200 body=ok done ");
    CHECK_FALSE(pair.server.reusable);
    CHECK(pair.server.failure.empty());
    CHECK_FALSE(pair.client.broken);
}

TEST_CASE("a request that crosses the final GOAWAY is refused, to be sent elsewhere") {
    Pair pair;
    pair.run();
    pair.server.codec->finish_draining();
    ClientExchange& exchange = pair.client.get();
    pair.run();
    CHECK(exchange.log == "reset(remote refused stream reset) ");
    CHECK(pair.server.exchanges.empty());
}

TEST_CASE("what a GOAWAY leaves out was not processed; an error in it makes that a refusal") {
    Ends ends;
    const heirloom::UniqueFd peer(ends.fds[0]);
    Client client(ends.loop, heirloom::UniqueFd(ends.fds[1]), {});
    ClientExchange& exchange = client.get();
    settle(ends.loop);
    char code = 0;
    auto wanted = StreamReset::unprocessed;
    SUBCASE("NO_ERROR") {}
    SUBCASE("ENHANCE_YOUR_CALM") {
        code = 11;
        wanted = StreamReset::remote_refused;
    }
    const std::string bytes =
        frame(kSettings, 0, 0, "") + frame(kGoaway, 0, 0, std::string(7, '\0') + std::string(1, code));
    REQUIRE(::send(peer.get(), bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
    settle(ends.loop);
    CHECK(exchange.reset == wanted);
    CHECK(client.goaway);
}

TEST_CASE("a slow receiver closes the window of its stream alone") {
    Http2Settings small;
    small.initial_stream_window_size = 64 * 1024;
    small.stream_buffer_bytes = 32 * 1024;
    Pair pair(small, small);
    ClientExchange& slow = pair.client.get();
    ClientExchange& quick = pair.client.get();
    pair.run();
    slow.encoder->response_flow().pause_reading();
    const std::string text(1'000'000, 'x');
    pair.server.exchanges[0].answer("200", text);
    pair.server.exchanges[1].answer("200", text);
    CHECK(pair.server.exchanges[0].encoder->above_high_watermark());
    pair.run(200);
    CHECK(quick.body.size() == text.size());
    CHECK(slow.body.empty());
    CHECK(slow.log == ":status=200 ");
    CHECK(pair.server.exchanges[0].high);
    CHECK_FALSE(pair.server.exchanges[1].high);
    slow.encoder->response_flow().resume_reading();
    pair.run(200);
    CHECK(slow.body == text);
    CHECK(slow.log.ends_with("done "));
}

TEST_CASE("what is complete is delivered to a paused receiver when the connection ends") {
    Pair pair;
    pair.server.at_end = [](ServerExchange& exchange) { exchange.answer("200", "all of it"); };
    ClientExchange& exchange = pair.client.get();
    exchange.encoder->response_flow().pause_reading();
    pair.run();
    CHECK(exchange.log == ":status=200 ");
    pair.server.connection->close();
    pair.run();
    CHECK(exchange.log == ":status=200 body=all of it done ");
}

TEST_CASE("the request waits while the handler is paused") {
    Pair pair;
    pair.server.at_headers = [](ServerExchange& exchange) { exchange.encoder->request_flow().pause_reading(); };
    pair.server.at_end = [](ServerExchange& exchange) { exchange.answer("200", ""); };
    ClientExchange& exchange = pair.client.begin("PUT", false);
    Buffer body;
    body.append("waiting");
    exchange.encoder->encode_body(body, true);
    pair.run();
    CHECK(pair.server.exchanges[0].body.empty());
    pair.server.exchanges[0].encoder->request_flow().resume_reading();
    CHECK(pair.server.exchanges[0].body.empty());
    pair.run();
    CHECK(exchange.log == ":status=200 end done ");
}

TEST_CASE("a peer that allows few streams") {
    Http2Settings few;
    few.max_concurrent_streams = 2;
    Pair pair(few);
    pair.run();
    CHECK(pair.client.codec->max_streams() == 2);
}

TEST_CASE("no table for HPACK when none is wanted") {
    Http2Settings none;
    none.hpack_table_size = 0;
    Pair pair(none, none);
    pair.server.at_end = [](ServerExchange& exchange) { exchange.answer("200", "x"); };
    for (int i = 0; i < 3; ++i) {
        HeaderMap extra;
        extra.add_copy("x-same", "every time");
        ClientExchange& exchange = pair.client.begin("GET", true, std::move(extra));
        pair.run();
        CHECK(exchange.log == ":status=200 body=x done ");
    }
    CHECK_FALSE(pair.client.broken);
}
