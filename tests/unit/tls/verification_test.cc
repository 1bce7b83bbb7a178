// SPDX-License-Identifier: Apache-2.0
#include <openssl/pem.h>

#include <optional>

#include "proxy/tls/certificate.h"
#include "tests/unit/tls/fixture.h"

using namespace heirloom;
using namespace heirloom::tls;
using namespace heirloom::tls::test;
using Type = config::SubjectAltNameMatcher::Type;
using Kind = config::TextMatcher::Kind;

namespace {

config::SubjectAltNameMatcher matcher(Type type, Kind kind, const std::string& value, bool ignore_case = false) {
    return {type, {kind, value, ignore_case}};
}

std::string base64(const std::string& bytes) {
    std::string text(64, '\0');
    const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                     reinterpret_cast<const unsigned char*>(bytes.data()), int(bytes.size()));
    text.resize(size_t(size));
    return text;
}

std::string hex_of(const std::string& bytes) {
    return hex(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
}

std::string revocation_list(const Identity& issuer, const std::vector<const Identity*>& revoked) {
    const CrlPtr list(X509_CRL_new());
    X509_CRL_set_version(list.get(), X509_CRL_VERSION_2);
    X509_CRL_set_issuer_name(list.get(), X509_get_subject_name(issuer.certificate.get()));
    const std::unique_ptr<ASN1_TIME, Freer<ASN1_TIME_free>> now(X509_gmtime_adj(nullptr, -3600));
    const std::unique_ptr<ASN1_TIME, Freer<ASN1_TIME_free>> later(X509_gmtime_adj(nullptr, 86'400));
    X509_CRL_set1_lastUpdate(list.get(), now.get());
    X509_CRL_set1_nextUpdate(list.get(), later.get());
    for (const Identity* identity : revoked) {
        X509_REVOKED* const entry = X509_REVOKED_new();
        X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(identity->certificate.get()));
        X509_REVOKED_set_revocationDate(entry, now.get());
        X509_CRL_add0_revoked(list.get(), entry);
    }
    X509_CRL_sort(list.get());
    X509_CRL_sign(list.get(), issuer.key.get(), EVP_sha256());
    const BioPtr bio(BIO_new(BIO_s_mem()));
    PEM_write_bio_X509_CRL(bio.get(), list.get());
    char* bytes = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &bytes);
    return {bytes, static_cast<size_t>(size)};
}

// A server that asks for certificates, and the client's.
struct Mutual {
    config::DownstreamTlsConfig downstream = server_config();
    config::UpstreamTlsConfig upstream = client_config();
    std::optional<Fixture> fixture;
    std::optional<Link> link;

    Mutual() {
        downstream.validation = trust_in(test_authority());
        downstream.require_client_certificate = true;
        upstream.certificates = {test_client().config()};
    }
    bool accepted() {
        link.reset();
        fixture.emplace(downstream, upstream);
        link.emplace(*fixture);
        return link->server.state == Link::Handshake::complete;
    }
    uint64_t count(const std::string& name) { return fixture->count(name); }
};

}  // namespace

TEST_CASE("a client's certificate is verified and can be read") {
    Mutual m;
    REQUIRE(m.accepted());
    const network::TlsSession& session = m.link->server.session();
    CHECK(session.peer_validated());
    const network::CertificateInfo& info = *session.peer_certificate();
    CHECK(info.uris == std::vector<std::string>{"spiffe://test/client"});
    CHECK(info.dns_names == std::vector<std::string>{"client.example"});
    CHECK(info.emails == std::vector<std::string>{"c@example.org"});
    CHECK(info.ip_addresses == std::vector<std::string>{"10.0.0.1"});
    CHECK(info.serial.starts_with("abc"));
    CHECK(info.url_encoded_pem.starts_with("-----BEGIN%20CERTIFICATE-----%0A"));
    CHECK(info.url_encoded_pem.find_first_of("+/= \n") == std::string::npos);
    CHECK(info.url_encoded_chain == info.url_encoded_pem);
    CHECK(info.not_before < info.not_after);
    CHECK(m.count("s.no_certificate") == 0);
    CHECK(m.count("s.sigalgs.ecdsa_secp256r1_sha256") == 1);
}

