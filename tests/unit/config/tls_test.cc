// SPDX-License-Identifier: Apache-2.0
// What the configuration says of TLS: contexts, secrets, files of secrets. Nothing here looks into a certificate.
#include <doctest/doctest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "proxy/config/secret_file.h"
#include "tests/unit/config/load_text.h"

using namespace heirloom;
using namespace heirloom::config;
using namespace std::chrono_literals;

namespace {

// A directory that goes with the test.
struct Directory {
    Directory() : path(std::filesystem::temp_directory_path() / ("heirloom_tls_" + std::to_string(getpid()))) {
        std::filesystem::create_directories(path);
    }
    ~Directory() { std::filesystem::remove_all(path); }
    std::string write(const char* name, const std::string& text) const {
        std::ofstream(path / name) << text;
        return path / name;
    }
    std::filesystem::path path;
};

const std::string kTls = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.";
const std::string kCertificate = "{certificate_chain: {inline_string: CHAIN}, private_key: {inline_string: KEY}}";

// A listener whose context has these fields.
std::string downstream(const std::string& fields, const std::string& secrets = "[]") {
    return "static_resources:\n  secrets: " + secrets +
           "\n  listeners:\n  - address: {socket_address: {address: 127.0.0.1, port_value: 0}}\n"
           "    filter_chains:\n    - filters: [{name: t, typed_config: {\"@type\": "
           "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: t, cluster: c}}]\n"
           "      transport_socket:\n        name: tls\n        typed_config: {\"@type\": " +
           kTls + "DownstreamTlsContext, " + fields + "}\n";
}

std::string upstream(const std::string& fields) {
    return "static_resources:\n  clusters:\n  - name: c\n    transport_socket:\n      name: tls\n"
           "      typed_config: {\"@type\": " +
           kTls + "UpstreamTlsContext, " + fields + "}\n";
}

const std::string kContext = "static_resources.listeners[0].filter_chains[0].transport_socket.typed_config";

}  // namespace

TEST_CASE("a downstream context with all its fields") {
    const Directory directory;
    const std::string chain = directory.write("chain.pem", "PEM");
    const std::string key(80, 'k');
    const auto snapshot = load(downstream(
        "common_tls_context: {tls_params: {tls_minimum_protocol_version: TLSv1_0, tls_maximum_protocol_version: "
        "TLSv1_3, cipher_suites: A:B, ecdh_curves: [X25519, P-256]}, tls_certificates: [{certificate_chain: "
        "{filename: " +
        chain +
        "}, private_key: {inline_string: KEY}, password: {inline_string: secret}, ocsp_staple: {inline_bytes: AQID}}], "
        "validation_context: {trusted_ca: {inline_string: CA}, crl: {inline_string: CRL}, verify_certificate_hash: "
        "['AB:cd'], verify_certificate_spki: [x=], allow_expired_certificate: true, trust_chain_verification: "
        "ACCEPT_UNTRUSTED, only_verify_leaf_cert_crl: true, max_verify_depth: 3, match_typed_subject_alt_names: "
        "[{san_type: DNS, matcher: {suffix: .a.com, ignore_case: true}}, {san_type: URI, matcher: {safe_regex: {regex: "
        "'s.*'}}}]}, alpn_protocols: [h2, http/1.1], key_log: {path: /tmp/keys}}, require_client_certificate: true, "
        "require_sni: true, session_ticket_keys: {keys: [{inline_string: " +
        key +
        "}]}, session_timeout: 60s, ocsp_staple_policy: STRICT_STAPLING, full_scan_certs_on_sni_mismatch: true, "
        "disable_stateful_session_resumption: true, prefer_client_ciphers: true"));
    REQUIRE_MESSAGE(snapshot.ok(), snapshot.error().text);
    const DownstreamTlsConfig& tls = *(*snapshot)->listeners.at(0).filter_chains.at(0).tls;
    CHECK(tls.where == "--config-yaml:9:9: " + kContext);
    CHECK(tls.minimum == TlsVersion::tls10);
    CHECK(tls.maximum == TlsVersion::tls13);
    CHECK(tls.cipher_suites == std::vector<std::string>{"A:B"});
    CHECK(tls.groups.size() == 2);
    REQUIRE(tls.certificates.size() == 1);
    CHECK(tls.certificates[0].chain.bytes == "PEM");
    CHECK(tls.certificates[0].chain.path == chain);
    CHECK(tls.certificates[0].private_key.bytes == "KEY");
    CHECK(tls.certificates[0].private_key.path.empty());
    CHECK(tls.certificates[0].password == "secret");
    CHECK(tls.certificates[0].ocsp_staple.bytes == "\1\2\3");
    CHECK(tls.certificates[0].where.ends_with(kContext + ".common_tls_context.tls_certificates[0]"));
    REQUIRE(tls.validation);
    CHECK(tls.validation->trusted_ca.bytes == "CA");
    CHECK(tls.validation->crl.bytes == "CRL");
    CHECK(tls.validation->certificate_hashes.at(0) == "abcd");
    CHECK(tls.validation->spki_hashes.at(0) == "x=");
    CHECK(tls.validation->allow_expired_certificate);
    CHECK(tls.validation->accept_untrusted);
    CHECK(tls.validation->only_verify_leaf_crl);
    CHECK(tls.validation->max_verify_depth == 3);
    REQUIRE(tls.validation->subject_alt_names.size() == 2);
    CHECK(tls.validation->subject_alt_names[0].text.kind == TextMatcher::Kind::suffix);
    CHECK(tls.validation->subject_alt_names[0].text.ignore_case);
    CHECK(tls.validation->subject_alt_names[1].type == SubjectAltNameMatcher::Type::uri);
    CHECK(tls.validation->subject_alt_names[1].text.kind == TextMatcher::Kind::regex);
    CHECK(tls.alpn == std::vector<std::string>{"h2", "http/1.1"});
    CHECK(tls.key_log_path == "/tmp/keys");
    CHECK(tls.require_client_certificate);
    CHECK(tls.require_sni);
    CHECK(tls.ticket_keys == std::vector<std::string>{key});
    CHECK(tls.session_timeout == 60s);
    CHECK(tls.stapling == DownstreamTlsConfig::Stapling::strict);
    CHECK(tls.full_scan_on_sni_mismatch);
    CHECK(tls.disable_stateful_sessions);
    CHECK(tls.prefer_client_ciphers);
    SUBCASE("and no secret is shown") {
        const std::string& dump = (*snapshot)->dump.bootstrap;
        CHECK(dump.find(key) == std::string::npos);
        CHECK(dump.find("\"inline_string\":\"KEY\"") == std::string::npos);
        CHECK(dump.find("\"private_key\":{\"inline_string\":\"[redacted]\"}") != std::string::npos);
        CHECK(dump.find("\"password\":{\"inline_string\":\"[redacted]\"}") != std::string::npos);
        CHECK(dump.find(chain) != std::string::npos);
        CHECK((*snapshot)->dump.listeners.at(0).second.find("[redacted]") != std::string::npos);
    }
}

