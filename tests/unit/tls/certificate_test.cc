// SPDX-License-Identifier: Apache-2.0
#include "proxy/tls/certificate.h"

#include <fcntl.h>
#include <openssl/ocsp.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/unit/tls/fixture.h"

using namespace heirloom;
using namespace heirloom::tls;
using namespace heirloom::tls::test;
using Stapling = config::DownstreamTlsConfig::Stapling;

namespace {

std::string error_of(const config::DownstreamTlsConfig& config) {
    const auto made = make_server_context(config, {}, nullptr);
    return made.ok() ? "" : made.error().text;
}

std::string staple_for(const Identity& identity, const Identity& issuer, long expires_in) {
    const std::unique_ptr<OCSP_BASICRESP, Freer<OCSP_BASICRESP_free>> basic(OCSP_BASICRESP_new());
    OCSP_CERTID* const id = OCSP_cert_to_id(EVP_sha1(), identity.certificate.get(), issuer.certificate.get());
    const std::unique_ptr<ASN1_TIME, Freer<ASN1_TIME_free>> from(X509_gmtime_adj(nullptr, -7200));
    const std::unique_ptr<ASN1_TIME, Freer<ASN1_TIME_free>> until(X509_gmtime_adj(nullptr, expires_in));
    OCSP_basic_add1_status(basic.get(), id, V_OCSP_CERTSTATUS_GOOD, 0, nullptr, from.get(), until.get());
    OCSP_CERTID_free(id);
    OCSP_basic_sign(basic.get(), issuer.certificate.get(), issuer.key.get(), EVP_sha256(), nullptr, 0);
    const std::unique_ptr<OCSP_RESPONSE, Freer<OCSP_RESPONSE_free>> response(
        OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic.get()));
    unsigned char* der = nullptr;
    const int size = i2d_OCSP_RESPONSE(response.get(), &der);
    std::string bytes(reinterpret_cast<const char*>(der), size_t(size));
    OPENSSL_free(der);
    return bytes;
}

// A client of the library that asks for a staple; what it got.
struct Asking {
    bool complete = false;
    std::string staple;
    explicit Asking(const Fixture& f) {
        const SslCtxPtr context(SSL_CTX_new(TLS_client_method()));
        SSL_CTX_set_tlsext_status_type(context.get(), TLSEXT_STATUSTYPE_ocsp);
        const SslPtr ssl(SSL_new(context.get()));
        SSL_set_connect_state(ssl.get());
        BIO* const in = BIO_new(BIO_s_mem());
        BIO* const out = BIO_new(BIO_s_mem());
        SSL_set_bio(ssl.get(), in, out);
        auto server = f.server->make_socket();
        network::Buffer to_server, to_client;
        auto state = Link::Handshake::wants_input;
        for (int i = 0; i < 4; ++i) {
            complete = SSL_do_handshake(ssl.get()) == 1 && state == Link::Handshake::complete;
            char bytes[65536];
            const int got = BIO_read(out, bytes, sizeof(bytes));
            if (got > 0) to_server.append({bytes, size_t(got)});
            if (state == Link::Handshake::wants_input) state = server->handshake(to_server, to_client);
            const std::string answer = to_client.to_string();
            to_client.clear();
            BIO_write(in, answer.data(), int(answer.size()));
        }
        const unsigned char* response = nullptr;
        const long size = SSL_get_tlsext_status_ocsp_resp(ssl.get(), &response);
        if (size > 0) staple.assign(reinterpret_cast<const char*>(response), size_t(size));
        ERR_clear_error();
    }
};

}  // namespace

