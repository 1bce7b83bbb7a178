// SPDX-License-Identifier: Apache-2.0
// Contexts: what a listener or cluster needs to speak TLS, made of the configuration and immutable: certificates, keys,
// trust, versions, ciphers. Made on the main thread, shared by workers, replaced as a whole when a secret changes; a
// connection keeps the one it began with. Errors begin with `where` of the struct that is wrong.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/config/tls_config.h"
#include "proxy/network/transport_socket.h"
#include "proxy/tls/stats.h"
#include "proxy/tls/ticket_keys.h"
#include "shm/result.h"

namespace heirloom::tls {

// One row of /certs.
struct LoadedCertificate {
    std::string path;    // "<inline>" when it has none
    std::string serial;  // lower-case hex
    std::vector<std::string> dns_names;
    std::vector<std::string> uris;
    std::vector<std::string> ip_addresses;
    std::chrono::system_clock::time_point valid_from;
    std::chrono::system_clock::time_point expiration;
    struct Ocsp {
        std::chrono::system_clock::time_point valid_from;
        std::chrono::system_clock::time_point expiration;
    };
    std::optional<Ocsp> ocsp;  // of the staple
    std::string secret{};      // that it came from; "": none

    // Whole days, 0 when it is expired.
    uint64_t days_until_expiration(std::chrono::system_clock::time_point now) const;
};

class Context {
  public:
    virtual ~Context() = default;
    // The leaf of each chain; the first certificate of the trusted CA, if there is one.
    virtual const std::vector<LoadedCertificate>& chains() const = 0;
    virtual const std::vector<LoadedCertificate>& authorities() const = 0;
};

class ServerContext : public Context {
  public:
    // For one accepted connection. Any worker.
    virtual std::unique_ptr<network::TransportSocket> make_socket() const = 0;
};

// `keys`: for session tickets, where the configuration has none of its own; null: random ones of this context.
Result<std::shared_ptr<const ServerContext>> make_server_context(const config::DownstreamTlsConfig& config,
                                                                 const TlsStats& stats,
                                                                 std::shared_ptr<const TicketKeys> keys);

// What differs from connection to connection.
struct ClientOptions {
    std::string_view server_name{};       // SNI; "": the configured one
    std::string_view verified_name{};     // DNS name or address the certificate must be for, sent or not; "": the
                                          // configuration's demands alone
    std::span<const std::string> alpn{};  // offered; empty: the configured ones
};

class ClientContext : public Context {
  public:
    // For one connection to an endpoint. Any worker. What `options` points to is copied.
    virtual std::unique_ptr<network::TransportSocket> make_socket(const ClientOptions& options) const = 0;
};

Result<std::shared_ptr<const ClientContext>> make_client_context(const config::UpstreamTlsConfig& config,
                                                                 const TlsStats& stats);

}  // namespace heirloom::tls
