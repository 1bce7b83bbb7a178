// SPDX-License-Identifier: Apache-2.0
#include "proxy/tls/parameters.h"

namespace heirloom::tls {
namespace {

using config::TlsVersion;

// Envoy's. The pairs in brackets are of equal rank: the client's choice between AES and ChaCha20 stands.
constexpr const char* kDefaultCiphers =
    "[ECDHE-ECDSA-AES128-GCM-SHA256|ECDHE-ECDSA-CHACHA20-POLY1305]:"
    "[ECDHE-RSA-AES128-GCM-SHA256|ECDHE-RSA-CHACHA20-POLY1305]:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384";
// Not configurable, as in Envoy. The one that costs least first.
constexpr const char* kCiphersOfTls13 = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
constexpr const char* kDefaultGroups = "X25519:P-256";

int number_of(TlsVersion version) {
    switch (version) {
        case TlsVersion::automatic:
            return 0;
        case TlsVersion::tls10:
            return TLS1_VERSION;
        case TlsVersion::tls11:
            return TLS1_1_VERSION;
        case TlsVersion::tls12:
            return TLS1_2_VERSION;
        case TlsVersion::tls13:
            return TLS1_3_VERSION;
    }
    return 0;
}

int minimum_of(const config::TlsConfig& config) {
    return config.minimum == TlsVersion::automatic ? TLS1_2_VERSION : number_of(config.minimum);
}

int maximum_of(const config::TlsConfig& config, Side side) {
    if (config.maximum != TlsVersion::automatic) return number_of(config.maximum);
    return side == Side::server ? TLS1_3_VERSION : TLS1_2_VERSION;
}

// Elements, "A:B" in one element and "[A|B]" all come down to one list.
std::vector<std::string> split(std::span<const std::string> elements, const char* separators) {
    std::vector<std::string> names;
    for (const std::string& element : elements) {
        for (size_t at = 0; at < element.size();) {
            const size_t end = std::min(element.find_first_of(separators, at), element.size());
            if (end > at) names.push_back(element.substr(at, end - at));
            at = end + 1;
        }
    }
    return names;
}

std::vector<std::string> cipher_names(const config::TlsConfig& config) {
    constexpr const char* kSeparators = ":|[] ,";
    if (config.cipher_suites.empty()) return split(std::array<std::string, 1>{kDefaultCiphers}, kSeparators);
    return split(config.cipher_suites, kSeparators);
}

std::string join(const std::vector<std::string>& names) {
    std::string text;
    for (const std::string& name : names) text += (text.empty() ? "" : ":") + name;
    return text;
}

std::string group_list(const config::TlsConfig& config) {
    return config.groups.empty() ? kDefaultGroups : join(split(config.groups, ": ,"));
}

Status apply_ciphers(SSL_CTX* context, const config::TlsConfig& config) {
    const std::vector<std::string> names = cipher_names(config);
    std::string rejected;
    for (const std::string& name : names) {
        // "!NAME" and "-NAME" take away; the library would not complain of a name that it does not know.
        const size_t sign = name.find_first_not_of("!-+");
        const bool keyword = sign == std::string::npos || name[0] == '@';
        if (keyword || SSL_CTX_set_cipher_list(context, name.c_str() + sign) != 1) {
            rejected += (rejected.empty() ? "" : ", ") + name;
        }
    }
    (void)take_reason();
    const std::string list = join(names);
    if (rejected.empty() && SSL_CTX_set_cipher_list(context, list.c_str()) == 1) return Ok{};
    (void)take_reason();
    return Error{
        config.where + ": Failed to initialize cipher suites " + list +
        (rejected.empty() ? "" : ". The following ciphers were rejected when tried individually: " + rejected)};
}

}  // namespace

Status apply_parameters(SSL_CTX* context, const config::TlsConfig& config, Side side) {
    const int minimum = minimum_of(config);
    const int maximum = maximum_of(config, side);
    if (minimum > maximum) {
        return Error{config.where + ": tls_minimum_protocol_version is above tls_maximum_protocol_version" +
                     (config.maximum == TlsVersion::automatic ? " (whose default is TLSv1_2 for clients)" : "")};
    }
    // What the machine's openssl.cnf says is not asked: the configuration is all there is.
    SSL_CTX_set_security_level(context, minimum < TLS1_2_VERSION ? 0 : 1);
    SSL_CTX_set_min_proto_version(context, minimum);
    SSL_CTX_set_max_proto_version(context, maximum);
    if (Status applied = apply_ciphers(context, config); !applied.ok()) return applied;
    SSL_CTX_set_ciphersuites(context, kCiphersOfTls13);
    const std::string groups = group_list(config);
    if (SSL_CTX_set1_groups_list(context, groups.c_str()) != 1) {
        (void)take_reason();
        return Error{config.where + ": Failed to initialize ECDH curves " + groups};
    }
    return check_alpn(config);
}

Status check_alpn(const config::TlsConfig& config) {
    size_t total = 0;
    for (const std::string& protocol : config.alpn) {
        if (protocol.empty() || protocol.size() > 255) {
            return Error{config.where + ": Invalid ALPN protocol string (1 to 255 bytes)"};
        }
        total += protocol.size() + 1;
    }
    if (total > 65535) return Error{config.where + ": Invalid ALPN protocol string (too many protocols)"};
    return Ok{};
}

std::string alpn_wire(std::span<const std::string> protocols) {
    std::string wire;
    for (const std::string& protocol : protocols) {
        wire += static_cast<char>(protocol.size());
        wire += protocol;
    }
    return wire;
}

std::vector<std::string> possible_ciphers(const config::TlsConfig& config, Side side) {
    const SslCtxPtr context(SSL_CTX_new(TLS_method()));
    std::vector<std::string> names;
    if (!context || !apply_parameters(context.get(), config, side).ok()) return names;
    const STACK_OF(SSL_CIPHER)* const ciphers = SSL_CTX_get_ciphers(context.get());
    for (int i = 0; i < sk_SSL_CIPHER_num(ciphers); ++i) {
        const SSL_CIPHER* const cipher = sk_SSL_CIPHER_value(ciphers, i);
        const bool new_one = std::string_view(SSL_CIPHER_get_version(cipher)) == "TLSv1.3";
        const bool usable = new_one ? maximum_of(config, side) >= TLS1_3_VERSION : minimum_of(config) < TLS1_3_VERSION;
        if (usable) names.emplace_back(SSL_CIPHER_get_name(cipher));
    }
    return names;
}

std::vector<std::string> possible_versions(const config::TlsConfig& config, Side side) {
    static constexpr std::pair<int, const char*> kAll[] = {
        {TLS1_VERSION, "TLSv1"}, {TLS1_1_VERSION, "TLSv1.1"}, {TLS1_2_VERSION, "TLSv1.2"}, {TLS1_3_VERSION, "TLSv1.3"}};
    std::vector<std::string> names;
    for (const auto& [number, name] : kAll) {
        if (number >= minimum_of(config) && number <= maximum_of(config, side)) names.emplace_back(name);
    }
    return names;
}

std::vector<std::string> possible_groups(const config::TlsConfig& config) {
    return split(std::array<std::string, 1>{group_list(config)}, ":");
}

std::string_view agreed_group(SSL* ssl) {
    switch (SSL_get_negotiated_group(ssl)) {
        case NID_X25519:
            return "X25519";
        case NID_X448:
            return "X448";
        case NID_X9_62_prime256v1:
            return "P-256";
        case NID_secp384r1:
            return "P-384";
        case NID_secp521r1:
            return "P-521";
        default:
            return {};
    }
}

namespace {

struct Signature {
    int type;
    int hash;
    const char* name;
};
constexpr Signature kSignatures[] = {
    {EVP_PKEY_RSA, NID_sha1, "rsa_pkcs1_sha1"},
    {EVP_PKEY_RSA, NID_sha256, "rsa_pkcs1_sha256"},
    {EVP_PKEY_RSA, NID_sha384, "rsa_pkcs1_sha384"},
    {EVP_PKEY_RSA, NID_sha512, "rsa_pkcs1_sha512"},
    {EVP_PKEY_RSA_PSS, NID_sha256, "rsa_pss_rsae_sha256"},
    {EVP_PKEY_RSA_PSS, NID_sha384, "rsa_pss_rsae_sha384"},
    {EVP_PKEY_RSA_PSS, NID_sha512, "rsa_pss_rsae_sha512"},
    {EVP_PKEY_EC, NID_sha1, "ecdsa_sha1"},
    {EVP_PKEY_EC, NID_sha256, "ecdsa_secp256r1_sha256"},
    {EVP_PKEY_EC, NID_sha384, "ecdsa_secp384r1_sha384"},
    {EVP_PKEY_EC, NID_sha512, "ecdsa_secp521r1_sha512"},
    {EVP_PKEY_ED25519, NID_undef, "ed25519"},
};

}  // namespace

std::vector<std::string> possible_signatures() {
    std::vector<std::string> names;
    for (const Signature& signature : kSignatures) names.emplace_back(signature.name);
    return names;
}

std::string_view peer_signature(SSL* ssl) {
    int type = NID_undef;
    int hash = NID_undef;
    if (SSL_get_peer_signature_type_nid(ssl, &type) != 1) return {};
    if (SSL_get_peer_signature_nid(ssl, &hash) != 1) hash = NID_undef;
    for (const Signature& signature : kSignatures) {
        if (signature.type == type && signature.hash == hash) return signature.name;
    }
    return {};
}

}  // namespace heirloom::tls
