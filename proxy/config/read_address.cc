// SPDX-License-Identifier: Apache-2.0
#include <netinet/in.h>

#include <algorithm>
#include <cstring>

#include "envoy/config/core/v3/address.pb.h"
#include "proxy/config/readers.h"

namespace heirloom::config {
namespace {

using envoy::config::core::v3::Address;
using CidrMessage = envoy::config::core::v3::CidrRange;
using envoy::config::core::v3::Pipe;
using envoy::config::core::v3::SocketAddress;

uint16_t read_port(const SocketAddress& message, const Path& path, Problems& problems) {
    if (message.port_specifier_case() == SocketAddress::PORT_SPECIFIER_NOT_SET) {
        problems.error(path.field("port_value"), "required");
    } else if (message.port_value() > 65535) {
        problems.error(path.field("port_value"), "must be at most 65535");
    }
    return static_cast<uint16_t>(message.port_value());
}

void require_tcp(const SocketAddress& message, const Path& path, Problems& problems) {
    if (message.protocol() != SocketAddress::TCP) problems.error(path.field("protocol"), "only TCP is supported here");
}

std::optional<shm::SocketAddress> read_pipe(const Pipe& message, const Path& path, Problems& problems) {
    if (message.mode() > 0777) problems.error(path.field("mode"), "must be at most 511 (0777)");
    require_text(message.path(), path.field("path"), problems);
    if (message.path().empty()) return std::nullopt;
    Result<shm::SocketAddress> address = shm::make_unix_address(message.path());
    if (address) return *address;
    problems.error(path.field("path"), address.error().text);
    return std::nullopt;
}

// So that two ways to write a range are the same.
void clear_host_bits(shm::SocketAddress& address, uint32_t prefix_length) {
    const bool is_v4 = address.family() == AF_INET;
    auto* bytes = is_v4 ? reinterpret_cast<uint8_t*>(&reinterpret_cast<sockaddr_in*>(&address.storage)->sin_addr)
                        : reinterpret_cast<uint8_t*>(&reinterpret_cast<sockaddr_in6*>(&address.storage)->sin6_addr);
    for (uint32_t i = 0; i < (is_v4 ? 4u : 16u); ++i) {
        const uint32_t kept = std::min(8u, prefix_length - std::min(prefix_length, i * 8));
        bytes[i] &= static_cast<uint8_t>(0xFF00u >> kept);
    }
}

// IPv4 within IPv6 is IPv4. A mapped address has at least its 96 bits left of the prefix, or is none any more.
void unmap(CidrRange& range) {
    if (range.address.family() != AF_INET6) return;
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(range.address.storage).sin6_addr;
    if (!IN6_IS_ADDR_V4MAPPED(&v6)) return;
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    std::memcpy(&v4.sin_addr, v6.s6_addr + 12, sizeof v4.sin_addr);
    range.address = shm::from_sockaddr(reinterpret_cast<const sockaddr*>(&v4), sizeof v4);
    range.prefix_length = static_cast<uint8_t>(range.prefix_length - 96);
}

}  // namespace

CidrRange read_cidr_range(const CidrMessage& message, const Path& path, Problems& problems) {
    CidrRange range;
    const uint32_t length = message.prefix_len().value();
    range.text = message.address_prefix() + "/" + std::to_string(length);
    const Result<shm::SocketAddress> address = shm::make_ip_address(message.address_prefix(), 0);
    if (!address || length > (address->family() == AF_INET ? 32u : 128u)) {
        problems.error(path, "invalid ip/mask combo '" + range.text + "' (format is <ip>/<# mask bits>)");
        return range;
    }
    range.address = *address;
    range.prefix_length = static_cast<uint8_t>(length);
    clear_host_bits(range.address, length);
    unmap(range);
    return range;
}

shm::SocketAddress read_listen_address(const Address& message, const Path& path, uint32_t* unix_mode,
                                       Problems& problems) {
    switch (message.address_case()) {
        case Address::kSocketAddress: {
            const Path at = path.field("socket_address");
            const SocketAddress& socket = message.socket_address();
            const uint16_t port = read_port(socket, at, problems);
            require_tcp(socket, at, problems);
            require_text(socket.address(), at.field("address"), problems);
            if (socket.address().empty()) break;
            Result<shm::SocketAddress> address = shm::make_ip_address(socket.address(), port, !socket.ipv4_compat());
            if (address) return *address;
            problems.error(at.field("address"), "malformed IP address: " + socket.address());
            break;
        }
        case Address::kPipe:
            *unix_mode = message.pipe().mode();
            return read_pipe(message.pipe(), path.field("pipe"), problems).value_or(shm::SocketAddress{});
        case Address::ADDRESS_NOT_SET:
            problems.error(path, "one of socket_address, pipe is required");
            break;
    }
    return {};
}

void read_endpoint_address(const Address& message, const Path& path, bool by_dns, EndpointConfig& endpoint,
                           Problems& problems) {
    switch (message.address_case()) {
        case Address::kSocketAddress: {
            const Path at = path.field("socket_address");
            const SocketAddress& socket = message.socket_address();
            endpoint.host = socket.address();
            endpoint.port = read_port(socket, at, problems);
            require_tcp(socket, at, problems);
            require_text(socket.address(), at.field("address"), problems);
            if (socket.address().empty()) break;
            Result<shm::SocketAddress> address = shm::make_ip_address(endpoint.host, endpoint.port);
            if (address) {
                endpoint.address = *address;
            } else if (!by_dns) {
                problems.error(at.field("address"), "malformed IP address: " + endpoint.host +
                                                        ". Consider setting the cluster type to 'STRICT_DNS'");
            } else if (endpoint.host.size() > 253 ||
                       endpoint.host.find_first_of(std::string(" \t\r\n/\0", 6)) != std::string::npos) {
                problems.error(at.field("address"), "not an IP address and not a DNS name");
            }
            break;
        }
        case Address::kPipe:
            if (by_dns) problems.error(path.field("pipe"), "needs a cluster of type STATIC");
            endpoint.host = message.pipe().path();
            endpoint.address = read_pipe(message.pipe(), path.field("pipe"), problems);
            break;
        case Address::ADDRESS_NOT_SET:
            problems.error(path, "one of socket_address, pipe is required");
            break;
    }
}

std::optional<shm::SocketAddress> read_datagram_address(const Address& message, const Path& path, Problems& problems) {
    switch (message.address_case()) {
        case Address::kSocketAddress: {
            const Path at = path.field("socket_address");
            const SocketAddress& socket = message.socket_address();
            const uint16_t port = read_port(socket, at, problems);
            Result<shm::SocketAddress> address = shm::make_ip_address(socket.address(), port);
            if (address) return *address;
            problems.error(at.field("address"), "malformed IP address: " + socket.address());
            return std::nullopt;
        }
        case Address::kPipe:
            return read_pipe(message.pipe(), path.field("pipe"), problems);
        case Address::ADDRESS_NOT_SET:
            problems.error(path, "one of socket_address, pipe is required");
            break;
    }
    return std::nullopt;
}

}  // namespace heirloom::config
