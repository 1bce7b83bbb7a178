// SPDX-License-Identifier: Apache-2.0
// Certificates: read from the configuration with their keys and checked, and taken apart for headers, logs and /certs.
// Loading is for the main thread; reading an X509 is for any.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "proxy/config/tls_config.h"
#include "proxy/network/tls_session.h"
#include "proxy/tls/context.h"
#include "proxy/tls/openssl.h"
#include "shm/result.h"

namespace heirloom::tls {

struct SubjectAltNames {
    std::vector<std::string> dns;
    std::vector<std::string> uris;
    std::vector<std::string> emails;
    std::vector<std::string> ips;  // as text
};
SubjectAltNames subject_alt_names(const X509* certificate);

struct Chain {
    X509Ptr leaf;
    std::vector<X509Ptr> issuers;  // as the file has them
    KeyPtr key;
    std::vector<std::string> server_names;  // lower-case: the DNS names, or the common name when there are none
    std::string ocsp_staple;                // DER; empty: none
    std::chrono::system_clock::time_point ocsp_expiry;
    bool must_staple = false;  // the certificate says so
    LoadedCertificate description;

    bool elliptic() const { return EVP_PKEY_get_base_id(key.get()) == EVP_PKEY_EC; }
};
// Key and certificate must belong together; RSA keys have 2048 bits or more, others are on P-256, P-384 or P-521.
Result<Chain> load_chain(const config::CertificateConfig& config);

// `path` "": "<inline>".
LoadedCertificate describe(const X509* certificate, const std::string& path);

// `issuers` may be null, or begin with the leaf itself.
std::unique_ptr<network::CertificateInfo> make_certificate_info(X509* leaf, const STACK_OF(X509) * issuers);

std::string sha256_of(const X509* certificate);             // 32 bytes
std::string sha256_of_public_key(const X509* certificate);  // of the SubjectPublicKeyInfo, 32 bytes

// All certificates of a PEM text; empty when there is none or one is broken.
std::vector<X509Ptr> read_certificates(std::string_view pem);

}  // namespace heirloom::tls
