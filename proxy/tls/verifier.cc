// SPDX-License-Identifier: Apache-2.0
#include "proxy/tls/verifier.h"

#include <openssl/pem.h>
#include <openssl/sha.h>
#include <re2/re2.h>

#include "proxy/tls/certificate.h"

namespace heirloom::tls {

using config::SubjectAltNameMatcher;
using config::TextMatcher;

namespace {

std::string lower(std::string_view text) {
    std::string result(text);
    for (char& c : result) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return result;
}

// "*.a.com" in the certificate covers one label.
bool dns_name_covers(std::string_view pattern, std::string_view name) {
    if (!pattern.starts_with("*.")) return pattern == name;
    const size_t dot = name.find('.');
    return dot != name.npos && dot > 0 && name.substr(dot) == pattern.substr(1);
}

// "AA:BB:.." or plain hex, to bytes; "" when it is neither.
std::string hash_bytes(std::string_view text) {
    std::string digits;
    for (const char c : text) {
        if (c != ':') digits += c;
    }
    long size = 0;
    const std::unique_ptr<unsigned char, Freer<free_crypto_text>> bytes(OPENSSL_hexstr2buf(digits.c_str(), &size));
    (void)take_reason();
    if (!bytes || size != SHA256_DIGEST_LENGTH) return {};
    return {reinterpret_cast<const char*>(bytes.get()), static_cast<size_t>(size)};
}

std::string base64_bytes(std::string_view text) {
    unsigned char bytes[64];
    if (text.size() != 44) return {};
    const int size = EVP_DecodeBlock(bytes, reinterpret_cast<const unsigned char*>(text.data()), 44);
    (void)take_reason();
    if (size != 33 || text.back() != '=') return {};  // 32 and what the padding stands for
    return {reinterpret_cast<const char*>(bytes), SHA256_DIGEST_LENGTH};
}

int ignore_validity_period(int ok, X509_STORE_CTX* store) {
    const int error = X509_STORE_CTX_get_error(store);
    if (ok == 1 || (error != X509_V_ERR_CERT_HAS_EXPIRED && error != X509_V_ERR_CERT_NOT_YET_VALID)) return ok;
    X509_STORE_CTX_set_error(store, X509_V_OK);
    return 1;
}

// Marks what went on without proof; any value but X509_V_OK does, none of chains means this.
constexpr int kNotValidated = X509_V_ERR_APPLICATION_VERIFICATION;

std::string name_of(const config::DataText& text) { return text.path.empty() ? "<inline>" : text.path; }

}  // namespace

struct Verifier::NameMatcher {
    SubjectAltNameMatcher::Type type;
    TextMatcher text;
    std::unique_ptr<RE2> regex;

    static Result<std::unique_ptr<NameMatcher>> make(const SubjectAltNameMatcher& config, const std::string& where) {
        auto matcher = std::make_unique<NameMatcher>(NameMatcher{config.type, config.text, nullptr});
        if (config.text.ignore_case && config.text.kind != TextMatcher::Kind::regex) {
            matcher->text.value = lower(config.text.value);
        }
        if (config.text.kind == TextMatcher::Kind::regex) {
            RE2::Options options;
            options.set_log_errors(false);
            matcher->regex = std::make_unique<RE2>(config.text.value, options);
            if (!matcher->regex->ok()) {
                return Error{where + ": invalid regex '" + config.text.value + "': " + matcher->regex->error()};
            }
        }
        return matcher;
    }

