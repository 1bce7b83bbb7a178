// SPDX-License-Identifier: Apache-2.0
// What happens to header fields on their way through, in Envoy's order: hop-by-hop fields go, who asked and by what
// (x-forwarded-for, -proto), the request id, fields that only insiders may send. Both directions. No state but the
// worker's random numbers.
#pragma once

#include <string>
#include <string_view>

#include "proxy/config/snapshot.h"
#include "proxy/connection_manager/random.h"
#include "proxy/http/headers.h"
#include "shm/socket_name.h"

namespace heirloom::connection_manager {

// The client by original_ip_detection_extensions.
struct DetectedClient {
    std::string address;  // "": not found
    bool may_be_inside = false;
    uint16_t refuse_with = 0;  // the request is refused with this status; 0: it is not
};
DetectedClient detect_client(const http::HeaderMap& headers, const std::vector<config::OriginalIp>& ways);

struct ForwardingRules {
    const config::HttpConnectionManagerConfig& config;
    std::string_view own_address;              // IP appended to x-forwarded-for for a loopback peer
    bool secure = false;                       // the client came by TLS
    uint16_t port = 0;                         // that the client came to; 0: a unix socket, or nobody asks
    const DetectedClient* detected = nullptr;  // null: no extensions are configured
};

// Is it refused before anything else is looked at? Status 0: no. `details` as Envoy names them.
struct Refusal {
    uint16_t status = 0;
    std::string_view body;
    std::string_view details;
};
// Target and authority. REQUIRES: the codec has checked the syntax.
Refusal check_target(const http::HeaderMap& headers);

// `connection` without the tokens: does it hold `token` (lower case)?
bool has_token(std::string_view list, std::string_view token);

// Changes a request. `upgrade` stays: a codec lets it pass only where it asks for a tunnel. `peer` null: unix socket or
// unknown. `client` receives "ip:port" of the trusted client when x-forwarded-for names one that is not the peer.
// Returns false when `connection` names a field that must not be dropped (the request is malformed).
bool prepare_request(http::HeaderMap& headers, const ForwardingRules& rules, const shm::SocketAddress* peer,
                     Random& random, std::string& client);

// Changes a response: hop-by-hop fields go, server and date come. `request_id` is added when not empty.
// `date` is copied. `local`: made here, not upstream.
void prepare_response(http::HeaderMap& headers, const config::HttpConnectionManagerConfig& config,
                      std::string_view date, std::string_view request_id, bool local);

// First address of this host that is not loopback, of that family; "127.0.0.1" or "::1" when there is none.
std::string find_own_address(bool v6);

}  // namespace heirloom::connection_manager