TEST_CASE("what is kept of a session outlives its connection") {
    Mutual m;
    REQUIRE(m.accepted());
    const std::string version(m.link->server.session().version());
    const std::string id = m.link->server.session().session_id();
    const std::shared_ptr<const network::TlsSession> kept = m.link->server.session().keep();
    m.link->server.socket.reset();
    CHECK(kept->version() == version);
    CHECK(kept->session_id() == id);
    REQUIRE(kept->peer_certificate());
    CHECK(kept->peer_certificate()->dns_names == std::vector<std::string>{"client.example"});
    CHECK(kept->local_certificate()->dns_names.front() == "a.example");
}

TEST_CASE("no certificate, where one is required and where it is not") {
    for (const auto version : {config::TlsVersion::tls12, config::TlsVersion::tls13}) {
        Mutual m;
        m.upstream.maximum = version;
        m.upstream.certificates.clear();
        CHECK_FALSE(m.accepted());
        CHECK(m.count("s.fail_verify_no_cert") == 1);
        CHECK(m.count("s.connection_error") == 0);
        CHECK(m.link->server.socket->failure().find("PEER_DID_NOT_RETURN_A_CERTIFICATE") != std::string_view::npos);
        CHECK_FALSE(m.link->client.socket->failure().empty());
        m.downstream.require_client_certificate = false;
        REQUIRE(m.accepted());
        CHECK_FALSE(m.link->server.session().peer_validated());
        CHECK(m.count("s.no_certificate") == 1);
    }
}

TEST_CASE("certificates that are not good enough") {
    Mutual m;
    const Identity stranger = make_identity({.common_name = "client"});
    const Identity expired =
        make_identity({.common_name = "client", .issuer = &test_authority(), .first_day = -9, .last_day = -2});
    const Identity later =
        make_identity({.common_name = "client", .issuer = &test_authority(), .first_day = 2, .last_day = 9});
    const auto refused = [&](const Identity& identity) {
        m.upstream.certificates = {identity.config()};
        const bool result = !m.accepted();
        CHECK(m.count("s.fail_verify_error") == 1);
        CHECK(m.count("s.connection_error") == 0);
        return result;
    };
    CHECK(refused(stranger));
    const std::string_view why = m.link->server.socket->failure();
    CHECK(why.find("CERTIFICATE_VERIFY_FAILED:TLS_error_end") != std::string_view::npos);
    CHECK(refused(expired));
    CHECK(refused(later));
    m.downstream.validation->allow_expired_certificate = true;
    CHECK(m.accepted());
    CHECK(refused(stranger));
    m.downstream.require_client_certificate = false;  // but what is shown must be good
    CHECK(refused(stranger));
    m.downstream.validation->accept_untrusted = true;
    REQUIRE(m.accepted());
    CHECK_FALSE(m.link->server.session().peer_validated());
    CHECK(m.count("s.fail_verify_error") == 1);
}

TEST_CASE("intermediates: sent by the peer, trusted by themselves, too many") {
    Mutual m;
    const Identity middle = make_identity({.common_name = "middle", .issuer = &test_authority(), .authority = true});
    const Identity leaf = make_identity({.common_name = "leaf", .issuer = &middle});
    m.upstream.certificates = {leaf.config()};
    CHECK_FALSE(m.accepted());
    m.upstream.certificates = {leaf.config(&middle)};
    REQUIRE(m.accepted());
    const network::CertificateInfo& info = *m.link->server.session().peer_certificate();
    CHECK(info.url_encoded_chain.starts_with(info.url_encoded_pem));
    CHECK(info.url_encoded_chain.size() > info.url_encoded_pem.size() + 100);
    m.downstream.validation->max_verify_depth = 0;
    CHECK_FALSE(m.accepted());
    m.downstream.validation->max_verify_depth = 1;
    CHECK(m.accepted());
    m.upstream.certificates = {leaf.config()};
    m.downstream.validation = trust_in(middle);
    CHECK(m.accepted());
}

