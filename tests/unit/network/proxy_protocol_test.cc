// SPDX-License-Identifier: Apache-2.0
#include "proxy/network/proxy_protocol.h"

#include <doctest/doctest.h>

namespace heirloom::network {

namespace {

using namespace std::literals;

shm::SocketAddress ip(std::string_view text, uint16_t port) { return *shm::make_ip_address(text, port); }

ProxyOutcome parse(std::string_view bytes) {
    ProxyHeader header;
    return parse_proxy_header(bytes, header);
}

// What is made is read back, and no shorter piece of it is anything but incomplete.
void check_round_trip(uint8_t version, const shm::SocketAddress& source, const shm::SocketAddress& destination) {
    const std::string bytes = make_proxy_header(version, source, destination);
    for (size_t n = 0; n < bytes.size(); ++n) CHECK(parse(bytes.substr(0, n)) == ProxyOutcome::incomplete);
    ProxyHeader header;
    REQUIRE(parse_proxy_header(bytes + "GET /", header) == ProxyOutcome::parsed);
    CHECK(header.version == version);
    CHECK(header.length == bytes.size());
    CHECK_FALSE(header.local);
    CHECK(header.source.to_string() == source.to_string());
    CHECK(header.destination.to_string() == destination.to_string());
}

const std::string kV2 = "\r\n\r\n\0\r\nQUIT\n"s;

}  // namespace

TEST_CASE("a PROXY header is read as it was made") {
    for (const uint8_t version : {uint8_t(1), uint8_t(2)}) {
        check_round_trip(version, ip("192.168.0.1", 56324), ip("10.0.0.1", 443));
        check_round_trip(version, ip("2001:db8::1", 65535), ip("::1", 1));
    }
}

TEST_CASE("PROXY v1 is one line of text") {
    CHECK(make_proxy_header(1, ip("1.2.3.4", 5), ip("6.7.8.9", 10)) == "PROXY TCP4 1.2.3.4 6.7.8.9 5 10\r\n");
    CHECK(make_proxy_header(1, ip("::1", 5), ip("::2", 10)) == "PROXY TCP6 ::1 ::2 5 10\r\n");
}

TEST_CASE("PROXY v2 is 12 bytes of signature, 4 of kind, then addresses") {
    CHECK(make_proxy_header(2, ip("1.2.3.4", 5), ip("6.7.8.9", 258)) ==
          kV2 + "\x21\x11\x00\x0c\x01\x02\x03\x04\x06\x07\x08\x09\x00\x05\x01\x02"s);
}

TEST_CASE("addresses that the protocol has no words for are unknown") {
    const auto unix_socket = *shm::make_unix_address("/run/a.sock");
    CHECK(make_proxy_header(1, unix_socket, unix_socket) == "PROXY UNKNOWN\r\n");
    CHECK(make_proxy_header(2, ip("1.2.3.4", 5), ip("::1", 10)) == kV2 + "\x20\0\0\0"s);
    for (const uint8_t version : {uint8_t(1), uint8_t(2)}) {
        ProxyHeader header;
        CHECK(parse_proxy_header(make_proxy_header(version, unix_socket, unix_socket), header) == ProxyOutcome::parsed);
        CHECK(header.local);
    }
}

TEST_CASE("IPv4 that came by an IPv6 socket is said as IPv4") {
    CHECK(make_proxy_header(1, ip("::ffff:1.2.3.4", 5), ip("6.7.8.9", 10)) == "PROXY TCP4 1.2.3.4 6.7.8.9 5 10\r\n");
}

TEST_CASE("PROXY v1: what is no header") {
    CHECK(parse("GET / HTTP/1.1\r\n") == ProxyOutcome::absent);
    CHECK(parse("PRI * HTTP/2.0\r\n") == ProxyOutcome::absent);
    CHECK(parse("PROXY TCP4 1.2.3.4 6.7.8.9 5\r\n") == ProxyOutcome::malformed);
    CHECK(parse("PROXY TCP4 1.2.3.4 6.7.8.9 5 10 11\r\n") == ProxyOutcome::malformed);
    CHECK(parse("PROXY TCP4 1.2.3.4 6.7.8.9 5 65536\r\n") == ProxyOutcome::malformed);
    CHECK(parse("PROXY TCP4 1.2.3.4 6.7.8.9 5 -1\r\n") == ProxyOutcome::malformed);
    CHECK(parse("PROXY TCP4 1.2.3.4  6.7.8.9 5 1\r\n") == ProxyOutcome::malformed);
    CHECK(parse("PROXY TCP6 1.2.3.4 6.7.8.9 5 1\r\n") == ProxyOutcome::malformed);
    CHECK(parse("PROXY TCP4 ::1 ::2 5 1\r\n") == ProxyOutcome::malformed);
    CHECK(parse("PROXY UDP4 1.2.3.4 6.7.8.9 5 1\r\n") == ProxyOutcome::malformed);
    CHECK(parse("PROXY \r\n") == ProxyOutcome::malformed);
    CHECK(parse("PROXY " + std::string(200, 'x')) == ProxyOutcome::malformed);
    CHECK(parse("PROXY UNKNOWN any words\r\n") == ProxyOutcome::parsed);
}

TEST_CASE("PROXY v2: what is no header") {
    const std::string addresses(12, '\1');
    CHECK(parse(kV2 + "\x21\x11\x00\x0c"s + addresses) == ProxyOutcome::parsed);
    CHECK(parse(kV2 + "\x11\x11\x00\x0c"s + addresses) == ProxyOutcome::malformed);  // version
    CHECK(parse(kV2 + "\x22\x11\x00\x0c"s + addresses) == ProxyOutcome::malformed);  // command
    CHECK(parse(kV2 + "\x21\x12\x00\x0c"s + addresses) == ProxyOutcome::malformed);  // datagrams
    CHECK(parse(kV2 + "\x21\x31\x00\x0c"s + addresses) == ProxyOutcome::malformed);  // unix
    CHECK(parse(kV2 + "\x21\x21\x00\x0c"s + addresses) == ProxyOutcome::malformed);  // too short for IPv6
    CHECK(parse(kV2 + "\x21\x11\x00\x0b"s + addresses) == ProxyOutcome::malformed);
    CHECK(parse(kV2 + "\x20\x00\x00\x02"s + "\1\1") == ProxyOutcome::parsed);  // LOCAL: the rest does not matter
    CHECK(parse("\r\n\r\nGET") == ProxyOutcome::absent);
}

TEST_CASE("PROXY v2: what comes besides the addresses is skipped") {
    ProxyHeader header;
    const std::string bytes = kV2 + "\x21\x11\x00\x11"s + std::string(12, '\1') + "\x04\x00\x02xy"s;
    CHECK(parse(bytes.substr(0, bytes.size() - 1)) == ProxyOutcome::incomplete);
    REQUIRE(parse_proxy_header(bytes, header) == ProxyOutcome::parsed);
    CHECK(header.length == bytes.size());
    CHECK(header.source.to_string() == "1.1.1.1:257");
}

}  // namespace heirloom::network
