// SPDX-License-Identifier: Apache-2.0
#include "proxy/config/secret_file.h"

#include <doctest/doctest.h>

using namespace heirloom::config;

TEST_CASE("a certificate is the same wherever it stands, and another with any of its parts") {
    const CertificateConfig one{{"chain", "a.pem"}, {"key", "a.key"}, "word", {"staple", ""}, "", "x.yaml:1:1: field"};
    CertificateConfig other = one;
    other.where = "x.yaml:7:1: field";
    CHECK(same(one, other));
    for (std::string* part :
         {&other.chain.bytes, &other.chain.path, &other.private_key.bytes, &other.password, &other.ocsp_staple.bytes}) {
        const std::string before = std::exchange(*part, "else");
        CHECK_FALSE(same(one, other));
        *part = before;
    }
    CHECK(same(one, other));
}

TEST_CASE("a validation context likewise") {
    ValidationConfig one;
    one.trusted_ca.bytes = "ca";
    one.subject_alt_names.push_back(
        {SubjectAltNameMatcher::Type::uri, {TextMatcher::Kind::prefix, "spiffe://", false}});
    one.where = "x.yaml:1:1: field";
    ValidationConfig other = one;
    other.where = "";
    CHECK(same(one, other));
    const auto differs = [&](auto change) {
        ValidationConfig changed = one;
        change(changed);
        return !same(one, changed);
    };
    CHECK(differs([](ValidationConfig& config) { config.trusted_ca.bytes = "cb"; }));
    CHECK(differs([](ValidationConfig& config) { config.crl.bytes = "crl"; }));
    CHECK(
        differs([](ValidationConfig& config) { config.subject_alt_names[0].type = SubjectAltNameMatcher::Type::dns; }));
    CHECK(differs([](ValidationConfig& config) { config.subject_alt_names[0].text.kind = TextMatcher::Kind::exact; }));
    CHECK(differs([](ValidationConfig& config) { config.subject_alt_names[0].text.value = "spiffe:"; }));
    CHECK(differs([](ValidationConfig& config) { config.subject_alt_names[0].text.ignore_case = true; }));
    CHECK(differs([](ValidationConfig& config) { config.subject_alt_names.clear(); }));
    CHECK(differs([](ValidationConfig& config) { config.certificate_hashes = {"aa"}; }));
    CHECK(differs([](ValidationConfig& config) { config.spki_hashes = {"aa"}; }));
    CHECK(differs([](ValidationConfig& config) { config.allow_expired_certificate = true; }));
    CHECK(differs([](ValidationConfig& config) { config.accept_untrusted = true; }));
    CHECK(differs([](ValidationConfig& config) { config.only_verify_leaf_crl = true; }));
    CHECK(differs([](ValidationConfig& config) { config.max_verify_depth = 1; }));
}
