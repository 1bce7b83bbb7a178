// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/http1_head.h"

#include <doctest/doctest.h>

#include <string>

using namespace heirloom::http;
using heirloom::network::Buffer;

namespace {

struct Parsed {
    HeadParser::Progress progress = HeadParser::Progress::incomplete;
    HeaderMap map;
    MessageHead head;
    CodecError error;
    std::string rest;
    std::string get(std::string_view name) const {
        const HeaderField* field = map.find(name);
        return field ? std::string(field->value) : "(none)";
    }
    std::string verdict() const {
        switch (progress) {
            case HeadParser::Progress::incomplete:
                return "incomplete";
            case HeadParser::Progress::complete:
                return "complete";
            case HeadParser::Progress::failed:
                break;
        }
        return std::to_string(error.status) + " " + std::string(error.details);
    }
};

// Feeds `text` in pieces of `step` bytes.
Parsed parse(std::string_view text, HeadParser::Kind kind, const Http1Settings& settings, size_t step) {
    Parsed result;
    HeadParser parser;
    parser.start(kind, settings);
    Buffer buffer;
    while (!text.empty() && result.progress == HeadParser::Progress::incomplete) {
        const size_t take = std::min(step, text.size());
        buffer.append(text.substr(0, take));
        text.remove_prefix(take);
        result.progress = parser.parse(buffer, result.map);
    }
    result.head = parser.head();
    result.error = parser.error();
    result.rest = buffer.to_string() + std::string(text);
    return result;
}

// Whole, and byte by byte: the result must be the same.
Parsed request(std::string_view text, const Http1Settings& settings = {}) {
    Parsed whole = parse(text, HeadParser::Kind::request, settings, text.size());
    const Parsed pieces = parse(text, HeadParser::Kind::request, settings, 1);
    CHECK(pieces.verdict() == whole.verdict());
    CHECK(pieces.map.size() == (whole.error.status ? pieces.map.size() : whole.map.size()));
    if (whole.progress == HeadParser::Progress::complete) CHECK(pieces.rest == whole.rest);
    return whole;
}
std::string verdict(std::string_view text, const Http1Settings& settings = {}) {
    return request(text, settings).verdict();
}

std::string with_field(const std::string& lines) { return "GET / HTTP/1.1\r\nHost: a\r\n" + lines + "\r\n"; }

}  // namespace

TEST_CASE("a request head becomes fields") {
    const Parsed got = request(
        "POST /a?b=c HTTP/1.1\r\nHost: Example.com:8080\r\nX-One:  padded \t\r\nContent-Length: 12\r\n"
        "Empty:\r\nConnection: Keep-Alive, x\r\n\r\nbody");
    REQUIRE(got.verdict() == "complete");
    CHECK(got.get(":method") == "POST");
    CHECK(got.get(":path") == "/a?b=c");
    CHECK(got.get(":authority") == "Example.com:8080");
    CHECK(got.get("host") == "(none)");
    CHECK(got.get("x-one") == "padded");
    CHECK(got.get("empty") == "");
    CHECK(got.get("content-length") == "12");
    CHECK(got.head.content_length == 12);
    CHECK(got.head.keep_alive());
    CHECK_FALSE(got.head.chunked);
    CHECK(got.rest == "body");
}

TEST_CASE("one empty line before a request is forgiven, two are not") {
    CHECK(verdict("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n") == "complete");
    CHECK(verdict("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n") == "400 http1.codec_error");
    CHECK(verdict("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n") == "400 http1.codec_error");
}

