// SPDX-License-Identifier: Apache-2.0
#include "shm/socket_name.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <charconv>
#include <cstddef>
#include <cstring>

namespace heirloom::shm {

namespace {

constexpr std::string_view kTcp = "tcp:";
constexpr std::string_view kTcp6Only = "tcp6only:";
constexpr std::string_view kUnix = "unix:";
constexpr size_t kPathOffset = offsetof(sockaddr_un, sun_path);
constexpr size_t kPathCapacity = sizeof(sockaddr_un::sun_path);

Error invalid(std::string_view what, std::string_view text) {
    return {std::string(what) + " '" + std::string(text) + "'", EINVAL};
}

const sockaddr_in& as_v4(const SocketAddress& address) { return reinterpret_cast<const sockaddr_in&>(address.storage); }
const sockaddr_in6& as_v6(const SocketAddress& address) {
    return reinterpret_cast<const sockaddr_in6&>(address.storage);
}

// The path as people write it: an abstract name starts with '@' instead of the zero byte.
std::string unix_path(const SocketAddress& address) {
    if (address.length <= kPathOffset) return {};
    const char* path = reinterpret_cast<const sockaddr_un&>(address.storage).sun_path;
    const size_t size = address.length - kPathOffset;
    if (path[0] == '\0') return "@" + std::string(path + 1, size - 1);
    return std::string(path, strnlen(path, size));
}

Result<uint32_t> parse_scope(std::string_view scope, std::string_view ip) {
    uint32_t id = 0;
    const auto [end, error] = std::from_chars(scope.data(), scope.data() + scope.size(), id);
    if (error == std::errc{} && end == scope.data() + scope.size()) return id;
    id = if_nametoindex(std::string(scope).c_str());
    if (id == 0) return invalid("unknown scope in IPv6 address", ip);
    return id;
}

Result<SocketAddress> parse_host_and_port(std::string_view text, bool v6only) {
    const size_t colon = text.rfind(':');
    if (colon == std::string_view::npos) return invalid("no port in address", text);
    std::string_view host = text.substr(0, colon);
    const std::string_view port_text = text.substr(colon + 1);
    uint16_t port = 0;
    const auto [end, error] = std::from_chars(port_text.data(), port_text.data() + port_text.size(), port);
    if (error != std::errc{} || end != port_text.data() + port_text.size())
        return invalid("invalid port in address", text);
    const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
    if (bracketed) host = host.substr(1, host.size() - 2);
    if (bracketed != (host.find(':') != std::string_view::npos)) return invalid("invalid IP address", text);
    return make_ip_address(host, port, v6only);
}

}  // namespace

uint16_t SocketAddress::port() const {
    if (family() == AF_INET) return ntohs(as_v4(*this).sin_port);
    if (family() == AF_INET6) return ntohs(as_v6(*this).sin6_port);
    return 0;
}

bool SocketAddress::is_any() const {
    if (family() == AF_INET) return as_v4(*this).sin_addr.s_addr == htonl(INADDR_ANY);
    return family() == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&as_v6(*this).sin6_addr);
}

std::string SocketAddress::ip() const {
    char text[INET6_ADDRSTRLEN] = "";
    if (family() == AF_INET) {
        inet_ntop(AF_INET, &as_v4(*this).sin_addr, text, sizeof text);
        return text;
    }
    if (family() == AF_INET6) {
        inet_ntop(AF_INET6, &as_v6(*this).sin6_addr, text, sizeof text);
        const uint32_t scope = as_v6(*this).sin6_scope_id;
        return scope == 0 ? std::string(text) : std::string(text) + "%" + std::to_string(scope);
    }
    return family() == AF_UNIX ? unix_path(*this) : std::string();
}

std::string SocketAddress::to_string() const {
    if (family() == AF_INET) return ip() + ":" + std::to_string(port());
    if (family() == AF_INET6) return "[" + ip() + "]:" + std::to_string(port());
    return ip();
}

std::string SocketAddress::canonical() const {
    const std::string_view prefix = family() == AF_UNIX ? kUnix : family() == AF_INET6 && v6only ? kTcp6Only : kTcp;
    return std::string(prefix) + to_string();
}

Result<SocketAddress> parse_socket_name(std::string_view canonical) {
    if (canonical.starts_with(kUnix)) return make_unix_address(canonical.substr(kUnix.size()));
    if (canonical.starts_with(kTcp)) return parse_host_and_port(canonical.substr(kTcp.size()), false);
    if (canonical.starts_with(kTcp6Only)) {
        auto address = parse_host_and_port(canonical.substr(kTcp6Only.size()), true);
        if (address.ok() && address->family() != AF_INET6) return invalid("not an IPv6 address", canonical);
        return address;
    }
    return invalid("unknown kind of socket name", canonical);
}

Result<SocketAddress> make_ip_address(std::string_view ip, uint16_t port, bool v6only) {
    SocketAddress result;
    const std::string host(ip.substr(0, ip.find('%')));
    // inet_pton() reads up to the first zero byte; what follows one must not be dropped silently.
    if (ip.find('\0') != std::string_view::npos) return invalid("invalid IP address", host);
    auto& v4 = reinterpret_cast<sockaddr_in&>(result.storage);
    if (inet_pton(AF_INET, host.c_str(), &v4.sin_addr) == 1) {
        if (host.size() != ip.size()) return invalid("invalid IP address", ip);
        v4.sin_family = AF_INET;
        v4.sin_port = htons(port);
        result.length = sizeof v4;
        return result;
    }
    result = {};
    auto& v6 = reinterpret_cast<sockaddr_in6&>(result.storage);
    if (inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr) != 1) return invalid("invalid IP address", ip);
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    if (host.size() != ip.size()) {
        const auto scope = parse_scope(ip.substr(host.size() + 1), ip);
        if (!scope.ok()) return scope.error();
        v6.sin6_scope_id = scope.value();
    }
    result.length = sizeof v6;
    result.v6only = v6only;
    return result;
}

Result<SocketAddress> make_unix_address(std::string_view path) {
    const bool abstract = path.starts_with('@');
    if (path.empty() || path == "@") return invalid("empty unix socket path", path);
    if (path.find('\0') != std::string_view::npos) return invalid("zero byte in unix socket path", path.data());
    // A path takes its closing zero byte, an abstract name has none (its '@' stands for the leading one).
    const size_t limit = abstract ? kPathCapacity : kPathCapacity - 1;
    if (path.size() > limit)
        return invalid("unix socket path is longer than " + std::to_string(limit) + " bytes:", path);
    SocketAddress result;
    auto& address = reinterpret_cast<sockaddr_un&>(result.storage);
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    if (abstract) address.sun_path[0] = '\0';
    result.length = static_cast<socklen_t>(kPathOffset + path.size() + (abstract ? 0 : 1));
    return result;
}

SocketAddress from_sockaddr(const sockaddr* address, socklen_t length) {
    SocketAddress result;
    result.length = std::min<socklen_t>(length, sizeof result.storage);
    std::memcpy(&result.storage, address, result.length);
    return result;
}

}  // namespace heirloom::shm