TEST_CASE("an upstream context, also behind a PROXY header") {
    const std::string context = "common_tls_context: {tls_certificates: [" + kCertificate +
                                "], validation_context: {trusted_ca: {inline_string: CA}}}, sni: a.com, "
                                "auto_host_sni: true, auto_sni_san_validation: true, allow_renegotiation: true, "
                                "max_session_keys: 0";
    const auto snapshot = load(upstream(context));
    REQUIRE_MESSAGE(snapshot.ok(), snapshot.error().text);
    const UpstreamTlsConfig& tls = *(*snapshot)->clusters.at(0).tls;
    CHECK(tls.sni == "a.com");
    CHECK(tls.auto_host_sni);
    CHECK(tls.auto_sni_san_validation);
    CHECK(tls.allow_renegotiation);
    CHECK(tls.max_session_keys == 0);
    CHECK((*snapshot)->clusters[0].proxy_protocol == ClusterConfig::ProxyProtocol::none);

    const auto wrapped = [&](const std::string& fields) {
        return "static_resources: {clusters: [{name: c, transport_socket: {name: p, typed_config: {\"@type\": "
               "type.googleapis.com/envoy.extensions.transport_sockets.proxy_protocol.v3."
               "ProxyProtocolUpstreamTransport" +
               fields + "}}}]}";
    };
    const auto both =
        load(wrapped(", config: {version: V2}, transport_socket: {name: t, typed_config: {\"@type\": " + kTls +
                     "UpstreamTlsContext, sni: b.com}}"));
    REQUIRE_MESSAGE(both.ok(), both.error().text);
    CHECK((*both)->clusters[0].proxy_protocol == ClusterConfig::ProxyProtocol::v2);
    CHECK((*both)->clusters[0].tls->sni == "b.com");
    CHECK(errors_of(wrapped("")) ==
          "static_resources.clusters[0].transport_socket.typed_config.transport_socket: required");
}

