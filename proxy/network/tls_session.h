// SPDX-License-Identifier: Apache-2.0
// TlsSession: what is known of the TLS session under a connection, for filter chains, headers and logs. Nobody above
// proxy/tls/ sees the library. Worker's thread; views live as long as the connection, or as what keep() gave.
//
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace heirloom::network {

// A certificate as headers and logs print it. Made when first asked for.
struct CertificateInfo {
    std::string subject;  // RFC 2253
    std::string issuer;
    std::string serial;  // lower-case hex
    std::string sha256;  // fingerprint, lower-case hex
    std::string sha1;
    std::string url_encoded_pem;
    std::string url_encoded_chain;  // leaf first
    std::vector<std::string> dns_names;
    std::vector<std::string> uris;
    std::vector<std::string> emails;
    std::vector<std::string> ip_addresses;
    std::chrono::system_clock::time_point not_before;
    std::chrono::system_clock::time_point not_after;
};

class TlsSession {
  public:
    virtual ~TlsSession() = default;
    virtual std::string_view version() const = 0;  // "TLSv1.3"
    virtual std::string_view cipher() const = 0;   // as Envoy names it: "TLS_AES_128_GCM_SHA256", "ECDHE-RSA-..."
    virtual std::string_view alpn() const = 0;     // "" when none was agreed
    virtual std::string_view sni() const = 0;
    virtual std::string session_id() const = 0;  // hex; "" when there is none
    virtual bool resumed() const = 0;
    virtual bool peer_validated() const = 0;
    virtual const CertificateInfo* peer_certificate() const = 0;   // null: none was shown
    virtual const CertificateInfo* local_certificate() const = 0;  // null: none was sent
    // The same, beyond the end of the connection. It holds the library's memory of it: for a moment only.
    virtual std::shared_ptr<const TlsSession> keep() const = 0;
};

}  // namespace heirloom::network