TEST_CASE("targets come in four forms") {
    CHECK(request("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n").get(":path") == "*");
    const Parsed connect = request("CONNECT a.b:443 HTTP/1.1\r\nHost: a.b:443\r\n\r\n");
    CHECK(connect.get(":authority") == "a.b:443");
    CHECK(connect.get(":path") == "(none)");
    CHECK(connect.head.connect);
    const Parsed absolute = request("GET HTTPS://url.host/x?y HTTP/1.1\r\nHost: other\r\n\r\n");
    CHECK(absolute.get(":authority") == "url.host");
    CHECK(absolute.get(":path") == "/x?y");
    CHECK(absolute.get(":scheme") == "https");
    CHECK(request("GET http://h HTTP/1.1\r\n\r\n").get(":path") == "/");
    CHECK(request("GET http://h?q HTTP/1.1\r\n\r\n").get(":path") == "?q");
    Http1Settings plain;
    plain.allow_absolute_url = false;
    const Parsed kept = request("GET http://h/x HTTP/1.1\r\nHost: a\r\n\r\n", plain);
    CHECK(kept.get(":path") == "http://h/x");
    CHECK(kept.get(":authority") == "a");
}

TEST_CASE("request lines that are refused") {
    for (const char* line : {"GET * HTTP/1.1", "GET http:///x HTTP/1.1", "CONNECT /x HTTP/1.1", "CONNECT host HTTP/1.1",
                             "CONNECT :80 HTTP/1.1", "CONNECT h:8x HTTP/1.1", "GET http://user@h/ HTTP/1.1"}) {
        CAPTURE(line);
        CHECK(verdict(std::string(line) + "\r\nHost: a\r\n\r\n") == "400 http1.invalid_url");
    }
    CHECK(verdict("GET ftp://h/ HTTP/1.1\r\nHost: a\r\n\r\n") == "400 http1.invalid_scheme");
    for (const char* line : {"GET up HTTP/1.1", "GET  / HTTP/1.1", "GET /  HTTP/1.1", " GET / HTTP/1.1",
                             "GET / HTTP/1.1 ", "GET / http/1.1", "GET / HTTP/11", "GET / HTTP/1.10", "get / HTTP/1.1",
                             "BREW / HTTP/1.1", "GET /\xc3\xa4 HTTP/1.1", "GET /a b HTTP/1.1", "G@T / HTTP/1.1",
                             "GET\t/ HTTP/1.1", "GET / HTTP/1.1\r", "GE\rT / HTTP/1.1", " ", ""}) {
        CAPTURE(line);
        CHECK(verdict(std::string(line) + "\r\nHost: a\r\n\r\n") == "400 http1.codec_error");
    }
    for (const char* line : {"GET /\x7f HTTP/1.1",
                             "GET /a\x01"
                             "b HTTP/1.1"}) {
        CAPTURE(line);
        CHECK(verdict(std::string(line) + "\r\nHost: a\r\n\r\n") == "400 http1.invalid_characters");
    }
    CHECK(verdict("GET /\r\n\r\n") == "426 low_version");  // HTTP/0.9
    for (const char* version : {"0.9", "1.0", "1.2", "2.0", "3.7"}) {
        CAPTURE(version);
        CHECK(verdict("GET / HTTP/" + std::string(version) + "\r\nHost: a\r\n\r\n") == "426 low_version");
    }
    // Never a line end: refused by the first bytes.
    CHECK(verdict("\x16\x03\x01\x02") == "400 http1.codec_error");
}

TEST_CASE("HTTP/1.0 where it is accepted") {
    Http1Settings settings;
    settings.accept_http10 = true;
    Parsed got = request("GET / HTTP/1.0\r\nHost: a\r\n\r\n", settings);
    CHECK(got.head.protocol == Protocol::http10);
    CHECK_FALSE(got.head.keep_alive());
    CHECK(request("GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n", settings).head.keep_alive());
    CHECK(verdict("GET / HTTP/1.0\r\n\r\n", settings) == "400 missing_host_header");
    CHECK(verdict("POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", settings) ==
          "400 http1.transfer_encoding_not_allowed");
    settings.default_host_for_http10 = "default.host";
    CHECK(request("GET / HTTP/1.0\r\n\r\n", settings).get(":authority") == "default.host");
}

