// SPDX-License-Identifier: Apache-2.0
#include "shm/socket_name.h"

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/un.h>

using namespace heirloom;
using namespace heirloom::shm;

TEST_CASE("a canonical name gives an address that gives the name") {
    for (const std::string name :
         {"tcp:127.0.0.1:80", "tcp:0.0.0.0:0", "tcp:[::]:80", "tcp6only:[::]:65535", "tcp6only:[2001:db8::1]:443",
          "tcp:[::1]:8080", "tcp:[fe80::1%1]:80", "unix:/run/x.sock", "unix:@abstract", "unix:relative.sock"}) {
        const auto address = parse_socket_name(name);
        REQUIRE_MESSAGE(address.ok(), name);
        CHECK(address.value().canonical() == name);
        const SocketAddress copy =
            from_sockaddr(reinterpret_cast<const sockaddr*>(&address.value().storage), address.value().length);
        CHECK(copy.to_string() == address.value().to_string());
    }
}

TEST_CASE("addresses print as Envoy prints them") {
    CHECK(make_ip_address("127.0.0.1", 80)->to_string() == "127.0.0.1:80");
    CHECK(make_ip_address("127.0.0.1", 80)->canonical() == "tcp:127.0.0.1:80");
    CHECK(make_ip_address("::1", 80)->to_string() == "[::1]:80");
    CHECK(make_ip_address("::1", 80)->ip() == "::1");
    CHECK(make_ip_address("::1", 80)->port() == 80);
    CHECK(make_ip_address("0:0::0", 80)->canonical() == "tcp6only:[::]:80");
    CHECK(make_ip_address("::", 80, false)->canonical() == "tcp:[::]:80");
    CHECK(make_ip_address("fe80::1%lo", 80)->ip() == "fe80::1%1");
    CHECK(make_unix_address("/run/x.sock")->to_string() == "/run/x.sock");
    CHECK(make_unix_address("@a")->to_string() == "@a");
    CHECK(make_unix_address("@a")->length == offsetof(sockaddr_un, sun_path) + 2);
    CHECK(make_unix_address("@a")->port() == 0);
    // The address of a unix client that never bound.
    const sockaddr_un unnamed{AF_UNIX, {}};
    CHECK(from_sockaddr(reinterpret_cast<const sockaddr*>(&unnamed), sizeof(sa_family_t)).to_string().empty());
}

TEST_CASE("a wrong name is refused, and the error shows it") {
    for (const std::string_view name :
         {"", "tcp:", "tcp:80", "tcp:127.0.0.1", "tcp:127.0.0.1:", "tcp:127.0.0.1:65536", "tcp:127.0.0.1:-1",
          "tcp:127.0.0.1:8x", "tcp:::1:80", "tcp:[127.0.0.1]:80", "tcp:[::1:80", "tcp:localhost:80",
          "tcp:127.0.0.1%lo:80", "tcp:[fe80::1%nosuch]:80", "tcp6only:127.0.0.1:80", "udp:127.0.0.1:80",
          "unix:", "unix:@"}) {
        const auto address = parse_socket_name(name);
        CHECK_MESSAGE(!address.ok(), name);
    }
    CHECK(parse_socket_name("tcp:10.0.0.256:80").error().text == "invalid IP address '10.0.0.256'");
    CHECK(!make_ip_address(std::string_view("::1\0x", 5), 80).ok());
    CHECK(make_unix_address(std::string(107, 'x')).ok());
    CHECK(!make_unix_address(std::string(108, 'x')).ok());
    CHECK(make_unix_address("@" + std::string(107, 'x')).ok());
    CHECK(!make_unix_address("@" + std::string(108, 'x')).ok());
    CHECK(!make_unix_address(std::string_view("a\0b", 3)).ok());
}