    bool matches(std::string_view name) const {
        std::string folded;
        if (text.ignore_case && text.kind != TextMatcher::Kind::regex) name = folded = lower(name);
        switch (text.kind) {
            case TextMatcher::Kind::exact:
                return type == SubjectAltNameMatcher::Type::dns
                           ? dns_name_covers(folded = lower(name), lower(text.value))
                           : name == text.value;
            case TextMatcher::Kind::prefix:
                return name.starts_with(text.value);
            case TextMatcher::Kind::suffix:
                return name.ends_with(text.value);
            case TextMatcher::Kind::contains:
                return name.find(text.value) != name.npos;
            case TextMatcher::Kind::regex:
                return RE2::FullMatch(name, *regex);
        }
        return false;
    }
};

Verifier::~Verifier() = default;

Result<std::unique_ptr<const Verifier>> Verifier::make(const config::ValidationConfig* config, SSL_CTX* context,
                                                       bool server_name_checked) {
    std::unique_ptr<Verifier> verifier(new Verifier);
    if (config) {
        verifier->configured_ = true;
        if (Status loaded = verifier->load(*config, context); !loaded.ok()) return loaded.error();
    }
    if (server_name_checked && !verifier->chain_) {
        return Error{(config ? config->where + ": " : std::string()) +
                     "SAN-based verification of peer certificates without trusted CA is insecure and not allowed"};
    }
    return std::unique_ptr<const Verifier>(std::move(verifier));
}

Status Verifier::load(const config::ValidationConfig& config, SSL_CTX* context) {
    X509_STORE* const store = SSL_CTX_get_cert_store(context);
    accept_untrusted_ = config.accept_untrusted;
    std::string seed = config.trusted_ca.bytes + '\0' + config.crl.bytes + '\0';
    if (!config.trusted_ca.bytes.empty()) {
        const std::vector<X509Ptr> authorities = read_certificates(config.trusted_ca.bytes);
        if (authorities.empty()) {
            return Error{config.where + ": Failed to load trusted CA certificates from " + name_of(config.trusted_ca)};
        }
        STACK_OF(X509_NAME)* const names = sk_X509_NAME_new_null();
        for (const X509Ptr& authority : authorities) {
            X509_STORE_add_cert(store, authority.get());
            sk_X509_NAME_push(names, X509_NAME_dup(X509_get_subject_name(authority.get())));
        }
        SSL_CTX_set_client_CA_list(context, names);
        authorities_.push_back(describe(authorities.front().get(), config.trusted_ca.path));
        authorities_.back().secret = config.secret;
        chain_ = true;
        // A configured intermediate is trust enough.
        X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_TRUSTED_FIRST);
    } else if (!config.subject_alt_names.empty()) {
        return Error{config.where +
                     ": SAN-based verification of peer certificates without trusted CA is insecure and not allowed"};
    }
    if (!config.crl.bytes.empty()) {
        const BioPtr bio = read_bio(config.crl.bytes);
        size_t lists = 0;
        while (const CrlPtr list{PEM_read_bio_X509_CRL(bio.get(), nullptr, nullptr, nullptr)}) {
            X509_STORE_add_crl(store, list.get());
            ++lists;
        }
        (void)take_reason();
        if (lists == 0) return Error{config.where + ": Failed to load CRL from " + name_of(config.crl)};
        if (!chain_) {
            return Error{config.where + ": Failed to load CRL from " + name_of(config.crl) + " without trusted CA"};
        }
        X509_STORE_set_flags(
            store, X509_V_FLAG_CRL_CHECK | (config.only_verify_leaf_crl ? 0UL : unsigned{X509_V_FLAG_CRL_CHECK_ALL}));
    }
    if (config.allow_expired_certificate) X509_STORE_set_verify_cb(store, &ignore_validity_period);
    if (config.max_verify_depth) SSL_CTX_set_verify_depth(context, static_cast<int>(*config.max_verify_depth));
    for (const SubjectAltNameMatcher& name : config.subject_alt_names) {
        auto matcher = NameMatcher::make(name, config.where);
        if (!matcher.ok()) return matcher.error();
        names_.push_back(std::move(*matcher));
        seed += std::to_string(int(name.type)) + std::to_string(int(name.text.kind)) + name.text.value + '\0';
    }
    for (const std::string& text : config.certificate_hashes) {
        certificate_hashes_.push_back(hash_bytes(text));
        if (certificate_hashes_.back().empty()) return Error{config.where + ": Invalid hex-encoded SHA-256 " + text};
        seed += certificate_hashes_.back();
    }
    for (const std::string& text : config.spki_hashes) {
        spki_hashes_.push_back(base64_bytes(text));
        if (spki_hashes_.back().empty()) return Error{config.where + ": Invalid base64-encoded SHA-256 " + text};
        seed += spki_hashes_.back();
    }
    fingerprint_ = std::move(seed);
    (void)take_reason();
    return Ok{};
}

bool Verifier::names_match(const X509* certificate) const {
    const SubjectAltNames names = subject_alt_names(certificate);
    for (const auto& matcher : names_) {
        const std::vector<std::string>* candidates = nullptr;
        switch (matcher->type) {
            case SubjectAltNameMatcher::Type::dns:
                candidates = &names.dns;
                break;
            case SubjectAltNameMatcher::Type::uri:
                candidates = &names.uris;
                break;
            case SubjectAltNameMatcher::Type::email:
                candidates = &names.emails;
                break;
            case SubjectAltNameMatcher::Type::ip_address:
                candidates = &names.ips;
                break;
        }
        for (const std::string& name : *candidates) {
            if (matcher->matches(name)) return true;
        }
    }
    return false;
}

bool Verifier::hashes_match(const X509* certificate) const {
    const auto has = [](const std::vector<std::string>& list, const std::string& hash) {
        return std::find(list.begin(), list.end(), hash) != list.end();
    };
    if (!certificate_hashes_.empty() && has(certificate_hashes_, sha256_of(certificate))) return true;
    return !spki_hashes_.empty() && has(spki_hashes_, sha256_of_public_key(certificate));
}

bool Verifier::verify(X509_STORE_CTX* store, std::string_view server_name, const TlsStats& stats) const {
    const X509* const leaf = X509_STORE_CTX_get0_cert(store);
    bool validated = false;
    int chain_error = kNotValidated;
    if (chain_) {
        validated = X509_verify_cert(store) == 1;
        if (!validated) {
            chain_error = X509_STORE_CTX_get_error(store);
            if (chain_error == X509_V_OK) chain_error = X509_V_ERR_UNSPECIFIED;
            (void)take_reason();
            stats.fail_verify_error.add();
            if (!accept_untrusted_) return false;
        }
    }
    const auto refuse = [&](const stats::Counter& counter) {
        counter.add();
        X509_STORE_CTX_set_error(store, kNotValidated);
        return false;
    };
    if (!names_.empty() && !names_match(leaf)) return refuse(stats.fail_verify_san);
    if (!server_name.empty()) {
        const std::string wanted = lower(server_name);
        const SubjectAltNames names = subject_alt_names(leaf);
        const bool found = std::any_of(names.dns.begin(), names.dns.end(),
                                       [&](const std::string& name) { return dns_name_covers(lower(name), wanted); }) ||
                           std::find(names.ips.begin(), names.ips.end(), wanted) != names.ips.end();
        if (!found) return refuse(stats.fail_verify_san);
    }
    if (!certificate_hashes_.empty() || !spki_hashes_.empty()) {
        if (!hashes_match(leaf)) return refuse(stats.fail_verify_cert_hash);
        if (!chain_) validated = true;
    }
    X509_STORE_CTX_set_error(store, validated ? X509_V_OK : chain_error);
    return true;
}

}  // namespace heirloom::tls