TEST_CASE("host: exactly one, and a host") {
    CHECK(verdict("GET / HTTP/1.1\r\n\r\n") == "400 missing_host_header");
    CHECK(verdict("GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n") == "400 http1.codec_error");
    CHECK(verdict("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n") == "400 http.invalid_authority");
    CHECK(verdict("GET / HTTP/1.1\r\nHost: a b\r\n\r\n") == "400 http.invalid_authority");
    CHECK(verdict("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n") == "400 http.invalid_authority");
    CHECK(verdict("GET / HTTP/1.1\r\nHost:\r\n\r\n") == "complete");
    CHECK(verdict("GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n") == "complete");
}

TEST_CASE("line syntax that two readers could see differently is refused") {
    for (const char* lines : {"X: a\nY: b\r\n", "X: a\r\n folded\r\n", "X: a\r\n\tfolded\r\n", " X: a\r\n", "X : a\r\n",
                              "X\t: a\r\n", ": a\r\n", "X\r\n", "X a\r\n", "X: a\rY: b\r\n", "X: a\r\r\n", "(X): a\r\n",
                              "X\x80: a\r\n", "X: \r\r\n", "\rX: a\r\n"}) {
        CAPTURE(lines);
        CHECK(verdict(with_field(lines)) == "400 http1.codec_error");
    }
    for (const std::string& line : {std::string("X: a\0b\r\n", 8), std::string("X: a\x01\r\n"),
                                    std::string("X: a\x7f\r\n"), std::string("X:\va\r\n")}) {
        CAPTURE(line);
        CHECK(verdict(with_field(line)) == "400 http1.invalid_characters");
    }
    CHECK(verdict(with_field(std::string("X\0: a\r\n", 7))) == "400 http1.codec_error");
    CHECK(verdict("GET / HTTP/1.1\nHost: a\n\n") == "400 http1.codec_error");
    CHECK(verdict("GET / HTTP/1.1\r\nHost: a\r\n\n") == "400 http1.codec_error");
    // Text beyond ASCII and blanks inside a value are fine.
    CHECK(verdict(with_field("X: gr\xc3\xbc\xc3\x9f\te\r\nX_y: 1\r\n")) == "complete");
}

TEST_CASE("one way to say where the body ends") {
    for (const char* lines :
         {"Content-Length: 5\r\nContent-Length: 6\r\n", "Content-Length: 5\r\nContent-Length: 5\r\n",
          "Content-Length: 5, 5\r\n", "Content-Length: +5\r\n", "Content-Length: -5\r\n", "Content-Length: 5 5\r\n",
          "Content-Length: 0x5\r\n", "Content-Length: \r\n", "Content-Length: 99999999999999999999\r\n",
          "Content-Length: 5;\r\n", "Content-Length: 18446744073709551617\r\n"}) {
        CAPTURE(lines);
        CHECK(verdict(with_field(lines)) == "400 http1.codec_error");
    }
    for (const char* lines :
         {"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
          "tRANSFER-eNCODING: CHUNKED\r\nContent-Length: 0\r\n"}) {
        CAPTURE(lines);
        CHECK(verdict(with_field(lines)) == "400 http1.content_length_and_chunked_not_allowed");
    }
    for (const char* lines : {"Transfer-Encoding: gzip\r\n", "Transfer-Encoding: gzip, chunked\r\n",
                              "Transfer-Encoding: chunked, identity\r\n", "Transfer-Encoding: identity\r\n",
                              "Transfer-Encoding: xchunked\r\n", "Transfer-Encoding: chunked, chunked\r\n",
                              "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
                              "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n",
                              "Transfer-Encoding: \"chunked\"\r\n", "Transfer-Encoding:\r\n"}) {
        CAPTURE(lines);
        CHECK(verdict(with_field(lines)) == "501 http1.invalid_transfer_encoding");
    }
    CHECK(verdict(with_field("Transfer-Encoding: \x0b"
                             "chunked\r\n")) == "400 http1.invalid_characters");
    CHECK(verdict(with_field("Transfer-Encoding : chunked\r\n")) == "400 http1.codec_error");
    CHECK(request(with_field("Transfer-Encoding: CHUNKED\r\n")).head.chunked);
    CHECK(verdict("CONNECT a:1 HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n") ==
          "400 http1.content_length_not_allowed");
    CHECK(verdict("CONNECT a:1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n") ==
          "400 http1.transfer_encoding_not_allowed");
}

