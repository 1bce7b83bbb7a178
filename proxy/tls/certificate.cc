// SPDX-License-Identifier: Apache-2.0
#include "proxy/tls/certificate.h"

#include <openssl/pem.h>

#include "proxy/tls/ocsp.h"

namespace heirloom::tls {
namespace {

int give_password(char* buffer, int size, int, void* password) {
    const std::string_view text = *static_cast<const std::string*>(password);
    if (text.size() > static_cast<size_t>(size)) return 0;
    text.copy(buffer, text.size());
    return static_cast<int>(text.size());
}

std::string name_of(const config::DataText& text) { return text.path.empty() ? "<inline>" : text.path; }

std::string lower(std::string text) {
    for (char& c : text) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return text;
}

std::vector<std::string> server_names_of(const X509* certificate) {
    std::vector<std::string> names = subject_alt_names(certificate).dns;
    if (names.empty()) {
        char common_name[256];
        const int length = X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, common_name,
                                                     sizeof(common_name));
        if (length > 0) names.emplace_back(common_name, static_cast<size_t>(length));
    }
    for (std::string& name : names) name = lower(std::move(name));
    return names;
}

bool says_must_staple(const X509* certificate) { return X509_get_ext_by_NID(certificate, NID_tlsfeature, -1) >= 0; }

Status check_key(const Chain& chain, const std::string& where, const std::string& path) {
    EVP_PKEY* const key = chain.key.get();
    switch (EVP_PKEY_get_base_id(key)) {
        case EVP_PKEY_RSA:
            if (EVP_PKEY_get_bits(key) < 2048) {
                return Error{where + ": Failed to load certificate chain from " + path +
                             ", only RSA certificates with 2048-bit or larger keys are supported"};
            }
            return Ok{};
        case EVP_PKEY_EC: {
            char curve[64];
            size_t length = 0;
            const std::string_view name = EVP_PKEY_get_group_name(key, curve, sizeof(curve), &length) == 1 ? curve : "";
            if (name == "prime256v1" || name == "secp384r1" || name == "secp521r1") return Ok{};
            return Error{where + ": Failed to load certificate chain from " + path +
                         ", only P-256, P-384 or P-521 ECDSA certificates are supported"};
        }
        default:
            return Error{where + ": Failed to load certificate chain from " + path +
                         ", only RSA and ECDSA certificates are supported"};
    }
}

Status load_staple(Chain& chain, const config::CertificateConfig& config) {
    chain.must_staple = says_must_staple(chain.leaf.get());
    if (config.ocsp_staple.bytes.empty()) return Ok{};
    Result<OcspResponse> response = read_ocsp_response(config.ocsp_staple.bytes);
    const std::string what = config.where + ": OCSP response " + name_of(config.ocsp_staple);
    if (!response.ok()) return Error{what + ": " + response.error().text};
    if (response->serial != chain.description.serial) {
        return Error{what + ": OCSP response does not match its TLS certificate"};
    }
    chain.ocsp_staple = config.ocsp_staple.bytes;
    chain.ocsp_expiry = response->expires;
    chain.description.ocsp = {response->valid_from, response->expires};
    return Ok{};
}

}  // namespace

std::vector<X509Ptr> read_certificates(std::string_view pem) {
    std::vector<X509Ptr> certificates;
    const BioPtr bio = read_bio(pem);
    for (;;) {
        X509Ptr certificate(PEM_read_bio_X509_AUX(bio.get(), nullptr, nullptr, nullptr));
        if (!certificate) break;
        certificates.push_back(std::move(certificate));
    }
    const unsigned long error = ERR_peek_last_error();
    const bool at_end = ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
    (void)take_reason();
    if (!at_end) certificates.clear();
    return certificates;
}

Result<Chain> load_chain(const config::CertificateConfig& config) {
    Chain chain;
    chain.issuers = read_certificates(config.chain.bytes);
    if (chain.issuers.empty()) {
        return Error{config.where + ": Failed to load certificate chain from " + name_of(config.chain)};
    }
    chain.leaf = std::move(chain.issuers.front());
    chain.issuers.erase(chain.issuers.begin());
    const BioPtr bio = read_bio(config.private_key.bytes);
    std::string password = config.password;
    chain.key.reset(PEM_read_bio_PrivateKey(bio.get(), nullptr, &give_password, &password));
    OPENSSL_cleanse(password.data(), password.size());
    if (!chain.key) {
        return Error{config.where + ": Failed to load private key from " + name_of(config.private_key) +
                     ", Cause: " + take_reason()};
    }
    (void)take_reason();  // of the decoders that were tried in vain
    if (X509_check_private_key(chain.leaf.get(), chain.key.get()) != 1) {
        return Error{config.where + ": Failed to load private key from " + name_of(config.private_key) +
                     ", Cause: " + take_reason() + " (it is not the key of " + name_of(config.chain) + ")"};
    }
    if (Status fine = check_key(chain, config.where, name_of(config.chain)); !fine.ok()) return fine.error();
    chain.server_names = server_names_of(chain.leaf.get());
    chain.description = describe(chain.leaf.get(), config.chain.path);
    chain.description.secret = config.secret;
    if (Status fine = load_staple(chain, config); !fine.ok()) return fine.error();
    return chain;
}

}  // namespace heirloom::tls