TEST_CASE("names of the certificate") {
    Mutual m;
    auto& names = m.downstream.validation->subject_alt_names;
    const auto good = [&](config::SubjectAltNameMatcher one) {
        names = {matcher(Type::dns, Kind::exact, "no.such"), std::move(one)};
        const bool result = m.accepted();
        CHECK(m.count("s.fail_verify_san") == (result ? 0 : 1));
        return result;
    };
    CHECK(good(matcher(Type::uri, Kind::exact, "spiffe://test/client")));
    CHECK_FALSE(good(matcher(Type::uri, Kind::exact, "spiffe://test/client2")));
    CHECK_FALSE(good(matcher(Type::dns, Kind::exact, "spiffe://test/client")));
    CHECK(good(matcher(Type::uri, Kind::prefix, "spiffe://test/")));
    CHECK(good(matcher(Type::uri, Kind::regex, "spiffe://[a-z]+/client")));
    CHECK_FALSE(good(matcher(Type::uri, Kind::regex, "spiffe://[a-z]+")));
    CHECK(good(matcher(Type::dns, Kind::exact, "CLIENT.example")));
    CHECK(good(matcher(Type::dns, Kind::suffix, ".EXAMPLE", true)));
    CHECK_FALSE(good(matcher(Type::dns, Kind::suffix, ".EXAMPLE")));
    CHECK(good(matcher(Type::email, Kind::contains, "@example")));
    CHECK(good(matcher(Type::ip_address, Kind::exact, "10.0.0.1")));
    CHECK_FALSE(good(matcher(Type::ip_address, Kind::exact, "10.0.0.2")));
}

TEST_CASE("hashes, with and without a chain") {
    Mutual m;
    const std::string hash = sha256_of(test_client().certificate.get());
    const std::string key_hash = base64(sha256_of_public_key(test_client().certificate.get()));
    auto& validation = *m.downstream.validation;
    validation.certificate_hashes = {hex_of(std::string(32, 'x'))};
    CHECK_FALSE(m.accepted());
    CHECK(m.count("s.fail_verify_cert_hash") == 1);
    validation.spki_hashes = {key_hash};  // one of both is enough
    CHECK(m.accepted());
    validation.spki_hashes.clear();
    validation.trusted_ca.bytes.clear();
    std::string colons;
    for (size_t i = 0; i < 32; ++i) colons += (i ? ":" : "") + hex_of(hash.substr(i, 1));
    validation.certificate_hashes = {colons};
    REQUIRE(m.accepted());
    CHECK(m.link->server.session().peer_validated());
}

TEST_CASE("a certificate that nobody verifies is not validated") {
    Mutual m;
    m.downstream.validation.reset();
    REQUIRE(m.accepted());
    CHECK(m.link->server.session().peer_certificate() != nullptr);
    CHECK_FALSE(m.link->server.session().peer_validated());
    CHECK_FALSE(m.link->client.session().peer_validated());
}

TEST_CASE("revoked certificates") {
    Mutual m;
    const Identity revoked = make_identity({.common_name = "revoked", .issuer = &test_authority()});
    m.downstream.validation->crl.bytes = revocation_list(test_authority(), {&revoked});
    CHECK(m.accepted());
    m.upstream.certificates = {revoked.config()};
    CHECK_FALSE(m.accepted());
    CHECK(m.count("s.fail_verify_error") == 1);
    SUBCASE("of a chain, only the leaf when so configured") {
        const Identity middle =
            make_identity({.common_name = "middle", .issuer = &test_authority(), .authority = true});
        const Identity leaf = make_identity({.common_name = "leaf", .issuer = &middle});
        m.upstream.certificates = {leaf.config(&middle)};
        m.downstream.validation->crl.bytes = revocation_list(middle, {});
        CHECK_FALSE(m.accepted());  // nothing is known of the intermediate
        m.downstream.validation->only_verify_leaf_crl = true;
        CHECK(m.accepted());
    }
}