TEST_CASE("errors name the place and the file") {
    auto config = server_config();
    CHECK(error_of(config).empty());
    auto& certificate = config.certificates[0];
    const std::string where = "test.yaml:1:1: tls_certificates[0]: ";
    certificate.chain = {"no certificate", "/etc/x.pem"};
    CHECK(error_of(config) == where + "Failed to load certificate chain from /etc/x.pem");
    certificate = elliptic_server().config();
    certificate.chain.bytes += "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    CHECK(error_of(config) == where + "Failed to load certificate chain from <inline>");
    certificate = elliptic_server().config();
    certificate.private_key = {"garbage", "/etc/k.pem"};
    CHECK(error_of(config).starts_with(where + "Failed to load private key from /etc/k.pem, Cause: "));
    certificate.private_key.bytes = pem_of(test_client().key.get());
    CHECK(error_of(config).find("key values mismatch") != std::string::npos);
    config.certificates.clear();
    CHECK(error_of(config) == "test.yaml:1:1: common_tls_context: No TLS certificates found for server context");
    const Identity weak = make_identity({.common_name = "weak", .rsa = true, .rsa_bits = 1024});
    config.certificates = {weak.config()};
    CHECK(error_of(config).find("only RSA certificates with 2048-bit or larger keys") != std::string::npos);
}

TEST_CASE("parameters that the library does not have") {
    auto config = server_config();
    config.cipher_suites = {"ECDHE-RSA-AES128-GCM-SHA256", "NO-SUCH-CIPHER"};
    CHECK(error_of(config).ends_with("The following ciphers were rejected when tried individually: NO-SUCH-CIPHER"));
    config.cipher_suites.clear();
    config.groups = {"X25519", "P-1"};
    CHECK(error_of(config) == "test.yaml:1:1: common_tls_context: Failed to initialize ECDH curves X25519:P-1");
    config.groups.clear();
    config.alpn = {""};
    CHECK(error_of(config).find("Invalid ALPN protocol string") != std::string::npos);
    config.alpn.clear();
    config.ticket_keys = {"short"};
    CHECK(error_of(config).find("a key has 5 bytes, not 80") != std::string::npos);
    config.ticket_keys.clear();
    config.minimum = config::TlsVersion::tls13;
    config.maximum = config::TlsVersion::tls12;
    CHECK(error_of(config).find("is above") != std::string::npos);
    auto upstream = client_config();
    upstream.certificates = {test_client().config(), test_client().config()};
    CHECK(make_client_context(upstream, {}).error().text.find("Multiple TLS certificates") != std::string::npos);
}

TEST_CASE("an encrypted key") {
    auto config = server_config();
    config.certificates[0].private_key.bytes = pem_of(elliptic_server().key.get(), "secret");
    CHECK_FALSE(error_of(config).empty());
    config.certificates[0].password = "wrong";
    CHECK_FALSE(error_of(config).empty());
    config.certificates[0].password = "secret";
    CHECK(error_of(config).empty());
}

TEST_CASE("the certificate is chosen by name, then by type of key") {
    const Identity other =
        make_identity({.common_name = "other", .alt_names = "DNS:b.example", .issuer = &test_authority()});
    const Identity nameless = make_identity({.common_name = "only.in.cn", .issuer = &test_authority(), .rsa = true});
    auto downstream = server_config({&rsa_server(), &elliptic_server(), &other, &nameless});
    auto upstream = client_config();
    const auto shown = [&](const std::string& name) {
        Fixture f(downstream, upstream);
        Link link(f, {.server_name = name});
        REQUIRE(link.complete());
        return link.client.session().peer_certificate()->subject;
    };
    CHECK(shown("a.example") == "CN=ec");
    CHECK(shown("A.Example") == "CN=ec");
    CHECK(shown("b.example") == "CN=other");
    CHECK(shown("x.wild.example") == "CN=ec");
    CHECK(shown("only.in.cn") == "CN=only.in.cn");
    CHECK(shown("unknown.example") == "CN=rsa");  // the first
    CHECK(shown("") == "CN=ec");
    downstream.full_scan_on_sni_mismatch = true;
    CHECK(shown("unknown.example") == "CN=ec");
    // A client that cannot do ECDSA.
    upstream.maximum = config::TlsVersion::tls12;
    upstream.cipher_suites = {"ECDHE-RSA-AES128-GCM-SHA256"};
    CHECK(shown("a.example") == "CN=rsa");
    CHECK(shown("") == "CN=rsa");
}

