// SPDX-License-Identifier: Apache-2.0
// What the configuration says about TLS, as plain structs. Texts of files are read while loading; whether a
// certificate, a key or a cipher list is any good is found out by tls/, which names `where` in its error.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proxy/config/matchers.h"

namespace heirloom::config {

// A DataSource: its bytes, and the file they came from ("" when inline or from the environment).
struct DataText {
    std::string bytes;
    std::string path;
};

struct CertificateConfig {
    DataText chain;  // PEM, leaf first
    DataText private_key;
    std::string password;
    DataText ocsp_staple;  // DER; empty: none
    std::string secret;    // its name; "": it stands where it is used
    std::string where;     // "FILE:LINE:COLUMN: field.path"
};

struct SubjectAltNameMatcher {
    enum class Type : uint8_t { dns, uri, email, ip_address } type = Type::dns;
    TextMatcher text;  // dns: an exact "*.a.com" in the certificate covers one label
};

struct ValidationConfig {
    DataText trusted_ca;  // PEM; empty: the peer is not verified by chain
    DataText crl;
    std::vector<SubjectAltNameMatcher> subject_alt_names;  // any of them; empty: chain only
    std::vector<std::string> certificate_hashes;           // SHA-256, 64 hex digits
    std::vector<std::string> spki_hashes;                  // base64 of SHA-256
    bool allow_expired_certificate = false;
    bool accept_untrusted = false;  // trust_chain_verification: ACCEPT_UNTRUSTED
    bool only_verify_leaf_crl = false;
    std::optional<uint32_t> max_verify_depth;
    std::string secret;  // its name, as for a certificate
    std::string where;
};

// A secret that is delivered by a watched file (path_config_source), by name.
struct SecretSource {
    std::string name;
    std::string path;               // of the SDS file
    std::string watched_directory;  // "": the directory of `path`
    std::string where;
};

enum class TlsVersion : uint8_t { automatic, tls10, tls11, tls12, tls13 };

// CommonTlsContext.
struct TlsConfig {
    TlsVersion minimum = TlsVersion::automatic;  // automatic: 1.2
    TlsVersion maximum = TlsVersion::automatic;  // automatic: server 1.3, client 1.2 (Envoy's)
    std::vector<std::string> cipher_suites;      // OpenSSL's names, of TLS 1.2 and below; empty: Envoy's defaults
    std::vector<std::string> groups;             // "X25519", "P-256", ...; empty: these two
    std::vector<CertificateConfig> certificates;
    std::vector<SecretSource> certificate_secrets;  // instead of `certificates`
    std::optional<ValidationConfig> validation;
    std::optional<SecretSource> validation_secret;  // with `validation` as defaults: combined_validation_context
    std::vector<std::string> alpn;
    std::string key_log_path;  // NSS key log; "": none
    std::string where;
};

struct DownstreamTlsConfig : TlsConfig {
    bool require_client_certificate = false;
    bool require_sni = false;
    std::vector<std::string> ticket_keys;  // 80 bytes each, the first encrypts; empty: the supervisor's
    std::optional<SecretSource> ticket_keys_secret;
    bool disable_tickets = false;            // stateless session resumption
    bool disable_stateful_sessions = false;  // session ids
    std::chrono::seconds session_timeout{7200};
    enum class Stapling : uint8_t { lenient, strict, must_staple } stapling = Stapling::lenient;
    bool prefer_client_ciphers = false;
    bool full_scan_on_sni_mismatch = false;
};

struct UpstreamTlsConfig : TlsConfig {
    std::string sni;
    bool auto_host_sni = false;            // the endpoint's hostname
    bool auto_sni_san_validation = false;  // the certificate must be for the SNI that was sent
    bool allow_renegotiation = false;
    uint32_t max_session_keys = 1;  // 0: no session is kept for reuse
};

// What a file of SDS resources may hold, by name.
struct SecretFile {
    std::string version;  // version_info
    std::vector<std::pair<std::string, CertificateConfig>> certificates;
    std::vector<std::pair<std::string, ValidationConfig>> validations;
    std::vector<std::pair<std::string, std::vector<std::string>>> ticket_keys;
};

}  // namespace heirloom::config
