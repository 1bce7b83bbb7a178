// SPDX-License-Identifier: Apache-2.0
// The PROXY protocol, versions 1 (text) and 2 (binary): the header that a proxy sends first on a connection to say for
// which client it speaks. Pure functions on bytes, any thread; the parser takes outside bytes and keeps nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "shm/socket_name.h"

namespace heirloom::network {

struct ProxyHeader {
    uint8_t version = 1;
    // No addresses were said (v1 UNKNOWN, v2 LOCAL): those of the connection hold.
    bool local = false;
    shm::SocketAddress source;
    shm::SocketAddress destination;
    size_t length = 0;  // bytes of the header; what comes behind it is the connection's
};

enum class ProxyOutcome : uint8_t {
    incomplete,  // so far it may be one; ask again with more bytes
    absent,      // the connection began with something else
    malformed,   // it began as one, and is none; `version` is set
    parsed,
};

inline constexpr size_t kMostProxyV1Bytes = 107;
inline constexpr size_t kMostProxyV2Bytes = 16 + 65535;

// `bytes`: all that has arrived until now, one piece; at most kMostProxyV2Bytes of it are looked at. What v2 carries
// besides addresses (TLVs) is skipped. Only TCP over IPv4 and IPv6.
ProxyOutcome parse_proxy_header(std::string_view bytes, ProxyHeader& header);

// The header for a connection from `source` to `destination`. Where these are not two IP addresses of one family (after
// IPv4 is taken out of IPv6), it says that it knows no addresses.
std::string make_proxy_header(uint8_t version, const shm::SocketAddress& source, const shm::SocketAddress& destination);

}  // namespace heirloom::network
