// SPDX-License-Identifier: Apache-2.0
#include "proxy/config/secret_file.h"

#include <algorithm>
#include <cerrno>
#include <tuple>

#include "envoy/extensions/transport_sockets/tls/v3/secret.pb.h"
#include "envoy/service/discovery/v3/discovery.pb.h"
#include "proxy/config/document_file.h"
#include "proxy/config/message_builder.h"
#include "proxy/config/readers.h"

namespace heirloom::config {
namespace {

constexpr size_t kMaxSecretFileBytes = 4u << 20;

using envoy::config::core::v3::ConfigSource;
using envoy::extensions::transport_sockets::tls::v3::SdsSecretConfig;
using envoy::extensions::transport_sockets::tls::v3::Secret;
using envoy::service::discovery::v3::DiscoveryResponse;

template <class Value>
void add(std::vector<std::pair<std::string, Value>>& list, const std::string& name, Value value, const Path& path,
         Problems& problems) {
    if (find_secret(list, name) != nullptr) {
        problems.error(path.field("name"), "duplicate secret '" + name + "'");
    }
    list.emplace_back(name, std::move(value));
}

bool has_secret(const SecretFile& file, SecretKind kind, const std::string& name) {
    switch (kind) {
        case SecretKind::certificate:
            return find_secret(file.certificates, name) != nullptr;
        case SecretKind::validation:
            return find_secret(file.validations, name) != nullptr;
        case SecretKind::ticket_keys:
            return find_secret(file.ticket_keys, name) != nullptr;
    }
    return false;
}

const char* unknown_static(SecretKind kind) {
    switch (kind) {
        case SecretKind::certificate:
            return "Unknown static secret: ";
        case SecretKind::validation:
            return "Unknown static certificate validation context: ";
        case SecretKind::ticket_keys:
            return "Unknown tls session ticket keys: ";
    }
    return "";
}

// The file must be there and in order when the configuration is loaded; later changes may fail.
void check_file(const SecretSource& source, SecretKind kind, const Path& path, ReadContext& context) {
    auto found = context.secret_files.find(source.path);
    if (found == context.secret_files.end()) {
        found = context.secret_files.emplace(source.path, load_secret_file(source.path)).first;
    }
    const Result<SecretFile>& file = found->second;
    if (!file) return context.problems.error(path, file.error().text);
    if (!has_secret(*file, kind, source.name)) {
        context.problems.error(path, source.path + ": no secret of this kind and name: " + source.name);
    }
}

Error unreadable(std::string why) { return {std::move(why), EBADMSG}; }

bool same(const DataText& one, const DataText& other) { return one.bytes == other.bytes && one.path == other.path; }

}  // namespace

void read_secret(const Secret& message, const Path& path, SecretFile& secrets, Problems& problems) {
    require_text(message.name(), path.field("name"), problems);
    switch (message.type_case()) {
        case Secret::kTlsCertificate: {
            CertificateConfig read =
                read_certificate(message.tls_certificate(), path.field("tls_certificate"), problems);
            read.secret = message.name();
            add(secrets.certificates, message.name(), std::move(read), path, problems);
            break;
        }
        case Secret::kValidationContext: {
            ValidationConfig read =
                read_validation(message.validation_context(), path.field("validation_context"), problems);
            read.secret = message.name();
            add(secrets.validations, message.name(), std::move(read), path, problems);
            break;
        }
        case Secret::kSessionTicketKeys:
            add(secrets.ticket_keys, message.name(),
                read_ticket_keys(message.session_ticket_keys(), path.field("session_ticket_keys"), problems), path,
                problems);
            break;
        case Secret::TYPE_NOT_SET:
            problems.error(path, "one of tls_certificate, session_ticket_keys, validation_context is required");
            break;
    }
}

std::optional<SecretSource> read_secret_source(const SdsSecretConfig& message, const Path& path, SecretKind kind,
                                               ReadContext& context) {
    require_text(message.name(), path.field("name"), context.problems);
    if (!message.has_sds_config()) {
        if (context.secrets_known && !message.name().empty() && !has_secret(context.secrets, kind, message.name())) {
            context.problems.error(path.field("name"), unknown_static(kind) + message.name());
        }
        return std::nullopt;
    }
    SecretSource source;
    source.name = message.name();
    source.where = context.problems.where(path);
    Path at = path.field("sds_config");
    switch (message.sds_config().config_source_specifier_case()) {
        case ConfigSource::kPath:
            at = at.field("path");
            source.path = message.sds_config().path();
            break;
        case ConfigSource::kPathConfigSource: {
            const auto& file = message.sds_config().path_config_source();
            at = at.field("path_config_source");
            source.path = file.path();
            source.watched_directory = file.watched_directory().path();
            if (file.has_watched_directory()) {
                require_text(source.watched_directory, at.field("watched_directory").field("path"), context.problems);
            }
            at = at.field("path");
            break;
        }
        case ConfigSource::CONFIG_SOURCE_SPECIFIER_NOT_SET:
            context.problems.error(at, "path_config_source is required");
            return source;
    }
    require_text(source.path, at, context.problems);
    if (!source.path.empty()) check_file(source, kind, at, context);
    return source;
}

ValidationConfig merge_validation(const ValidationConfig& defaults, const ValidationConfig& secret) {
    ValidationConfig merged = defaults;
    merged.secret = secret.secret;
    const auto append = [](auto& to, const auto& from) { to.insert(to.end(), from.begin(), from.end()); };
    if (!secret.trusted_ca.bytes.empty()) merged.trusted_ca = secret.trusted_ca;
    if (!secret.crl.bytes.empty()) merged.crl = secret.crl;
    append(merged.subject_alt_names, secret.subject_alt_names);
    append(merged.certificate_hashes, secret.certificate_hashes);
    append(merged.spki_hashes, secret.spki_hashes);
    merged.allow_expired_certificate |= secret.allow_expired_certificate;
    merged.accept_untrusted |= secret.accept_untrusted;
    merged.only_verify_leaf_crl |= secret.only_verify_leaf_crl;
    if (secret.max_verify_depth) merged.max_verify_depth = secret.max_verify_depth;
    return merged;
}

bool same(const CertificateConfig& one, const CertificateConfig& other) {
    return same(one.chain, other.chain) && same(one.private_key, other.private_key) && one.password == other.password &&
           same(one.ocsp_staple, other.ocsp_staple);
}

bool same(const ValidationConfig& one, const ValidationConfig& other) {
    const auto fields = [](const ValidationConfig& config) {
        return std::tie(config.certificate_hashes, config.spki_hashes, config.allow_expired_certificate,
                        config.accept_untrusted, config.only_verify_leaf_crl, config.max_verify_depth);
    };
    const auto same_name = [](const SubjectAltNameMatcher& a, const SubjectAltNameMatcher& b) {
        return a.type == b.type && a.text.kind == b.text.kind && a.text.value == b.text.value &&
               a.text.ignore_case == b.text.ignore_case;
    };
    return same(one.trusted_ca, other.trusted_ca) && same(one.crl, other.crl) &&
           std::ranges::equal(one.subject_alt_names, other.subject_alt_names, same_name) &&
           fields(one) == fields(other);
}

Result<SecretFile> load_secret_file(const std::string& path) {
    try {
        Result<LoadedDocument> loaded = load_document_file(path, kMaxSecretFileBytes, FileKind::regular);
        if (!loaded) return unreadable(loaded.error().text);
        Problems problems;
        problems.add_source(loaded->document);
        DiscoveryResponse response;
        MessageBuilder(loaded->document, problems, false).build(response);
        if (problems.any()) return unreadable(problems.text());
        if (const int number = response.resources_size(); number != 1) {
            problems.error(Path().field("resources"), "one secret is required, there are " + std::to_string(number));
        }
        SecretFile file;
        file.version = response.version_info();
        for (int i = 0; i < response.resources_size(); ++i) {
            const Path at = Path().item("resources", static_cast<size_t>(i));
            Secret secret;
            if (response.resources(i).UnpackTo(&secret)) {
                read_secret(secret, at, file, problems);
            } else {
                problems.error(at, "required");
            }
        }
        if (problems.any()) return Error{problems.text()};
        return file;
    } catch (const std::exception& problem) {  // out of memory
        return Error{path + ": " + problem.what()};
    }
}

}  // namespace heirloom::config