TEST_CASE("what is wrong with a context") {
    const std::string common = kContext + ".common_tls_context.";
    CHECK(errors_of(downstream("")) == kContext + ": No TLS certificates found for server context");
    CHECK(errors_of(downstream("common_tls_context: {tls_certificates: [{}]}")) ==
          common + "tls_certificates[0].certificate_chain: required\n" + common +
              "tls_certificates[0].private_key: required");
    CHECK(errors_of(downstream("common_tls_context: {tls_certificates: [{certificate_chain: {filename: /no/chain}, "
                               "private_key: {filename: ''}}]}")) ==
          common +
              "tls_certificates[0].certificate_chain.filename: unable to read file: /no/chain: No such file or "
              "directory\n" +
              common + "tls_certificates[0].private_key.filename: required, and must not be empty");
    const auto with = [&](const std::string& more, const std::string& fields = "") {
        return errors_of(
            downstream("common_tls_context: {tls_certificates: [" + kCertificate + "]" + more + "}" + fields));
    };
    CHECK(with("") == "loaded");
    CHECK(with(", key_log: {}") == common + "key_log.path: required, and must not be empty");
    CHECK(with(", validation_context: {max_verify_depth: 101}") ==
          common + "validation_context.max_verify_depth: must be at most 100");
    CHECK(with(", validation_context: {match_typed_subject_alt_names: [{}]}") ==
          common + "validation_context.match_typed_subject_alt_names[0].san_type: required\n" + common +
              "validation_context.match_typed_subject_alt_names[0].matcher: required");
    CHECK(with(", validation_context: {match_typed_subject_alt_names: [{san_type: DNS, matcher: {prefix: ''}}]}") ==
          common +
              "validation_context.match_typed_subject_alt_names[0].matcher.prefix: required, and must not be "
              "empty");
    CHECK(with(", combined_validation_context: {}") ==
          common + "combined_validation_context.default_validation_context: required\n" + common +
              "combined_validation_context.validation_context_sds_secret_config: required");
    CHECK(with("", ", session_ticket_keys: {}") == kContext + ".session_ticket_keys.keys: at least one is required");
    CHECK(with("", ", session_ticket_keys: {keys: [{inline_string: short}]}") ==
          kContext +
              ".session_ticket_keys.keys[0]: Incorrect TLS session ticket key length. Length 5, expected length 80.");
    CHECK(with("", ", session_timeout: -1s") == kContext + ".session_timeout: must not be negative");
    const std::string up = "static_resources.clusters[0].transport_socket.typed_config.";
    CHECK(errors_of(upstream("common_tls_context: {tls_certificates: [" + kCertificate + ", " + kCertificate + "]}")) ==
          up + "common_tls_context: Multiple TLS certificates are not supported for client contexts");
    CHECK(errors_of(upstream("sni: \"a\\0b\"")) == up + "sni: SNI names containing NULL-byte are not allowed");
    CHECK(errors_of(upstream("auto_sni_san_validation: true")) ==
          up + "auto_sni_san_validation: 'auto_sni_san_validation' was configured without a validation context");
    CHECK(errors_of(upstream("common_tls_context: {validation_context: {}}, auto_sni_san_validation: true")) ==
          up + "auto_sni_san_validation: 'auto_sni_san_validation' was configured without configuring a trusted CA");
}

TEST_CASE("secrets of the bootstrap are taken by name") {
    const std::string secrets = "[{name: cert, tls_certificate: " + kCertificate +
                                "}, {name: ca, validation_context: {trusted_ca: {inline_string: CA}}}, {name: keys, "
                                "session_ticket_keys: {keys: [{inline_string: " +
                                std::string(80, 'x') + "}]}}]";
    const auto snapshot =
        load(downstream("common_tls_context: {tls_certificate_sds_secret_configs: [{name: cert}], "
                        "combined_validation_context: {default_validation_context: {max_verify_depth: 2, "
                        "verify_certificate_spki: [a]}, validation_context_sds_secret_config: {name: ca}}}, "
                        "session_ticket_keys_sds_secret_config: {name: keys}",
                        secrets));
    REQUIRE_MESSAGE(snapshot.ok(), snapshot.error().text);
    const DownstreamTlsConfig& tls = *(*snapshot)->listeners.at(0).filter_chains.at(0).tls;
    CHECK(tls.certificates.at(0).chain.bytes == "CHAIN");
    CHECK(tls.certificates[0].where.ends_with("static_resources.secrets[0].tls_certificate"));
    CHECK(tls.certificate_secrets.empty());
    CHECK(tls.validation->trusted_ca.bytes == "CA");
    CHECK(tls.validation->max_verify_depth == 2);
    CHECK_FALSE(tls.validation_secret);
    CHECK(tls.ticket_keys.at(0) == std::string(80, 'x'));
    CHECK_FALSE(tls.ticket_keys_secret);

    CHECK(errors_of(downstream("common_tls_context: {tls_certificate_sds_secret_configs: [{name: none}], "
                               "validation_context_sds_secret_config: {name: cert}}, "
                               "session_ticket_keys_sds_secret_config: {name: ca}",
                               secrets)) ==
          kContext + ".common_tls_context.tls_certificate_sds_secret_configs[0].name: Unknown static secret: none\n" +
              kContext +
              ".common_tls_context.validation_context_sds_secret_config.name: Unknown static certificate validation "
              "context: cert\n" +
              kContext + ".session_ticket_keys_sds_secret_config.name: Unknown tls session ticket keys: ca");
    CHECK(errors_of("static_resources: {secrets: [{name: a, validation_context: {}}, {name: a, validation_context: {}},"
                    " {}]}") ==
          "static_resources.secrets[1].name: duplicate secret 'a'\n"
          "static_resources.secrets[2].name: required, and must not be empty\n"
          "static_resources.secrets[2]: one of tls_certificate, session_ticket_keys, validation_context is required");
}

