// SPDX-License-Identifier: Apache-2.0
// x-forwarded-client-cert: what the upstream is told of the client's certificate, by forward_client_cert_details.
#pragma once

#include <string>

#include "proxy/config/snapshot.h"
#include "proxy/http/headers.h"
#include "proxy/network/tls_session.h"

namespace heirloom::connection_manager {

class ConnectionManager;

// The element of this hop, `By=...;Hash=...;Subject="..."` as Envoy writes it; "" when there is nothing to tell.
std::string describe_client_certificate(const network::TlsSession& session,
                                        const config::HttpConnectionManagerConfig::ClientCertDetails& details);

// Changes a request's field: removed, kept, appended to, or set.
void forward_client_certificate(http::HeaderMap& headers, const config::HttpConnectionManagerConfig& config,
                                ConnectionManager& connection);

}  // namespace heirloom::connection_manager