TEST_CASE("the server's certificate must be for the name that was sent") {
    auto upstream = client_config();
    upstream.validation = trust_in(test_authority());
    upstream.sni = "other.example";
    upstream.auto_sni_san_validation = true;
    Fixture f(server_config(), upstream);
    Link wrong(f);
    CHECK(wrong.client.state == Link::Handshake::failed);
    CHECK(f.count("c.fail_verify_san") == 1);
    CHECK(wrong.server.socket->failure().find("ALERT") != std::string_view::npos);
    Link right(f, {.server_name = "x.wild.example"});
    CHECK(right.complete());
    Link two_labels(f, {.server_name = "x.y.wild.example"});
    CHECK_FALSE(two_labels.complete());
}

TEST_CASE("the name that the certificate must be for need not be the one that is sent") {
    auto upstream = client_config();
    upstream.validation = trust_in(test_authority());
    upstream.sni = "a.example";
    Fixture f(server_config(), upstream);
    Link right(f, {.verified_name = "x.wild.example"});
    CHECK(right.complete());
    CHECK(right.server.session().sni() == "a.example");
    Link wrong(f, {.server_name = "x.wild.example", .verified_name = "other.example"});
    CHECK_FALSE(wrong.complete());
    Link address(f, {.verified_name = "192.0.2.77"});
    CHECK_FALSE(address.complete());
    CHECK(f.count("c.fail_verify_san") == 2);
}

TEST_CASE("a name that is too long to be sent is not a name that need not be checked") {
    auto upstream = client_config();
    upstream.validation = trust_in(test_authority());
    upstream.auto_sni_san_validation = true;
    Fixture f(server_config(), upstream);
    const std::string name = std::string(300, 'a') + ".example";
    Link link(f, {.server_name = name});
    CHECK_FALSE(link.complete());
    CHECK(f.count("c.fail_verify_san") == 1);
}

TEST_CASE("validation that cannot work is an error of the configuration") {
    Counters count;
    const auto error_of = [&](config::ValidationConfig validation) {
        auto config = server_config();
        validation.where = "f.yaml:7:3: validation_context";
        config.validation = std::move(validation);
        const auto made = make_server_context(config, {}, nullptr);
        return made.ok() ? "" : made.error().text;
    };
    const config::ValidationConfig trust = trust_in(test_authority());
    auto validation = trust;
    CHECK(error_of(validation).empty());
    validation.trusted_ca = {"garbage", "/etc/ca.pem"};
    CHECK(error_of(validation) ==
          "f.yaml:7:3: validation_context: Failed to load trusted CA certificates from /etc/ca.pem");
    validation.trusted_ca = {};
    validation.subject_alt_names = {matcher(Type::dns, Kind::exact, "a")};
    CHECK(error_of(validation).find("without trusted CA is insecure and not allowed") != std::string::npos);
    validation = trust;
    validation.subject_alt_names = {matcher(Type::dns, Kind::regex, "(")};
    CHECK(error_of(validation).find("invalid regex '('") != std::string::npos);
    validation = trust;
    validation.certificate_hashes = {"abcd"};
    CHECK(error_of(validation).find("Invalid hex-encoded SHA-256 abcd") != std::string::npos);
    validation = trust;
    validation.spki_hashes = {"AAAA"};
    CHECK(error_of(validation).find("Invalid base64-encoded SHA-256 AAAA") != std::string::npos);
    validation = trust;
    validation.crl.bytes = "none";
    CHECK(error_of(validation).find("Failed to load CRL from <inline>") != std::string::npos);
    validation = {};
    validation.crl.bytes = revocation_list(test_authority(), {});
    CHECK(error_of(validation).find("without trusted CA") != std::string::npos);

    auto upstream = client_config();
    upstream.auto_sni_san_validation = true;
    CHECK(make_client_context(upstream, {}).error().text.starts_with("test.yaml:3:1: common_tls_context: SAN-based"));
}
