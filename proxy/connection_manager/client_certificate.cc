// SPDX-License-Identifier: Apache-2.0
#include "proxy/connection_manager/client_certificate.h"

#include "proxy/connection_manager/connection_manager.h"

namespace heirloom::connection_manager {

using http::HeaderId;
using Mode = config::HttpConnectionManagerConfig::ForwardClientCert;

namespace {

void append(std::string& element, std::string_view key, std::string_view value, std::string_view quote = {}) {
    if (!element.empty()) element += ';';
    element.append(key).append("=").append(quote).append(value).append(quote);
}

}  // namespace

std::string describe_client_certificate(const network::TlsSession& session,
                                        const config::HttpConnectionManagerConfig::ClientCertDetails& details) {
    std::string element;
    const network::CertificateInfo* client = session.peer_certificate();
    if (!client) return element;
    if (const network::CertificateInfo* own = session.local_certificate()) {
        for (const std::string& uri : own->uris) append(element, "By", uri);
    }
    if (!client->sha256.empty()) append(element, "Hash", client->sha256);
    if (details.cert && !client->url_encoded_pem.empty()) append(element, "Cert", client->url_encoded_pem, "\"");
    if (details.chain && !client->url_encoded_chain.empty()) append(element, "Chain", client->url_encoded_chain, "\"");
    if (details.subject) append(element, "Subject", client->subject, "\"");
    if (details.uri) {
        for (const std::string& uri : client->uris) append(element, "URI", uri);
        if (client->uris.empty()) append(element, "URI", "");
    }
    if (details.dns) {
        for (const std::string& name : client->dns_names) append(element, "DNS", name);
    }
    return element;
}

void forward_client_certificate(http::HeaderMap& headers, const config::HttpConnectionManagerConfig& config,
                                ConnectionManager& connection) {
    if (config.forward_client_cert == Mode::always_forward_only) return;
    const network::TlsSession* session = connection.connection().tls();
    if (config.forward_client_cert == Mode::sanitize || !session || !session->peer_certificate()) {
        headers.remove(HeaderId::x_forwarded_client_cert);
        return;
    }
    if (config.forward_client_cert == Mode::forward_only) return;
    const std::string& element = connection.client_certificate();
    if (config.forward_client_cert == Mode::sanitize_set || !headers.has(HeaderId::x_forwarded_client_cert)) {
        headers.set(HeaderId::x_forwarded_client_cert, element);
        return;
    }
    std::string list;
    for (const http::HeaderField& field : headers.fields()) {
        if (field.id != HeaderId::x_forwarded_client_cert || field.removed) continue;
        list.append(field.value).append(",");
    }
    headers.set(HeaderId::x_forwarded_client_cert, list.append(element));
}

}  // namespace heirloom::connection_manager
