// SPDX-License-Identifier: Apache-2.0
#include "proxy/connection_manager/internal_address.h"

#include <netinet/in.h>

#include <algorithm>
#include <string_view>

namespace heirloom::connection_manager {

namespace {

// Of an IP address, in network order; an IPv4 address within IPv6 is IPv4.
std::string_view bytes_of(const shm::SocketAddress& address) {
    if (address.family() == AF_INET) {
        const auto& v4 = reinterpret_cast<const sockaddr_in&>(address.storage);
        return {reinterpret_cast<const char*>(&v4.sin_addr), sizeof(in_addr)};
    }
    if (address.family() != AF_INET6) return {};
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address.storage);
    const std::string_view all(reinterpret_cast<const char*>(&v6.sin6_addr), sizeof(in6_addr));
    return IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr) ? all.substr(sizeof(in6_addr) - sizeof(in_addr)) : all;
}

bool covers(const config::CidrRange& range, std::string_view client) {
    const std::string_view prefix = bytes_of(range.address);
    if (prefix.size() != client.size() || client.empty()) return false;
    const size_t whole = range.prefix_length / 8u;
    if (prefix.substr(0, whole) != client.substr(0, whole)) return false;
    const unsigned rest = range.prefix_length % 8u;
    if (rest == 0) return true;
    const auto differ = static_cast<unsigned char>(prefix[whole] ^ client[whole]);
    return (differ >> (8 - rest)) == 0;
}

}  // namespace

bool is_internal(const config::InternalAddresses& inside, const shm::SocketAddress& client) {
    if (client.length == 0) return false;
    if (client.family() == AF_UNIX) return inside.unix_sockets;
    const std::string_view bytes = bytes_of(client);
    return std::any_of(inside.ranges.begin(), inside.ranges.end(),
                       [bytes](const config::CidrRange& range) { return covers(range, bytes); });
}

}  // namespace heirloom::connection_manager
