// SPDX-License-Identifier: Apache-2.0
#include "proxy/access_log/append.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <charconv>
#include <cstring>

namespace heirloom::access_log {

namespace {

// inet_ntop() goes through printf for this; a record holds up to three addresses.
void append_ipv4(std::string& out, const unsigned char* bytes) {
    for (int i = 0; i < 4; ++i) {
        if (i != 0) out.push_back('.');
        append_number(out, bytes[i]);
    }
}

bool is_mapped(const in6_addr& ip) { return IN6_IS_ADDR_V4MAPPED(&ip); }

void append_ipv6(std::string& out, const in6_addr& ip) {
    char text[INET6_ADDRSTRLEN];
    if (inet_ntop(AF_INET6, &ip, text, sizeof text)) out.append(text);
}

}  // namespace

void append_number(std::string& out, uint64_t value) {
    if (value < 10) return out.push_back(static_cast<char>('0' + value));
    char digits[20];
    const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
    out.append(digits, end);
}

void append_padded(std::string& out, uint32_t value, int digits) {
    char text[10];
    for (int i = digits; i-- > 0;) {
        text[i] = static_cast<char>('0' + value % 10);
        value /= 10;
    }
    out.append(text, static_cast<size_t>(digits));
}

void append_ip(std::string& out, const shm::SocketAddress& address) {
    switch (address.family()) {
        case AF_INET: {
            const auto& in = reinterpret_cast<const sockaddr_in&>(address.storage);
            append_ipv4(out, reinterpret_cast<const unsigned char*>(&in.sin_addr));
            return;
        }
        case AF_INET6: {
            const auto& in6 = reinterpret_cast<const sockaddr_in6&>(address.storage);
            if (is_mapped(in6.sin6_addr)) {
                append_ipv4(out, in6.sin6_addr.s6_addr + 12);
            } else {
                append_ipv6(out, in6.sin6_addr);
            }
            return;
        }
        default:
            out.append(address.to_string());
    }
}

void append_address(std::string& out, const shm::SocketAddress& address) {
    const bool brackets =
        address.family() == AF_INET6 && !is_mapped(reinterpret_cast<const sockaddr_in6&>(address.storage).sin6_addr);
    if (brackets) out.push_back('[');
    append_ip(out, address);
    if (brackets) out.push_back(']');
    if (address.family() != AF_INET && address.family() != AF_INET6) return;
    out.push_back(':');
    append_number(out, address.port());
}

std::string_view ip_of(std::string_view address) {
    const size_t colon = address.rfind(':');
    if (colon == std::string_view::npos) return address;
    std::string_view ip = address.substr(0, colon);
    if (ip.size() >= 2 && ip.front() == '[' && ip.back() == ']') return ip.substr(1, ip.size() - 2);
    return ip.find(':') == std::string_view::npos ? ip : address;  // a bare IPv6 address has no port
}

std::string_view port_of(std::string_view address) {
    const size_t colon = address.rfind(':');
    if (colon == std::string_view::npos) return {};
    const std::string_view ip = address.substr(0, colon);
    const bool bare_v6 = ip.find(':') != std::string_view::npos && (ip.empty() || ip.back() != ']');
    return bare_v6 ? std::string_view{} : address.substr(colon + 1);
}

}  // namespace heirloom::access_log
