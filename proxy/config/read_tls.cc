// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "envoy/extensions/transport_sockets/tls/v3/tls.pb.h"
#include "proxy/config/readers.h"

namespace heirloom::config {
namespace {

namespace tls = envoy::extensions::transport_sockets::tls::v3;
using envoy::config::core::v3::DataSource;

constexpr size_t kMaxPemBytes = 8u << 20;
constexpr size_t kTicketKeyBytes = 80;

DataText read_text(const DataSource& message, const Path& path, Problems& problems) {
    return {read_data_source(message, path, kMaxPemBytes, problems), message.filename()};
}

TlsVersion read_version(tls::TlsParameters::TlsProtocol version) {
    switch (version) {
        case tls::TlsParameters::TLSv1_0:
            return TlsVersion::tls10;
        case tls::TlsParameters::TLSv1_1:
            return TlsVersion::tls11;
        case tls::TlsParameters::TLSv1_2:
            return TlsVersion::tls12;
        case tls::TlsParameters::TLSv1_3:
            return TlsVersion::tls13;
        default:  // protobuf's enums have values that are no names
            return TlsVersion::automatic;
    }
}

SubjectAltNameMatcher read_subject_alt_name(const tls::SubjectAltNameMatcher& message, const Path& path,
                                            Problems& problems) {
    SubjectAltNameMatcher name;
    switch (message.san_type()) {
        case tls::SubjectAltNameMatcher::EMAIL:
            name.type = SubjectAltNameMatcher::Type::email;
            break;
        case tls::SubjectAltNameMatcher::DNS:
            name.type = SubjectAltNameMatcher::Type::dns;
            break;
        case tls::SubjectAltNameMatcher::URI:
            name.type = SubjectAltNameMatcher::Type::uri;
            break;
        case tls::SubjectAltNameMatcher::IP_ADDRESS:
            name.type = SubjectAltNameMatcher::Type::ip_address;
            break;
        default:  // protobuf's enums have values that are no names
            problems.error(path.field("san_type"), "required");
            break;
    }
    if (message.has_matcher()) {
        name.text = read_text_matcher(message.matcher(), path.field("matcher"), problems);
    } else {
        problems.error(path.field("matcher"), "required");
    }
    return name;
}

void read_certificates(const tls::CommonTlsContext& message, const Path& path, TlsConfig& config,
                       ReadContext& context) {
    for (int i = 0; i < message.tls_certificates_size(); ++i) {
        config.certificates.push_back(read_certificate(
            message.tls_certificates(i), path.item("tls_certificates", static_cast<size_t>(i)), context.problems));
    }
    const auto& secrets = message.tls_certificate_sds_secret_configs();
    for (int i = 0; i < secrets.size(); ++i) {
        const Path at = path.item("tls_certificate_sds_secret_configs", static_cast<size_t>(i));
        if (!config.certificates.empty() && i == 0 && message.tls_certificates_size() != 0) {
            context.problems.error(at, "tls_certificates are set too: use one place");
        }
        if (auto source = read_secret_source(secrets[i], at, SecretKind::certificate, context)) {
            config.certificate_secrets.push_back(std::move(*source));
        } else if (const auto* found = find_secret(context.secrets.certificates, secrets[i].name())) {
            config.certificates.push_back(*found);
        }
    }
    if (!config.certificates.empty() && !config.certificate_secrets.empty()) {
        context.problems.error(path.field("tls_certificate_sds_secret_configs"),
                               "secrets of a file and certificates of the bootstrap cannot be mixed");
    }
}

void read_validation_type(const tls::CommonTlsContext& message, const Path& path, TlsConfig& config,
                          ReadContext& context) {
    const auto read_source = [&](const tls::SdsSecretConfig& secret, const Path& at) {
        config.validation_secret = read_secret_source(secret, at, SecretKind::validation, context);
        if (config.validation_secret) return;
        const ValidationConfig* found = find_secret(context.secrets.validations, secret.name());
        if (found == nullptr) return;
        config.validation = config.validation ? merge_validation(*config.validation, *found) : *found;
    };
    switch (message.validation_context_type_case()) {
        case tls::CommonTlsContext::kValidationContext:
            config.validation =
                read_validation(message.validation_context(), path.field("validation_context"), context.problems);
            break;
        case tls::CommonTlsContext::kValidationContextSdsSecretConfig:
            read_source(message.validation_context_sds_secret_config(),
                        path.field("validation_context_sds_secret_config"));
            break;
        case tls::CommonTlsContext::kCombinedValidationContext: {
            const auto& combined = message.combined_validation_context();
            const Path at = path.field("combined_validation_context");
            for (const auto& [name, is_set] :
                 {std::pair{"default_validation_context", combined.has_default_validation_context()},
                  {"validation_context_sds_secret_config", combined.has_validation_context_sds_secret_config()}}) {
                if (!is_set) context.problems.error(at.field(name), "required");
            }
            config.validation = read_validation(combined.default_validation_context(),
                                                at.field("default_validation_context"), context.problems);
            if (combined.has_validation_context_sds_secret_config()) {
                read_source(combined.validation_context_sds_secret_config(),
                            at.field("validation_context_sds_secret_config"));
            }
            break;
        }
        case tls::CommonTlsContext::VALIDATION_CONTEXT_TYPE_NOT_SET:
            break;
    }
}

// `path`: of the context around it.
void read_common(const tls::CommonTlsContext& message, const Path& path, TlsConfig& config, ReadContext& context) {
    const Path at = path.field("common_tls_context");
    const tls::TlsParameters& parameters = message.tls_params();
    config.where = context.problems.where(path);
    config.minimum = read_version(parameters.tls_minimum_protocol_version());
    config.maximum = read_version(parameters.tls_maximum_protocol_version());
    config.cipher_suites.assign(parameters.cipher_suites().begin(), parameters.cipher_suites().end());
    config.groups.assign(parameters.ecdh_curves().begin(), parameters.ecdh_curves().end());
    config.alpn.assign(message.alpn_protocols().begin(), message.alpn_protocols().end());
    read_certificates(message, at, config, context);
    read_validation_type(message, at, config, context);
    if (!message.has_key_log()) return;
    config.key_log_path = message.key_log().path();
    require_text(config.key_log_path, at.field("key_log").field("path"), context.problems);
}

void read_session_tickets(const tls::DownstreamTlsContext& message, const Path& path, DownstreamTlsConfig& config,
                          ReadContext& context) {
    using Context = tls::DownstreamTlsContext;
    switch (message.session_ticket_keys_type_case()) {
        case Context::kSessionTicketKeys:
            config.ticket_keys =
                read_ticket_keys(message.session_ticket_keys(), path.field("session_ticket_keys"), context.problems);
            break;
        case Context::kSessionTicketKeysSdsSecretConfig: {
            const auto& secret = message.session_ticket_keys_sds_secret_config();
            const Path at = path.field("session_ticket_keys_sds_secret_config");
            config.ticket_keys_secret = read_secret_source(secret, at, SecretKind::ticket_keys, context);
            const auto* found = find_secret(context.secrets.ticket_keys, secret.name());
            if (!config.ticket_keys_secret && found != nullptr) config.ticket_keys = *found;
            break;
        }
        case Context::kDisableStatelessSessionResumption:
            config.disable_tickets = message.disable_stateless_session_resumption();
            break;
        case Context::SESSION_TICKET_KEYS_TYPE_NOT_SET:
            break;
    }
}

}  // namespace

CertificateConfig read_certificate(const tls::TlsCertificate& message, const Path& path, Problems& problems) {
    CertificateConfig config;
    config.where = problems.where(path);
    if (message.has_certificate_chain()) {
        config.chain = read_text(message.certificate_chain(), path.field("certificate_chain"), problems);
    } else {
        problems.error(path.field("certificate_chain"), "required");
    }
    if (message.has_private_key()) {
        config.private_key = read_text(message.private_key(), path.field("private_key"), problems);
    } else {
        problems.error(path.field("private_key"), "required");
    }
    if (message.has_password()) {
        config.password = read_text(message.password(), path.field("password"), problems).bytes;
    }
    if (message.has_ocsp_staple()) {
        const Path at = path.field("ocsp_staple");
        if (message.ocsp_staple().has_inline_string()) {
            problems.error(at.field("inline_string"), "OCSP staple cannot be provided via inline_string");
        }
        config.ocsp_staple = read_text(message.ocsp_staple(), at, problems);
    }
    return config;
}

ValidationConfig read_validation(const tls::CertificateValidationContext& message, const Path& path,
                                 Problems& problems) {
    ValidationConfig config;
    config.where = problems.where(path);
    if (message.has_trusted_ca()) {
        config.trusted_ca = read_text(message.trusted_ca(), path.field("trusted_ca"), problems);
    }
    if (message.has_crl()) config.crl = read_text(message.crl(), path.field("crl"), problems);
    for (int i = 0; i < message.match_typed_subject_alt_names_size(); ++i) {
        config.subject_alt_names.push_back(
            read_subject_alt_name(message.match_typed_subject_alt_names(i),
                                  path.item("match_typed_subject_alt_names", static_cast<size_t>(i)), problems));
    }
    for (std::string hash : message.verify_certificate_hash()) {
        std::erase(hash, ':');  // as `openssl x509 -fingerprint` prints it
        config.certificate_hashes.push_back(lower_case(std::move(hash)));
    }
    config.spki_hashes.assign(message.verify_certificate_spki().begin(), message.verify_certificate_spki().end());
    config.allow_expired_certificate = message.allow_expired_certificate();
    config.accept_untrusted = message.trust_chain_verification() == tls::CertificateValidationContext::ACCEPT_UNTRUSTED;
    config.only_verify_leaf_crl = message.only_verify_leaf_cert_crl();
    READ_WRAPPED(message, max_verify_depth, config.max_verify_depth);
    if (config.max_verify_depth.value_or(0) > 100) {
        problems.error(path.field("max_verify_depth"), "must be at most 100");
    }
    return config;
}

std::vector<std::string> read_ticket_keys(const tls::TlsSessionTicketKeys& message, const Path& path,
                                          Problems& problems) {
    std::vector<std::string> keys;
    if (message.keys().empty()) problems.error(path.field("keys"), "at least one is required");
    for (int i = 0; i < message.keys_size(); ++i) {
        const Path at = path.item("keys", static_cast<size_t>(i));
        keys.push_back(read_data_source(message.keys(i), at, kMaxPemBytes, problems));
        if (keys.back().size() != kTicketKeyBytes) {
            problems.error(at, "Incorrect TLS session ticket key length. Length " + std::to_string(keys.back().size()) +
                                   ", expected length " + std::to_string(kTicketKeyBytes) + ".");
        }
    }
    return keys;
}

std::shared_ptr<const DownstreamTlsConfig> read_downstream_tls(const tls::DownstreamTlsContext& message,
                                                               const Path& path, ReadContext& context) {
    auto config = std::make_shared<DownstreamTlsConfig>();
    read_common(message.common_tls_context(), path, *config, context);
    read_session_tickets(message, path, *config, context);
    READ_WRAPPED(message, require_client_certificate, config->require_client_certificate);
    READ_WRAPPED(message, require_sni, config->require_sni);
    READ_WRAPPED(message, full_scan_certs_on_sni_mismatch, config->full_scan_on_sni_mismatch);
    config->disable_stateful_sessions = message.disable_stateful_session_resumption();
    config->prefer_client_ciphers = message.prefer_client_ciphers();
    if (message.has_session_timeout()) {
        config->session_timeout = std::chrono::floor<std::chrono::seconds>(
            read_duration(message.session_timeout(), path.field("session_timeout"), context.problems));
    }
    if (message.ocsp_staple_policy() == tls::DownstreamTlsContext::STRICT_STAPLING) {
        config->stapling = DownstreamTlsConfig::Stapling::strict;
    } else if (message.ocsp_staple_policy() == tls::DownstreamTlsContext::MUST_STAPLE) {
        config->stapling = DownstreamTlsConfig::Stapling::must_staple;
    }
    const auto& common = message.common_tls_context();
    if (common.tls_certificates().empty() && common.tls_certificate_sds_secret_configs().empty()) {
        context.problems.error(path, "No TLS certificates found for server context");
    }
    return config;
}

std::shared_ptr<const UpstreamTlsConfig> read_upstream_tls(const tls::UpstreamTlsContext& message, const Path& path,
                                                           ReadContext& context) {
    auto config = std::make_shared<UpstreamTlsConfig>();
    read_common(message.common_tls_context(), path, *config, context);
    config->sni = message.sni();
    if (config->sni.find('\0') != std::string::npos) {
        context.problems.error(path.field("sni"), "SNI names containing NULL-byte are not allowed");
    } else if (config->sni.size() > 255) {
        context.problems.error(path.field("sni"), "must be at most 255 bytes");
    }
    config->auto_host_sni = message.auto_host_sni();
    config->auto_sni_san_validation = message.auto_sni_san_validation();
    config->allow_renegotiation = message.allow_renegotiation();
    READ_WRAPPED(message, max_session_keys, config->max_session_keys);
    if (config->certificates.size() + config->certificate_secrets.size() > 1) {
        context.problems.error(path.field("common_tls_context"),
                               "Multiple TLS certificates are not supported for client contexts");
    }
    if (config->auto_sni_san_validation && !config->validation && !config->validation_secret) {
        context.problems.error(path.field("auto_sni_san_validation"),
                               "'auto_sni_san_validation' was configured without a validation context");
    } else if (config->auto_sni_san_validation && !config->validation_secret &&
               config->validation->trusted_ca.bytes.empty()) {
        context.problems.error(path.field("auto_sni_san_validation"),
                               "'auto_sni_san_validation' was configured without configuring a trusted CA");
    }
    return config;
}

}  // namespace heirloom::config
