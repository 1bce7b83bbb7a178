// SPDX-License-Identifier: Apache-2.0
#include "proxy/access_log/tls_values.h"

namespace heirloom::access_log {
namespace {

using config::LogOperator;
using network::CertificateInfo;
using Names = std::vector<std::string>;

bool append_one(std::string& out, std::string_view text) {
    out.append(text);
    return !text.empty();
}

bool append_all(std::string& out, const Names& names) {
    const char* separator = "";
    for (const std::string& name : names) {
        out.append(separator).append(name);
        separator = ",";
    }
    return !names.empty();
}

bool append_peer(std::string& out, const CertificateInfo& peer, LogOperator op) {
    switch (op) {
        case LogOperator::downstream_peer_subject:
        case LogOperator::upstream_peer_subject:
            return append_one(out, peer.subject);
        case LogOperator::downstream_peer_issuer:
        case LogOperator::upstream_peer_issuer:
            return append_one(out, peer.issuer);
        case LogOperator::downstream_peer_serial:
            return append_one(out, peer.serial);
        case LogOperator::downstream_peer_fingerprint_256:
            return append_one(out, peer.sha256);
        case LogOperator::downstream_peer_fingerprint_1:
            return append_one(out, peer.sha1);
        case LogOperator::downstream_peer_cert:
        case LogOperator::upstream_peer_cert:
            return append_one(out, peer.url_encoded_pem);
        case LogOperator::downstream_peer_uri_san:
        case LogOperator::upstream_peer_uri_san:
            return append_all(out, peer.uris);
        case LogOperator::downstream_peer_dns_san:
        case LogOperator::upstream_peer_dns_san:
            return append_all(out, peer.dns_names);
        case LogOperator::downstream_peer_ip_san:
        case LogOperator::upstream_peer_ip_san:
            return append_all(out, peer.ip_addresses);
        case LogOperator::downstream_peer_email_san:
            return append_all(out, peer.emails);
        default:  // the caller has the switch over all operators
            return false;
    }
}

bool append_local(std::string& out, const CertificateInfo& local, LogOperator op) {
    switch (op) {
        case LogOperator::downstream_local_subject:
            return append_one(out, local.subject);
        case LogOperator::downstream_local_uri_san:
        case LogOperator::upstream_local_uri_san:
            return append_all(out, local.uris);
        case LogOperator::downstream_local_dns_san:
        case LogOperator::upstream_local_dns_san:
            return append_all(out, local.dns_names);
        case LogOperator::downstream_local_ip_san:
        case LogOperator::upstream_local_ip_san:
            return append_all(out, local.ip_addresses);
        case LogOperator::downstream_local_email_san:
            return append_all(out, local.emails);
        default:  // the caller has the switch over all operators
            return false;
    }
}

}  // namespace

bool append_server_name(std::string& out, std::string_view name) {
    const auto is_valid = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
    };
    const size_t before = out.size();
    bool valid = true;
    for (char c : name) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
        valid = valid && is_valid(c);
        out.push_back(is_valid(c) ? c : '_');
    }
    if (!valid) out.insert(before, "invalid:");
    return !name.empty();
}

bool append_tls_value(std::string& out, const network::TlsSession& session, LogOperator op) {
    switch (op) {
        case LogOperator::downstream_tls_version:
        case LogOperator::upstream_tls_version:
            return append_one(out, session.version());
        case LogOperator::downstream_tls_cipher:
        case LogOperator::upstream_tls_cipher:
            return append_one(out, session.cipher());
        case LogOperator::downstream_tls_session_id:
        case LogOperator::upstream_tls_session_id:
            return append_one(out, session.session_id());
        case LogOperator::downstream_local_subject:
        case LogOperator::downstream_local_uri_san:
        case LogOperator::upstream_local_uri_san:
        case LogOperator::downstream_local_dns_san:
        case LogOperator::upstream_local_dns_san:
        case LogOperator::downstream_local_ip_san:
        case LogOperator::upstream_local_ip_san:
        case LogOperator::downstream_local_email_san: {
            const CertificateInfo* local = session.local_certificate();
            return local && append_local(out, *local, op);
        }
        default: {
            const CertificateInfo* peer = session.peer_certificate();
            return peer && append_peer(out, *peer, op);
        }
    }
}

}  // namespace heirloom::access_log
