// SPDX-License-Identifier: Apache-2.0
// Versions, cipher suites, groups and protocols of a context: checked, applied, and listed for stats.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/config/tls_config.h"
#include "proxy/tls/openssl.h"
#include "shm/result.h"

namespace heirloom::tls {

enum class Side : uint8_t { server, client };

// Errors begin with config.where.
Status apply_parameters(SSL_CTX* context, const config::TlsConfig& config, Side side);

// The wire form of an ALPN list. REQUIRES: each is 1 to 255 bytes long (check_alpn() says so).
std::string alpn_wire(std::span<const std::string> protocols);
Status check_alpn(const config::TlsConfig& config);

// What may be agreed, by the names that stats and logs use. Nothing for what apply_parameters() refuses.
std::vector<std::string> possible_ciphers(const config::TlsConfig& config, Side side);
std::vector<std::string> possible_versions(const config::TlsConfig& config, Side side);
std::vector<std::string> possible_groups(const config::TlsConfig& config);
std::vector<std::string> possible_signatures();

// Of a connection whose handshake is over; "" when there is none.
std::string_view agreed_group(SSL* ssl);
std::string_view peer_signature(SSL* ssl);

}  // namespace heirloom::tls
