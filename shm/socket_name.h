// SPDX-License-Identifier: Apache-2.0
// Canonical name of a listening socket: `tcp:127.0.0.1:80`, `tcp:[::]:80` (also IPv4, ipv4_compat), `tcp6only:[::]:80`
// (IPV6_V6ONLY), `unix:/run/x.sock`, `unix:@abstract`. It is the identity of the socket between generations: address
// and type, never the listener's name.
#pragma once

#include <sys/socket.h>

#include <string>
#include <string_view>

#include "shm/result.h"

namespace heirloom::shm {

struct SocketAddress {
    sockaddr_storage storage{};
    socklen_t length = 0;
    bool v6only = false;

    int family() const { return storage.ss_family; }
    uint16_t port() const;          // 0 for unix
    bool is_any() const;            // 0.0.0.0 or ::, whatever the port
    std::string ip() const;         // "127.0.0.1", "::1" (no brackets); unix: the path
    std::string to_string() const;  // "127.0.0.1:80", "[::1]:80", "/run/x.sock", "@abstract": Envoy's form
    std::string canonical() const;  // the name above
};

// From the canonical name. Errors name the offending text.
Result<SocketAddress> parse_socket_name(std::string_view canonical);
// From an address and port as configured: literal IPs only ("::", "10.0.0.1").
Result<SocketAddress> make_ip_address(std::string_view ip, uint16_t port, bool v6only = true);
Result<SocketAddress> make_unix_address(std::string_view path);
SocketAddress from_sockaddr(const sockaddr* address, socklen_t length);

}  // namespace heirloom::shm