TEST_CASE("a name may be required") {
    auto downstream = server_config();
    downstream.require_sni = true;
    Fixture f(downstream, client_config());
    Link without(f);
    CHECK(without.server.state == Link::Handshake::failed);
    CHECK(Link(f, {.server_name = "any.example"}).complete());
}

TEST_CASE("OCSP staples by policy") {
    const Identity& identity = elliptic_server();
    const std::string fresh = staple_for(identity, test_authority(), 3600);
    const std::string stale = staple_for(identity, test_authority(), -60);
    auto downstream = server_config();
    const auto ask = [&](const std::string& staple, Stapling policy, const std::string& counted) {
        downstream.certificates[0].ocsp_staple.bytes = staple;
        downstream.stapling = policy;
        Fixture f(downstream, client_config());
        const Asking asking(f);
        CHECK(f.count("s.ocsp_staple_requests") == 1);
        CHECK(f.count("s.ocsp_staple_" + counted) == 1);
        CHECK(Link(f).complete());  // who does not ask is served in any case
        CHECK(asking.staple == (counted == "responses" ? staple : ""));
        return asking.complete;
    };
    CHECK(ask(fresh, Stapling::lenient, "responses"));
    CHECK(ask(fresh, Stapling::must_staple, "responses"));
    CHECK(ask(stale, Stapling::lenient, "omitted"));
    CHECK(ask("", Stapling::lenient, "omitted"));
    CHECK(ask("", Stapling::strict, "omitted"));
    CHECK_FALSE(ask(stale, Stapling::strict, "failed"));
    CHECK_FALSE(ask(stale, Stapling::must_staple, "failed"));

    downstream.certificates[0].ocsp_staple.bytes.clear();
    CHECK(error_of(downstream).find("Required OCSP response is missing") != std::string::npos);
    downstream.stapling = Stapling::lenient;
    downstream.certificates[0].ocsp_staple.bytes = "garbage";
    CHECK(error_of(downstream).find("not an OCSP response") != std::string::npos);
    downstream.certificates[0].ocsp_staple.bytes = staple_for(test_client(), test_authority(), 3600);
    CHECK(error_of(downstream).find("does not match its TLS certificate") != std::string::npos);
    const Identity must = make_identity({.common_name = "must", .issuer = &test_authority(), .must_staple = true});
    downstream.certificates = {must.config()};
    CHECK(error_of(downstream).find("OCSP response is required for must-staple") != std::string::npos);
}

TEST_CASE("what is loaded can be listed") {
    auto downstream = server_config();
    downstream.certificates[0].chain.path = "/etc/tls/a.pem";
    downstream.validation = trust_in(test_authority());
    const auto made = make_server_context(downstream, {}, nullptr);
    REQUIRE(made.ok());
    REQUIRE((*made)->chains().size() == 1);
    const LoadedCertificate& chain = (*made)->chains()[0];
    CHECK(chain.path == "/etc/tls/a.pem");
    CHECK(chain.dns_names == std::vector<std::string>{"a.example", "*.wild.example"});
    const auto now = std::chrono::system_clock::now();
    CHECK(chain.days_until_expiration(now) == 30);
    CHECK(chain.days_until_expiration(now + std::chrono::hours(24 * 40)) == 0);
    REQUIRE((*made)->authorities().size() == 1);
    CHECK((*made)->authorities()[0].path == "<inline>");
}

TEST_CASE("keys are logged where that is configured") {
    const std::string path = std::filesystem::temp_directory_path() / ("keys." + std::to_string(::getpid()));
    auto downstream = server_config();
    downstream.key_log_path = path;
    {
        Fixture f(downstream, client_config());
        CHECK(Link(f).complete());
    }
    std::ifstream file(path);
    std::string line;
    size_t lines = 0;
    while (std::getline(file, line)) {
        ++lines;
        CHECK(line.find("_SECRET") != std::string::npos);
    }
    CHECK(lines >= 4);
    std::filesystem::remove(path);
    downstream.key_log_path = "/no/such/folder/keys";
    CHECK(error_of(downstream).find("cannot open the key log /no/such/folder/keys: ") != std::string::npos);
}
