// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <openssl/bn.h>
#include <openssl/pem.h>
#include <openssl/sha.h>

#include <ctime>

#include "proxy/tls/asn1.h"
#include "proxy/tls/certificate.h"

namespace heirloom::tls {
namespace {

std::string text_of(const ASN1_STRING* text) {
    return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)), static_cast<size_t>(ASN1_STRING_length(text))};
}

std::string ip_text(const ASN1_OCTET_STRING* address) {
    char text[INET6_ADDRSTRLEN] = "";
    const int length = ASN1_STRING_length(address);
    if (length == 4) ::inet_ntop(AF_INET, ASN1_STRING_get0_data(address), text, sizeof(text));
    if (length == 16) ::inet_ntop(AF_INET6, ASN1_STRING_get0_data(address), text, sizeof(text));
    return text;
}

std::string content_of(const BioPtr& bio) {
    char* bytes = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &bytes);
    return {bytes, static_cast<size_t>(size)};
}

std::string url_encoded_pem(X509* certificate) {
    const BioPtr bio(BIO_new(BIO_s_mem()));
    PEM_write_bio_X509(bio.get(), certificate);
    std::string encoded;
    for (const char c : content_of(bio)) {
        switch (c) {
            case '\n':
                encoded += "%0A";
                break;
            case ' ':
                encoded += "%20";
                break;
            case '+':
                encoded += "%2B";
                break;
            case '/':
                encoded += "%2F";
                break;
            case '=':
                encoded += "%3D";
                break;
            default:
                encoded += c;
        }
    }
    return encoded;
}

std::string digest_of(const X509* certificate, const EVP_MD* kind) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    if (X509_digest(certificate, kind, digest, &size) != 1) size = 0;
    return {reinterpret_cast<const char*>(digest), size};
}

std::string hex_of(const std::string& bytes) {
    return hex(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
}

}  // namespace

std::string serial_text(const ASN1_INTEGER* serial) {
    const std::unique_ptr<BIGNUM, Freer<BN_free>> number(ASN1_INTEGER_to_BN(serial, nullptr));
    const CryptoText text(number ? BN_bn2hex(number.get()) : nullptr);
    std::string lower = text ? text.get() : "";
    for (char& c : lower) {
        if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
    }
    return lower;
}

std::chrono::system_clock::time_point time_of(const ASN1_TIME* time) {
    std::tm parts{};
    if (!time || ASN1_TIME_to_tm(time, &parts) != 1) return {};
    return std::chrono::system_clock::from_time_t(::timegm(&parts));
}

std::string name_text(const X509_NAME* name) {
    const BioPtr bio(BIO_new(BIO_s_mem()));
    X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_RFC2253);
    return content_of(bio);
}

SubjectAltNames subject_alt_names(const X509* certificate) {
    SubjectAltNames names;
    const GeneralNamesPtr list(
        static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
    if (!list) (void)take_reason();
    for (int i = 0; list && i < sk_GENERAL_NAME_num(list.get()); ++i) {
        const GENERAL_NAME* const name = sk_GENERAL_NAME_value(list.get(), i);
        if (name->type == GEN_DNS) names.dns.push_back(text_of(name->d.dNSName));
        if (name->type == GEN_URI) names.uris.push_back(text_of(name->d.uniformResourceIdentifier));
        if (name->type == GEN_EMAIL) names.emails.push_back(text_of(name->d.rfc822Name));
        if (name->type == GEN_IPADD) names.ips.push_back(ip_text(name->d.iPAddress));
    }
    return names;
}

LoadedCertificate describe(const X509* certificate, const std::string& path) {
    SubjectAltNames names = subject_alt_names(certificate);
    return {path.empty() ? "<inline>" : path,
            serial_text(X509_get0_serialNumber(certificate)),
            std::move(names.dns),
            std::move(names.uris),
            std::move(names.ips),
            time_of(X509_get0_notBefore(certificate)),
            time_of(X509_get0_notAfter(certificate)),
            std::nullopt};
}

uint64_t LoadedCertificate::days_until_expiration(std::chrono::system_clock::time_point now) const {
    if (expiration <= now) return 0;
    return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::hours>(expiration - now).count()) / 24;
}

std::unique_ptr<network::CertificateInfo> make_certificate_info(X509* leaf, const STACK_OF(X509) * issuers) {
    auto info = std::make_unique<network::CertificateInfo>();
    info->subject = name_text(X509_get_subject_name(leaf));
    info->issuer = name_text(X509_get_issuer_name(leaf));
    info->serial = serial_text(X509_get0_serialNumber(leaf));
    info->sha256 = hex_of(sha256_of(leaf));
    info->sha1 = hex_of(digest_of(leaf, EVP_sha1()));
    info->url_encoded_pem = url_encoded_pem(leaf);
    info->url_encoded_chain = info->url_encoded_pem;
    for (int i = 0; issuers && i < sk_X509_num(issuers); ++i) {
        X509* const issuer = sk_X509_value(issuers, i);
        if (i > 0 || X509_cmp(issuer, leaf) != 0) info->url_encoded_chain += url_encoded_pem(issuer);
    }
    SubjectAltNames names = subject_alt_names(leaf);
    info->dns_names = std::move(names.dns);
    info->uris = std::move(names.uris);
    info->emails = std::move(names.emails);
    info->ip_addresses = std::move(names.ips);
    info->not_before = time_of(X509_get0_notBefore(leaf));
    info->not_after = time_of(X509_get0_notAfter(leaf));
    (void)take_reason();
    return info;
}

std::string sha256_of(const X509* certificate) { return digest_of(certificate, EVP_sha256()); }

std::string sha256_of_public_key(const X509* certificate) {
    unsigned char* der = nullptr;
    const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
    if (size <= 0) return {};
    std::string digest(SHA256_DIGEST_LENGTH, '\0');
    SHA256(der, static_cast<size_t>(size), reinterpret_cast<unsigned char*>(digest.data()));
    OPENSSL_free(der);
    return digest;
}

}  // namespace heirloom::tls
