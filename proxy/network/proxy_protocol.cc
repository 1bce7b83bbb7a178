// SPDX-License-Identifier: Apache-2.0
#include "proxy/network/proxy_protocol.h"

#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>

namespace heirloom::network {

namespace {

constexpr std::string_view kV1Signature = "PROXY ";
constexpr std::string_view kV2Signature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr size_t kV2FixedBytes = 16;
constexpr uint8_t kV2Tcp4 = 0x11;
constexpr uint8_t kV2Tcp6 = 0x21;

bool begins(std::string_view bytes, std::string_view signature) {
    return bytes.substr(0, signature.size()) == signature.substr(0, bytes.size());
}

std::optional<uint16_t> read_port(std::string_view text) {
    uint16_t port = 0;
    const char* const end = text.data() + text.size();
    const auto [stopped, error] = std::from_chars(text.data(), end, port);
    if (text.empty() || stopped != end || error != std::errc()) return std::nullopt;
    return port;
}

// The word before the next blank; takes it and the blank off `line`.
std::string_view take_word(std::string_view& line) {
    const size_t blank = line.find(' ');
    const std::string_view word = line.substr(0, blank);
    line.remove_prefix(blank == std::string_view::npos ? line.size() : blank + 1);
    return word;
}

bool read_address(std::string_view ip, std::string_view port_text, int family, shm::SocketAddress& into) {
    const auto port = read_port(port_text);
    if (!port) return false;
    const auto address = shm::make_ip_address(ip, *port);
    if (!address.ok() || address->family() != family) return false;
    into = *address;
    return true;
}

ProxyOutcome parse_v1(std::string_view bytes, ProxyHeader& header) {
    header.version = 1;
    const size_t end = bytes.substr(0, kMostProxyV1Bytes).find("\r\n");
    if (end == std::string_view::npos)
        return bytes.size() >= kMostProxyV1Bytes ? ProxyOutcome::malformed : ProxyOutcome::incomplete;
    header.length = end + 2;
    std::string_view line = bytes.substr(kV1Signature.size(), end - kV1Signature.size());
    const std::string_view protocol = take_word(line);
    header.local = protocol == "UNKNOWN";
    if (header.local) return ProxyOutcome::parsed;
    const int family = protocol == "TCP4" ? AF_INET : protocol == "TCP6" ? AF_INET6 : AF_UNSPEC;
    const std::string_view source = take_word(line);
    const std::string_view destination = take_word(line);
    const std::string_view source_port = take_word(line);
    if (family == AF_UNSPEC || !read_address(source, source_port, family, header.source) ||
        !read_address(destination, line, family, header.destination))
        return ProxyOutcome::malformed;
    return ProxyOutcome::parsed;
}

shm::SocketAddress binary_address(std::string_view ip, std::string_view port) {
    if (ip.size() == sizeof(in_addr)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        std::memcpy(&address.sin_addr, ip.data(), ip.size());
        std::memcpy(&address.sin_port, port.data(), port.size());
        return shm::from_sockaddr(reinterpret_cast<const sockaddr*>(&address), sizeof address);
    }
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    std::memcpy(&address.sin6_addr, ip.data(), ip.size());
    std::memcpy(&address.sin6_port, port.data(), port.size());
    return shm::from_sockaddr(reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

ProxyOutcome parse_v2(std::string_view bytes, ProxyHeader& header) {
    header.version = 2;
    if (bytes.size() < kV2FixedBytes) return ProxyOutcome::incomplete;
    const auto byte = [&](size_t at) { return static_cast<uint8_t>(bytes[at]); };
    const uint8_t version = byte(12) >> 4, command = byte(12) & 0x0f, family = byte(13);
    if (version != 2 || command > 1) return ProxyOutcome::malformed;
    header.local = command == 0;
    const size_t ip_bytes = family == kV2Tcp4 ? sizeof(in_addr) : sizeof(in6_addr);
    const size_t payload = static_cast<size_t>(byte(14)) << 8 | byte(15);
    if (!header.local && ((family != kV2Tcp4 && family != kV2Tcp6) || payload < 2 * ip_bytes + 4))
        return ProxyOutcome::malformed;
    header.length = kV2FixedBytes + payload;
    if (bytes.size() < header.length) return ProxyOutcome::incomplete;
    if (header.local) return ProxyOutcome::parsed;
    const std::string_view addresses = bytes.substr(kV2FixedBytes);
    const std::string_view ports = addresses.substr(2 * ip_bytes);
    header.source = binary_address(addresses.substr(0, ip_bytes), ports.substr(0, 2));
    header.destination = binary_address(addresses.substr(ip_bytes, ip_bytes), ports.substr(2, 2));
    return ProxyOutcome::parsed;
}

// IPv4 that came by an IPv6 socket becomes IPv4.
shm::SocketAddress unmapped(const shm::SocketAddress& address) {
    if (address.family() != AF_INET6) return address;
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address.storage);
    if (!IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) return address;
    return binary_address({reinterpret_cast<const char*>(&v6.sin6_addr) + 12, sizeof(in_addr)},
                          {reinterpret_cast<const char*>(&v6.sin6_port), sizeof v6.sin6_port});
}

std::string make_v1(const shm::SocketAddress& source, const shm::SocketAddress& destination, bool known) {
    if (!known) return "PROXY UNKNOWN\r\n";
    return std::string(kV1Signature) + (source.family() == AF_INET ? "TCP4 " : "TCP6 ") + source.ip() + ' ' +
           destination.ip() + ' ' + std::to_string(source.port()) + ' ' + std::to_string(destination.port()) + "\r\n";
}

void append_ip(std::string& to, const shm::SocketAddress& address) {
    if (address.family() == AF_INET) {
        const auto& ip = reinterpret_cast<const sockaddr_in&>(address.storage).sin_addr;
        to.append(reinterpret_cast<const char*>(&ip), sizeof ip);
    } else {
        const auto& ip = reinterpret_cast<const sockaddr_in6&>(address.storage).sin6_addr;
        to.append(reinterpret_cast<const char*>(&ip), sizeof ip);
    }
}

void append_short(std::string& to, size_t value) {
    to += static_cast<char>(value >> 8);
    to += static_cast<char>(value & 0xff);
}

std::string make_v2(const shm::SocketAddress& source, const shm::SocketAddress& destination, bool known) {
    std::string header(kV2Signature);
    header += known ? '\x21' : '\x20';
    if (!known) return header + std::string(3, '\0');
    const bool v4 = source.family() == AF_INET;
    header += static_cast<char>(v4 ? kV2Tcp4 : kV2Tcp6);
    append_short(header, 2 * (v4 ? sizeof(in_addr) : sizeof(in6_addr)) + 4);
    append_ip(header, source);
    append_ip(header, destination);
    append_short(header, source.port());
    append_short(header, destination.port());
    return header;
}

}  // namespace

ProxyOutcome parse_proxy_header(std::string_view bytes, ProxyHeader& header) {
    const bool v1 = begins(bytes, kV1Signature);
    if (!v1 && !begins(bytes, kV2Signature)) return ProxyOutcome::absent;
    if (bytes.size() < (v1 ? kV1Signature : kV2Signature).size()) return ProxyOutcome::incomplete;
    return v1 ? parse_v1(bytes, header) : parse_v2(bytes, header);
}

std::string make_proxy_header(uint8_t version, const shm::SocketAddress& source,
                              const shm::SocketAddress& destination) {
    const shm::SocketAddress from = unmapped(source), to = unmapped(destination);
    const bool known = from.family() == to.family() && (from.family() == AF_INET || from.family() == AF_INET6);
    return version == 1 ? make_v1(from, to, known) : make_v2(from, to, known);
}

}  // namespace heirloom::network
