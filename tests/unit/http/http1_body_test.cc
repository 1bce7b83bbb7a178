// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/http1_body.h"

#include <doctest/doctest.h>

#include <string>

#include "proxy/http/http1_encode.h"

using namespace heirloom::http;
using heirloom::network::Buffer;

namespace {

struct Decoded {
    BodyDecoder::Progress progress = BodyDecoder::Progress::incomplete;
    std::string body;
    std::string rest;
};

Decoded decode_chunked(std::string_view text, size_t step) {
    Decoded result;
    BodyDecoder decoder;
    decoder.start_chunked();
    Buffer in, out;
    while (!text.empty() && result.progress == BodyDecoder::Progress::incomplete) {
        const size_t take = std::min(step, text.size());
        in.append(text.substr(0, take));
        text.remove_prefix(take);
        result.progress = decoder.decode(in, out);
    }
    result.body = out.to_string();
    result.rest = in.to_string() + std::string(text);
    return result;
}

bool is_refused(std::string_view text) {
    const bool whole = decode_chunked(text, text.size()).progress == BodyDecoder::Progress::failed;
    const bool pieces = decode_chunked(text, 1).progress == BodyDecoder::Progress::failed;
    CHECK(whole == pieces);
    return whole;
}

std::string encode(BodyFraming framing, uint64_t length, std::initializer_list<std::string_view> pieces,
                   bool* whole = nullptr) {
    Buffer out;
    BodyEncoder encoder;
    encoder.start(framing, length);
    for (const auto piece : pieces) {
        Buffer data;
        data.append(piece);
        encoder.encode(data, out);
        CHECK(data.empty());
    }
    const bool complete = encoder.finish(out, nullptr);
    if (whole) *whole = complete;
    return out.to_string();
}

}  // namespace

TEST_CASE("chunks become content, however they are cut") {
    const std::string text = "5\r\nhello\r\n6;ext=\"v\";x\r\n world\r\n00A\r\n0123456789\r\n0\r\n\r\nnext";
    for (size_t step = 1; step <= text.size(); ++step) {
        CAPTURE(step);
        const Decoded got = decode_chunked(text, step);
        REQUIRE(got.progress == BodyDecoder::Progress::trailers);
        CHECK(got.body == "hello world0123456789");
        CHECK(got.rest == "\r\nnext");
    }
}

TEST_CASE("chunk tricks are refused") {
    for (const char* text : {"5\nhello\r\n0\r\n\r\n",
                             "5\r\nhello\n0\r\n\r\n",
                             "5\r\nhelloX0\r\n\r\n",
                             "5\r\nhello0\r\n\r\n",
                             "\r\n",
                             " 5\r\nhello\r\n",
                             "5 \r\nhello\r\n",
                             "+5\r\nhello\r\n",
                             "-5\r\nhello\r\n",
                             "0x5\r\nhello\r\n",
                             "5;a\nhello\r\n",
                             "5;a\rb\r\nhello\r\n",
                             "g\r\n",
                             ";x\r\n",
                             "1234567890abcdef0\r\n",
                             "ffffffffffffffff\r\n",
                             "5\r\rhello",
                             "5\r\nhello\r\r",
                             "5;\x01\r\n",
                             "5,5\r\nhello\r\n"}) {
        CAPTURE(text);
        CHECK(is_refused(text));
    }
    CHECK(is_refused(std::string_view("5\0\r\nhello\r\n", 11)));
    CHECK(is_refused("5;" + std::string(2000, 'e') + "\r\nhello\r\n"));
    CHECK_FALSE(is_refused("5;" + std::string(1000, 'e') + "\r\nhello\r\n"));
}

TEST_CASE("a counted body ends where it says") {
    BodyDecoder decoder;
    decoder.start_length(5);
    Buffer in, out;
    in.append("hel");
    CHECK(decoder.decode(in, out) == BodyDecoder::Progress::incomplete);
    in.append("lonext");
    CHECK(decoder.decode(in, out) == BodyDecoder::Progress::complete);
    CHECK(out.to_string() == "hello");
    CHECK(in.to_string() == "next");
    decoder.start_length(0);
    CHECK(decoder.decode(in, out) == BodyDecoder::Progress::complete);
}

TEST_CASE("bodies are framed as announced") {
    CHECK(encode(BodyFraming::chunked, 0, {"hello", "", std::string(300, 'x')}) ==
          "5\r\nhello\r\n12c\r\n" + std::string(300, 'x') + "\r\n0\r\n\r\n");
    CHECK(encode(BodyFraming::until_close, 0, {"a", "b"}) == "ab");
    CHECK(encode(BodyFraming::none, 0, {"not sent"}).empty());
    bool whole = false;
    CHECK(encode(BodyFraming::length, 4, {"ab", "cdef"}, &whole) == "abcd");
    CHECK(whole);
    CHECK(encode(BodyFraming::length, 4, {"ab"}, &whole) == "ab");
    CHECK_FALSE(whole);
}

TEST_CASE("a head that leaves cannot be split by its values") {
    HeaderMap map;
    map.add_copy(HeaderId::path, "/a b\r\nx");
    map.add_copy("x-good", "1");
    map.add_copy("x-bad", "1\r\nx-injected: 2");
    map.add_copy("x-nul", std::string_view("a\0b", 3));
    map.add_copy("x-\nname", "3");
    map.add_copy(HeaderId::server, "s\n");
    map.add_copy(HeaderId::transfer_encoding, "gzip");
    map.add_copy(HeaderId::connection, "x");
    map.add_copy("x-tab", "a\tb");
    Buffer out;
    HeadWriter writer(out, map, 64);
    writer.put("GET ");
    writer.put_target(map.get(HeaderId::path));
    writer.put(" HTTP/1.1\r\n");
    writer.put_fields(map);
    writer.finish();
    CHECK(out.to_string() == "GET /a%20b%0D%0Ax HTTP/1.1\r\nx-good: 1\r\nx-tab: a\tb\r\n\r\n");
}