TEST_CASE("files of secrets are read with all they name") {
    const Directory directory;
    const std::string chain = directory.write("chain.pem", "PEM");
    const std::string good = directory.write(
        "good.yaml", "version_info: \"7\"\nresources:\n- \"@type\": " + kTls +
                         "Secret\n  name: cert\n  tls_certificate: {certificate_chain: {filename: " + chain +
                         "}, private_key: {inline_string: KEY}}\n");
    const Result<SecretFile> file = load_secret_file(good);
    REQUIRE_MESSAGE(file.ok(), file.error().text);
    CHECK(file->version == "7");
    CHECK(find_secret(file->certificates, "cert")->chain.bytes == "PEM");
    CHECK(find_secret(file->certificates, "cert")->where == good + ":5:3: resources[0].tls_certificate");
    CHECK(find_secret(file->validations, "cert") == nullptr);

    const auto source = [](const std::string& path, const std::string& name) {
        return downstream("common_tls_context: {tls_certificate_sds_secret_configs: [{name: " + name +
                          ", sds_config: {resource_api_version: V3, path_config_source: {path: " + path +
                          ", watched_directory: {path: /watched}}}}]}");
    };
    const auto snapshot = load(source(good, "cert"));
    REQUIRE_MESSAGE(snapshot.ok(), snapshot.error().text);
    const SecretSource& secret = (*snapshot)->listeners.at(0).filter_chains.at(0).tls->certificate_secrets.at(0);
    CHECK(secret.name == "cert");
    CHECK(secret.path == good);
    CHECK(secret.watched_directory == "/watched");
    const std::string at = kContext +
                           ".common_tls_context.tls_certificate_sds_secret_configs[0].sds_config."
                           "path_config_source.path: ";
    CHECK(errors_of(source(good, "other")) == at + good + ": no secret of this kind and name: other");
    CHECK(errors_of(source("/no/file.yaml", "x")) ==
          at + "unable to read file: /no/file.yaml: No such file or directory");
    const std::string pipe = directory.path / "pipe.yaml";  // nobody writes: to open it would wait for ever
    REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
    CHECK(errors_of(source(pipe, "x")) == at + "unable to read file: " + pipe + ": not a regular file");
    const std::string piped = directory.write(
        "piped.yaml", "resources:\n- \"@type\": " + kTls +
                          "Secret\n  name: cert\n  tls_certificate: {certificate_chain: {filename: " + pipe +
                          "}, private_key: {inline_string: KEY}}\n");
    CHECK(load_secret_file(piped).error().text.ends_with("unable to read file: " + pipe + ": not a regular file"));
    const std::string big = directory.write("big.yaml", std::string((4u << 20) + 1, '#'));
    CHECK(load_secret_file(big).error().text == "unable to read file: " + big + ": more than 4194304 bytes");
    CHECK(load_secret_file(big).error().code != 0);
    const std::string bad = directory.write(
        "bad.yaml", "resources:\n- \"@type\": " + kTls +
                        "Secret\n  name: cert\n  tls_certificate: {}\n- \"@type\": " + kTls + "Secret\n");
    CHECK(load_secret_file(bad).error().code == 0);
    CHECK(load_secret_file(bad).error().text ==
          bad + ":1:1: resources: one secret is required, there are 2\n" + bad +
              ":4:3: resources[0].tls_certificate.certificate_chain: required\n" + bad +
              ":4:3: resources[0].tls_certificate.private_key: required\n" + bad +
              ":5:3: resources[1].name: required, and must not be empty\n" + bad +
              ":5:3: resources[1]: one of tls_certificate, session_ticket_keys, validation_context is required");
}