TEST_CASE("limits on size and count") {
    Http1Settings settings;
    settings.max_headers_bytes = 200;
    settings.max_headers_count = 3;
    const std::string long_value(200, 'x');
    CHECK(verdict("GET / HTTP/1.1\r\nHost: a\r\nX: " + long_value + "\r\n\r\n", settings) ==
          "431 http1.headers_too_large");
    CHECK(verdict("GET / HTTP/1.1\r\nHost: a\r\nX: " + long_value, settings) == "431 http1.headers_too_large");
    CHECK(verdict("GET /" + long_value + " HTTP/1.1\r\n", settings) == "431 http1.headers_too_large");
    CHECK(verdict("GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 2\r\n\r\n", settings) == "complete");
    CHECK(verdict("GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n", settings) ==
          "431 http1.too_many_headers");
    // Exactly at the limit.
    std::string exact = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
    exact += std::string(200 - exact.size() - 4, 'x') + "\r\n\r\n";
    REQUIRE(exact.size() == 200);
    CHECK(verdict(exact, settings) == "complete");
    exact.insert(exact.size() - 4, "x");
    CHECK(verdict(exact, settings) == "431 http1.headers_too_large");
}

TEST_CASE("a head of many blocks is parsed like any other") {
    std::string text = "GET / HTTP/1.1\r\nHost: a\r\n";
    for (int i = 0; i < 50; ++i) text += "X-" + std::to_string(i) + ": " + std::string(1000, 'v') + "\r\n";
    text += "\r\nrest";
    const Http1Settings settings;
    for (const size_t step : {text.size(), size_t{5000}, size_t{16384}, size_t{777}}) {
        CAPTURE(step);
        const Parsed got = parse(text, HeadParser::Kind::request, settings, step);
        REQUIRE(got.verdict() == "complete");
        CHECK(got.rest == "rest");
        CHECK(got.get("x-49") == std::string(1000, 'v'));
        CHECK(got.get(":path") == "/");
    }
}

TEST_CASE("status lines") {
    const auto status = [](std::string_view line) {
        const Parsed got =
            parse(std::string(line) + "\r\nX: y\r\n\r\n", HeadParser::Kind::response, Http1Settings{}, 5);
        return got.verdict() == "complete" ? got.get(":status") : got.verdict();
    };
    CHECK(status("HTTP/1.1 200 OK") == "200");
    CHECK(status("HTTP/1.1 404 ") == "404");
    CHECK(status("HTTP/1.1 204") == "204");
    CHECK(status("HTTP/1.0 200 OK") == "200");
    CHECK(status("HTTP/1.1 599 \xe4\xb8") == "599");
    for (const char* line :
         {"HTTP/2.0 200 OK", "HTTP/1.1  200 OK", "HTTP/1.1 20 OK", "HTTP/1.1 2000 OK", "HTTP/1.1 099 X",
          "HTTP/1.1 2x0 OK", "http/1.1 200 OK", "ICY 200 OK", "", "HTTP/1.1 200 O\x01K"}) {
        CAPTURE(line);
        CHECK(status(line) == "400 http1.codec_error");
    }
}

TEST_CASE("trailers keep to the same rules and carry no framing") {
    const Http1Settings settings;
    const Parsed got = parse("Checksum: 1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\nHost: h\r\n\r\nnext",
                             HeadParser::Kind::trailers, settings, 3);
    REQUIRE(got.verdict() == "complete");
    CHECK(got.map.size() == 1);
    CHECK(got.get("checksum") == "1");
    CHECK(got.rest == "next");
    CHECK(parse("\r\n", HeadParser::Kind::trailers, settings, 1).verdict() == "complete");
    CHECK(parse("X : a\r\n\r\n", HeadParser::Kind::trailers, settings, 9).verdict() == "400 http1.codec_error");
}
