// SPDX-License-Identifier: Apache-2.0
// What lies below the bytes of a connection to an endpoint: TLS, a PROXY header first, both or nothing. Connections
// whose options differ are not shared between requests.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "proxy/config/snapshot.h"
#include "proxy/network/transport_socket.h"
#include "proxy/tls/context.h"
#include "proxy/upstream/connection_pool.h"

namespace heirloom::upstream {

struct TransportOptions {
    std::string server_name;   // auto_sni or auto_san_validation: the request's host; else ""
    std::string proxy_header;  // bytes to send first; else ""
};

// True when requests to this cluster may need connections of their own kind.
bool has_transport_options(const config::ClusterConfig& config);
// Writes into `into`, whose memory is re-used.
void read_transport_options(const config::ClusterConfig& config, const StreamNeeds& needs, TransportOptions& into);

// Null: the connection is plain. `context`: null with TLS configured: its secrets have not arrived, the handshake
// fails. `hostname` is the endpoint's. `alpn` is offered when the configuration names none.
std::unique_ptr<network::TransportSocket> make_transport_socket(const config::ClusterConfig& config,
                                                                const tls::ClientContext* context,
                                                                const TransportOptions& options,
                                                                const std::string& hostname,
                                                                std::span<const std::string> alpn);

}  // namespace heirloom::upstream
