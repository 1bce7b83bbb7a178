// SPDX-License-Identifier: Apache-2.0
// Certificates made on the spot, and a client and a server that shake hands over two buffers.
#pragma once

#include <doctest/doctest.h>
#include <openssl/pem.h>

#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include "proxy/network/tls_session.h"
#include "proxy/tls/context.h"
#include "proxy/tls/openssl.h"

namespace heirloom::tls::test {

inline std::string pem_of(X509* certificate) {
    const BioPtr bio(BIO_new(BIO_s_mem()));
    PEM_write_bio_X509(bio.get(), certificate);
    char* bytes = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &bytes);
    return {bytes, static_cast<size_t>(size)};
}

inline std::string pem_of(EVP_PKEY* key, const std::string& password = "") {
    const BioPtr bio(BIO_new(BIO_s_mem()));
    PEM_write_bio_PKCS8PrivateKey(bio.get(), key, password.empty() ? nullptr : EVP_aes_256_cbc(), password.data(),
                                  int(password.size()), nullptr, nullptr);
    char* bytes = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &bytes);
    return {bytes, static_cast<size_t>(size)};
}

// A certificate with its key.
struct Identity {
    X509Ptr certificate;
    KeyPtr key;

    std::string pem() const { return pem_of(certificate.get()); }
    config::CertificateConfig config(const Identity* intermediate = nullptr) const {
        config::CertificateConfig made;
        made.chain.bytes = pem() + (intermediate ? intermediate->pem() : "");
        made.private_key.bytes = pem_of(key.get());
        made.where = "test.yaml:1:1: tls_certificates[0]";
        return made;
    }
};

struct Wish {
    std::string common_name{};
    std::string alt_names{};  // as OpenSSL's configuration has them: "DNS:a.com,URI:spiffe://x"
    const Identity* issuer = nullptr;
    bool authority = false;
    bool rsa = false;
    int rsa_bits = 2048;
    int first_day = -1;
    int last_day = 30;
    bool must_staple = false;
};

inline Identity make_identity(const Wish& wish) {
    static long serial = 0xabc0;
    Identity made;
    made.key.reset(wish.rsa ? EVP_RSA_gen(static_cast<unsigned>(wish.rsa_bits)) : EVP_EC_gen("P-256"));
    made.certificate.reset(X509_new());
    X509* const certificate = made.certificate.get();
    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(certificate), wish.first_day * 86'400L);
    X509_gmtime_adj(X509_getm_notAfter(certificate), wish.last_day * 86'400L + 3600);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(wish.common_name.c_str()), -1, -1, 0);
    X509_set_pubkey(certificate, made.key.get());
    X509* const issuer = wish.issuer ? wish.issuer->certificate.get() : certificate;
    X509_set_issuer_name(certificate, X509_get_subject_name(issuer));
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    const auto extend = [&](int nid, const char* value) {
        X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value);
        REQUIRE(extension);
        X509_add_ext(certificate, extension, -1);
        X509_EXTENSION_free(extension);
    };
    extend(NID_basic_constraints, wish.authority ? "critical,CA:TRUE" : "critical,CA:FALSE");
    if (wish.authority) extend(NID_key_usage, "critical,keyCertSign,cRLSign");
    if (!wish.alt_names.empty()) extend(NID_subject_alt_name, wish.alt_names.c_str());
    if (wish.must_staple) extend(NID_tlsfeature, "status_request");
    EVP_PKEY* const signer = wish.issuer ? wish.issuer->key.get() : made.key.get();
    REQUIRE(X509_sign(certificate, signer, EVP_sha256()) > 0);
    return made;
}

inline const Identity& test_authority() {
    static const Identity authority = make_identity({.common_name = "Test CA", .authority = true});
    return authority;
}
inline const Identity& elliptic_server() {
    static const Identity made = make_identity(
        {.common_name = "ec", .alt_names = "DNS:a.example,DNS:*.wild.example", .issuer = &test_authority()});
    return made;
}
inline const Identity& rsa_server() {
    static const Identity made =
        make_identity({.common_name = "rsa", .alt_names = "DNS:a.example", .issuer = &test_authority(), .rsa = true});
    return made;
}
inline const Identity& test_client() {
    static const Identity made = make_identity({.common_name = "client",
                                                .alt_names = "URI:spiffe://test/client,DNS:client.example,"
                                                             "email:c@example.org,IP:10.0.0.1",
                                                .issuer = &test_authority()});
    return made;
}

