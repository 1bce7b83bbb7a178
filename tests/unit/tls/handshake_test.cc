// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/tls/fixture.h"

using namespace heirloom;
using namespace heirloom::tls;
using namespace heirloom::tls::test;
using config::TlsVersion;

TEST_CASE("a handshake, content both ways, and the end of each side") {
    auto upstream = client_config();
    upstream.sni = "A.example";
    upstream.validation = trust_in(test_authority());
    upstream.auto_sni_san_validation = true;
    SUBCASE("TLS 1.3") {}
    SUBCASE("TLS 1.2") { upstream.maximum = TlsVersion::automatic; }
    const bool new_one = upstream.maximum == TlsVersion::tls13;
    const std::string version = new_one ? "TLSv1.3" : "TLSv1.2";
    const std::string cipher = new_one ? "TLS_AES_128_GCM_SHA256" : "ECDHE-ECDSA-AES128-GCM-SHA256";
    auto downstream = server_config();
    downstream.alpn = {"h2", "http/1.1"};
    upstream.alpn = {"http/1.1", "h2"};
    Fixture f(downstream, upstream);
    Link link(f);
    REQUIRE(link.complete());
    for (const auto* end : {&link.client, &link.server}) {
        CHECK(end->session().version() == version);
        CHECK(end->session().cipher() == cipher);
        CHECK(end->session().alpn() == "h2");  // the server's order decides
        CHECK_FALSE(end->session().resumed());
    }
    CHECK(link.server.session().sni() == "A.example");
    CHECK(link.client.session().peer_validated());
    CHECK_FALSE(link.server.session().peer_validated());
    CHECK(link.server.session().peer_certificate() == nullptr);
    const network::CertificateInfo& shown = *link.client.session().peer_certificate();
    CHECK(shown.subject == "CN=ec");
    CHECK(shown.issuer == "CN=Test CA");
    CHECK(shown.dns_names == std::vector<std::string>{"a.example", "*.wild.example"});
    CHECK(shown.sha256.size() == 64);
    CHECK(link.server.session().local_certificate()->sha256 == shown.sha256);
    for (const std::string prefix : {"s.", "c."}) {
        CHECK(f.count(prefix + "handshake") == 1);
        CHECK(f.count(prefix + "ciphers." + cipher) == 1);
        CHECK(f.count(prefix + "versions." + version) == 1);
        CHECK(f.count(prefix + "curves.X25519") == 1);
        CHECK(f.count(prefix + "connection_error") == 0);
    }
    CHECK(f.count("c.sigalgs.ecdsa_secp256r1_sha256") == 1);
    CHECK(f.count("s.no_certificate") == 1);
    CHECK(f.count("c.no_certificate") == 0);

    link.client.send("request");
    link.run();
    CHECK(link.server.take() == "request");
    std::string body;
    for (int i = 0; i < 100'000; ++i) body += std::to_string(i);
    link.server.send(body);
    link.run();
    CHECK(link.client.take() == body);
    CHECK(link.client.in.empty());
    link.client.socket->finish(link.client.out);
    link.run();
    CHECK(link.server.input == Link::Input::finished);
    link.server.send("late answer");
    link.run();
    CHECK(link.client.take() == "late answer");
    link.server.socket->finish(link.server.out);
    link.run();
    CHECK(link.client.input == Link::Input::finished);
}

TEST_CASE("records are read byte by byte as well, and nothing is held back") {
    Fixture f(server_config(), client_config());
    Link link(f);
    link.client.send("first");
    link.client.send("second");
    const std::string wire = link.client.out.to_string();
    link.client.out.clear();
    std::string received;
    for (size_t i = 0; i < wire.size(); ++i) {
        link.server.in.append(wire.substr(i, 1));
        link.server.step();
        received += link.server.take();
        // An incomplete record lies in our buffer, not in the library's.
        if (i + 1 < wire.size() / 2) CHECK(link.server.in.size() == i + 1);
    }
    CHECK(received == "firstsecond");
}

TEST_CASE("small slices share records, full ones have their own") {
    Fixture f(server_config(), client_config());
    Link link(f);
    network::Buffer plain;
    for (int i = 0; i < 10; ++i) {
        network::Block* block = network::acquire_block();
        std::memcpy(block->data(), "0123456789", 10);
        plain.append(network::BlockRef(block), {block->data(), 10});
    }
    network::Buffer wire;
    REQUIRE(link.client.socket->encode(plain, wire, 1 << 20));
    CHECK(wire.size() == 5 + 100 + 1 + 16);  // one record of TLS 1.3
    wire.clear();
    plain.append(std::string(4 * 16384, 'x'));
    REQUIRE(link.client.socket->encode(plain, wire, 20'000));
    CHECK(plain.size() == 2 * 16384);  // not more ahead than wanted
    CHECK(wire.size() == 2 * (5 + 16384 + 1 + 16));
}

TEST_CASE("versions") {
    auto downstream = server_config();
    auto upstream = client_config();
    SUBCASE("the server wants more than the client has") {
        downstream.minimum = TlsVersion::tls13;
        upstream.maximum = TlsVersion::automatic;
        Fixture f(downstream, upstream);
        Link link(f);
        CHECK(link.server.state == Link::Handshake::failed);
        CHECK(link.client.state == Link::Handshake::failed);  // by the alert
        CHECK(link.server.socket->failure().find("UNSUPPORTED_PROTOCOL:TLS_error_end") != std::string_view::npos);
        CHECK(link.client.socket->failure().starts_with("TLS_error:|"));
        CHECK(f.count("s.connection_error") == 1);
        CHECK(f.count("c.connection_error") == 1);
    }
    SUBCASE("old ones when asked for") {
        downstream.minimum = TlsVersion::tls10;
        downstream.maximum = TlsVersion::tls10;
        downstream.cipher_suites = {"ECDHE-ECDSA-AES128-SHA"};
        upstream.minimum = TlsVersion::tls10;
        upstream.cipher_suites = {"ECDHE-ECDSA-AES128-SHA", "ECDHE-RSA-AES128-SHA"};
        Fixture f(downstream, upstream);
        Link link(f);
        REQUIRE(link.complete());
        CHECK(link.server.session().version() == "TLSv1");
        CHECK(f.count("s.versions.TLSv1") == 1);
        CHECK(f.count("s.ciphers.ECDHE-ECDSA-AES128-SHA") == 1);
    }
}

TEST_CASE("cipher suites and groups as the field writes them") {
    auto downstream = server_config();
    auto upstream = client_config();
    upstream.maximum = TlsVersion::automatic;
    const auto agreed = [&] {
        Fixture f(downstream, upstream);
        Link link(f);
        REQUIRE(link.complete());
        return std::string(link.server.session().cipher());
    };
    downstream.cipher_suites = {"ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384",
                                "ECDHE-ECDSA-AES128-GCM-SHA256"};
    CHECK(agreed() == "ECDHE-ECDSA-AES256-GCM-SHA384");
    downstream.prefer_client_ciphers = true;
    CHECK(agreed() == "ECDHE-ECDSA-AES128-GCM-SHA256");
    downstream.prefer_client_ciphers = false;
    downstream.cipher_suites = {"[ECDHE-ECDSA-AES128-GCM-SHA256|ECDHE-ECDSA-CHACHA20-POLY1305]"};
    CHECK(agreed() == "ECDHE-ECDSA-AES128-GCM-SHA256");
    upstream.cipher_suites = {"ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-ECDSA-AES128-GCM-SHA256"};
    CHECK(agreed() == "ECDHE-ECDSA-CHACHA20-POLY1305");
    downstream.groups = {"P-384", "P-256"};
    upstream.groups = {"X25519", "P-256", "P-384"};
    Fixture f(downstream, upstream);
    Link link(f);
    REQUIRE(link.complete());
    CHECK(f.count("s.curves.P-384") == 1);
}

TEST_CASE("no protocol in common goes on without one") {
    auto downstream = server_config();
    downstream.alpn = {"h2"};
    auto upstream = client_config();
    const std::vector<std::string> offered{"http/1.1"};
    Fixture f(downstream, upstream);
    Link none(f, {.alpn = offered});
    REQUIRE(none.complete());
    CHECK(none.client.session().alpn().empty());
    const std::vector<std::string> both{"http/1.1", "h2"};
    Link some(f, {.alpn = both});
    CHECK(some.client.session().alpn() == "h2");
}

TEST_CASE("what is not TLS, or broken, or too long, ends with an alert and is counted") {
    Fixture f(server_config(), client_config());
    const auto fed = [&](const std::string& bytes) {
        network::Buffer in, out;
        auto socket = f.server->make_socket();
        in.append(bytes);
        const auto state = socket->handshake(in, out);
        if (state == Link::Handshake::failed) CHECK_FALSE(socket->failure().empty());
        CHECK(socket->handshake(in, out) == state);
        return state;
    };
    CHECK(fed("GET / HTTP/1.1\r\nhost: a\r\n\r\n") == Link::Handshake::failed);
    CHECK(fed(std::string(300, '\xff')) == Link::Handshake::failed);
    CHECK(fed(std::string("\x16\x03\x01\x00\x05hello", 10)) == Link::Handshake::failed);
    CHECK(fed(std::string("\x16\x03\x01\xff\xff", 5)) == Link::Handshake::failed);
    CHECK(fed(std::string("\x15\x03\x01\x00\x02\x02\x28", 7)) == Link::Handshake::failed);
    CHECK(f.count("s.connection_error") == 5);
    CHECK(fed(std::string("\x16\x03\x01\x02\x00hello", 10)) == Link::Handshake::wants_input);
    CHECK(fed("") == Link::Handshake::wants_input);

    SUBCASE("a record with a flipped bit") {
        Link link(f);
        link.client.send("precious");
        std::string wire = link.client.out.to_string();
        wire[7] ^= 1;
        link.server.in.append(wire);
        link.server.step();
        CHECK(link.server.input == Link::Input::failed);
        CHECK(link.server.take().empty());
        CHECK_FALSE(link.server.out.empty());  // the alert
        CHECK(link.server.socket->failure().find("BAD_RECORD_MAC") != std::string_view::npos);
        network::Buffer more;
        more.append("x");
        CHECK_FALSE(link.server.socket->encode(more, link.server.out, 1000));
    }
    SUBCASE("a record that says it is too long") {
        Link link(f);
        link.server.in.append(std::string("\x17\x03\x03\xff\xff", 5));
        link.server.step();
        CHECK(link.server.input == Link::Input::failed);
        CHECK_FALSE(link.server.out.empty());
    }
    CHECK(f.count("s.connection_error") == 6);
}

TEST_CASE("renegotiation is refused") {
    auto upstream = client_config();
    upstream.maximum = TlsVersion::tls12;
    Fixture f(server_config(), upstream);
    // A client that is not ours, since ours does not ask.
    const SslCtxPtr context(SSL_CTX_new(TLS_client_method()));
    SSL_CTX_set_max_proto_version(context.get(), TLS1_2_VERSION);
    const SslPtr ssl(SSL_new(context.get()));
    SSL_set_connect_state(ssl.get());
    BIO* const in = BIO_new(BIO_s_mem());
    BIO* const out = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl.get(), in, out);
    auto server = f.server->make_socket();
    network::Buffer to_server, to_client, plain;
    auto state = Link::Handshake::wants_input;
    const auto exchange = [&] {
        char bytes[65536];
        const int got = BIO_read(out, bytes, sizeof(bytes));
        if (got > 0) to_server.append({bytes, size_t(got)});
        if (state != Link::Handshake::complete) {
            state = server->handshake(to_server, to_client);
        } else {
            (void)server->decode(to_server, plain, to_client);
        }
        const std::string answer = to_client.to_string();
        to_client.clear();
        BIO_write(in, answer.data(), int(answer.size()));
        return answer.size();
    };
    for (int i = 0; i < 4 && SSL_do_handshake(ssl.get()) != 1; ++i) exchange();
    exchange();
    REQUIRE(state == Link::Handshake::complete);
    REQUIRE(SSL_renegotiate(ssl.get()) == 1);
    SSL_do_handshake(ssl.get());
    CHECK(exchange() > 0);  // an alert
    CHECK(SSL_do_handshake(ssl.get()) != 1);
    ERR_clear_error();
    CHECK(f.count("s.handshake") == 1);
}
