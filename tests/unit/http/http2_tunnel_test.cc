// SPDX-License-Identifier: Apache-2.0
// Extended CONNECT (RFC 8441) and plain CONNECT: outside this codec both look as they do in HTTP/1.1.
#include "tests/unit/http/http2_harness.h"

using namespace heirloom::http;
using namespace heirloom::http::test;
using heirloom::network::Buffer;

namespace {

Http2Settings with_connect() {
    Http2Settings settings;
    settings.allow_connect = true;
    return settings;
}

HeaderMap websocket() {
    HeaderMap map;
    map.add_copy(HeaderId::upgrade, "websocket");
    return map;
}

void accept(ServerExchange& exchange, const char* status) {
    HeaderMap map;
    map.add_copy(HeaderId::status, status);
    map.add_copy(HeaderId::connection, "Upgrade");
    map.add_copy(HeaderId::upgrade, "websocket");
    map.add_copy(HeaderId::content_length, "0");
    exchange.encoder->encode_headers(map, false, false);
}

template <class Encoder>
void write(Encoder& encoder, std::string_view text, bool end_stream = false) {
    Buffer data;
    data.append(text);
    encoder.encode_body(data, end_stream);
}

}  // namespace

TEST_CASE("an upgrade is extended CONNECT on the wire, 101 is 200") {
    Pair pair(with_connect());
    pair.run();
    pair.server.at_headers = [](ServerExchange& exchange) { accept(exchange, "101"); };
    ClientExchange& client = pair.client.begin("GET", false, websocket());
    pair.run();
    REQUIRE(pair.server.exchanges.size() == 1);
    ServerExchange& server = pair.server.exchanges[0];
    CHECK(server.log == ":method=GET :authority=h :scheme=http :path=/x connection=Upgrade upgrade=websocket ");
    CHECK(client.log == ":status=101 upgrade=websocket ");
    write(*client.encoder, "up");
    write(*server.encoder, "down");
    pair.run();
    CHECK(server.body == "up");
    CHECK(client.body == "down");
    SUBCASE("the server's side ends first") {
        write(*server.encoder, "", true);
        pair.run();
        write(*client.encoder, " still", false);
        pair.run();
        CHECK(server.body == "up still");
        write(*client.encoder, "", true);
        pair.run();
    }
    SUBCASE("the client's side ends first") {
        write(*client.encoder, "", true);
        pair.run();
        write(*server.encoder, " still", false);
        pair.run();
        CHECK(client.body == "down still");
        write(*server.encoder, "", true);
        pair.run();
    }
    CHECK(client.log.ends_with("done "));
    CHECK(server.log.ends_with("done "));
    CHECK(pair.client.codec->open_streams() == 0);
}

TEST_CASE("an upgrade waits for the peer to offer extended CONNECT, other requests do not") {
    Pair pair(with_connect());
    pair.server.at_headers = [](ServerExchange& exchange) { accept(exchange, "101"); };
    ClientExchange& first = pair.client.begin("GET", false, websocket());
    ClientExchange& second = pair.client.begin("GET", false, websocket());
    ClientExchange& given_up = pair.client.begin("GET", false, websocket());
    ClientExchange& connect = pair.client.begin("CONNECT", false);
    given_up.encoder->reset(StreamReset::local);
    pair.run();
    REQUIRE(pair.server.exchanges.size() == 3);
    CHECK(pair.server.exchanges[0].log == ":method=CONNECT :authority=h ");
    CHECK(pair.server.exchanges[1].log ==
          ":method=GET :authority=h :scheme=http :path=/x connection=Upgrade upgrade=websocket ");
    CHECK(first.log == ":status=101 upgrade=websocket ");
    CHECK(second.log == ":status=101 upgrade=websocket ");
    CHECK(connect.log == ":status=200 ");
    CHECK(given_up.log.empty());
    CHECK(pair.client.codec->open_streams() == 3);
    CHECK(pair.client.ended == 1);
}

TEST_CASE("an upgrade to a peer that does not offer extended CONNECT never leaves") {
    Pair pair;
    ClientExchange& before = pair.client.begin("GET", false, websocket());
    CHECK(before.log.empty());
    pair.run();
    ClientExchange& after = pair.client.begin("GET", false, websocket());
    CHECK(after.log.empty());  // not inside the call
    pair.run();
    for (ClientExchange* one : {&before, &after}) {
        CHECK(one->log == "reset(extended CONNECT not offered) ");
        CHECK(one->reset == StreamReset::no_connect);
    }
    CHECK(pair.server.exchanges.empty());
    CHECK(pair.client.codec->open_streams() == 0);
    CHECK(pair.client.ended == 2);
    CHECK_FALSE(pair.client.broken);
}

TEST_CASE("an upgrade that is answered otherwise") {
    Pair pair(with_connect());
    pair.run();
    pair.server.at_headers = [](ServerExchange& exchange) { exchange.answer("403", "no"); };
    ClientExchange& client = pair.client.begin("GET", false, websocket());
    pair.run();
    CHECK(client.log == ":status=403 body=no done ");
}

TEST_CASE("CONNECT") {
    Pair pair;
    pair.server.at_headers = [](ServerExchange& exchange) { accept(exchange, "200"); };
    ClientExchange& client = pair.client.begin("CONNECT", false);
    pair.run();
    ServerExchange& server = pair.server.exchanges[0];
    CHECK(server.log == ":method=CONNECT :authority=h ");
    CHECK(client.log == ":status=200 ");
    write(*server.encoder, "", true);
    pair.run();
    write(*client.encoder, "up", true);
    pair.run();
    CHECK(server.log.ends_with("body=up done "));
}

TEST_CASE("extended CONNECT without the setting is malformed") {
    RawClient raw;
    raw.send(frame(kHeaders, kEndHeaders, 1, request_fields("/x", "CONNECT") + field(":protocol", "websocket")));
    CHECK(raw.server.exchanges.empty());
    CHECK(raw.receive() == "RST(1,1) ");
}

TEST_CASE("an `upgrade` field never comes in by itself") {
    RawClient raw(with_connect());
    raw.send(frame(kHeaders, kEndHeaders | kEndStream, 1, request_fields() + field("upgrade", "websocket")));
    CHECK(raw.server.exchanges.empty());
    CHECK(raw.receive() == "RST(1,1) ");
}