inline config::ValidationConfig trust_in(const Identity& authority) {
    config::ValidationConfig made;
    made.trusted_ca.bytes = authority.pem();
    made.where = "test.yaml:2:1: validation_context";
    return made;
}

inline config::DownstreamTlsConfig server_config(std::vector<const Identity*> identities = {&elliptic_server()}) {
    config::DownstreamTlsConfig made;
    for (const Identity* identity : identities) made.certificates.push_back(identity->config());
    made.where = "test.yaml:1:1: common_tls_context";
    return made;
}

inline config::UpstreamTlsConfig client_config() {
    config::UpstreamTlsConfig made;
    made.maximum = config::TlsVersion::tls13;
    made.where = "test.yaml:3:1: common_tls_context";
    return made;
}

// Counts into a segment of its own.
struct Counters {
    std::shared_ptr<shm::Segment> segment;
    shm::Cell* row = nullptr;
    std::unique_ptr<stats::Registrar> registrar;

    Counters() {
        auto created = shm::Segment::create({.generation_slots = 4, .rows = 4, .stat_slots = 1u << 12});
        REQUIRE(created.ok());
        segment = *created;
        row = segment->row(*segment->claim_generation(0, 2), 0);
        stats::set_thread_row(row);
        registrar = std::make_unique<stats::Registrar>(stats::Registrar::for_owner(segment));
    }
    ~Counters() { stats::set_thread_row(nullptr); }
    uint64_t operator()(const std::string& name) { return row[registrar->counter(name).slot()].load(); }
};

struct Fixture {
    Counters count;
    std::shared_ptr<const ServerContext> server;
    std::shared_ptr<const ClientContext> client;

    Fixture(const config::DownstreamTlsConfig& downstream, const config::UpstreamTlsConfig& upstream,
            std::shared_ptr<const TicketKeys> keys = nullptr) {
        auto made_server =
            make_server_context(downstream, make_tls_stats(*count.registrar, "s.", downstream), std::move(keys));
        if (!made_server.ok()) FAIL(made_server.error().text);
        server = *made_server;
        auto made_client = make_client_context(upstream, make_tls_stats(*count.registrar, "c.", upstream));
        if (!made_client.ok()) FAIL(made_client.error().text);
        client = *made_client;
    }
};

// A connection between the two, without a network.
struct Link {
    using Handshake = network::TransportSocket::Handshake;
    using Input = network::TransportSocket::Input;

    struct End {
        std::unique_ptr<network::TransportSocket> socket;
        Handshake state = Handshake::wants_input;
        Input input = Input::open;
        network::Buffer in, out, plain;

        const network::TlsSession& session() const { return *socket->session(); }
        std::string take() {
            std::string text = plain.to_string();
            plain.clear();
            return text;
        }
        void send(std::string_view text) {
            network::Buffer bytes;
            bytes.append(text);
            while (!bytes.empty()) REQUIRE(socket->encode(bytes, out, 1 << 20));
        }
        void step() {
            if (state == Handshake::wants_input) {
                state = socket->handshake(in, out);
            }
            if (state == Handshake::complete && input == Input::open) input = socket->decode(in, plain, out);
        }
    };
    End client, server;

    Link(const Fixture& fixture, const ClientOptions& options = {}) : Link(*fixture.server, *fixture.client, options) {}
    Link(const ServerContext& server_context, const ClientContext& client_context, const ClientOptions& options = {}) {
        client.socket = client_context.make_socket(options);
        server.socket = server_context.make_socket();
        run();
    }
    // Until nobody has anything to say.
    void run() {
        client.step();
        do {
            server.in.move_from(client.out);
            server.step();
            client.in.move_from(server.out);
            client.step();
        } while (!client.out.empty());
    }
    bool complete() const { return client.state == Handshake::complete && server.state == Handshake::complete; }
};

}  // namespace heirloom::tls::test
