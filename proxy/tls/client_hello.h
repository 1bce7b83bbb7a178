// SPDX-License-Identifier: Apache-2.0
// Looks into the first bytes of a connection without answering: is it TLS, for which server, which protocols are
// offered? For filter chains, before any context is chosen. Pure function on outside bytes, bounded; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace heirloom::tls {

struct ClientHello {
    std::string server_name;        // lower-case; "" when none was sent
    std::vector<std::string> alpn;  // in the client's order
};

enum class HelloOutcome : uint8_t {
    incomplete,  // TLS so far; ask again with more bytes
    not_tls,     // or a ClientHello that no server would take
    too_large,   // no end within kMostHelloBytes
    parsed,
};

inline constexpr size_t kMostHelloBytes = 16 * 1024;  // of the connection, record headers included

// `bytes`: all that the client sent until now, one piece. `hello` is set when `parsed`.
HelloOutcome parse_client_hello(std::string_view bytes, ClientHello& hello);

}  // namespace heirloom::tls
