// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <ctime>

#include "proxy/admin/paths.h"

namespace heirloom::admin {
namespace {

std::string whole_second(std::chrono::system_clock::time_point when) {
    const time_t second = std::chrono::system_clock::to_time_t(std::chrono::floor<std::chrono::seconds>(when));
    tm broken{};
    gmtime_r(&second, &broken);
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", broken.tm_year + 1900, broken.tm_mon + 1, broken.tm_mday,
                       broken.tm_hour, broken.tm_min, broken.tm_sec);
}

void write_names(stats::JsonWriter& json, const char* kind, const std::vector<std::string>& names) {
    for (const std::string& name : names) {
        json.begin_object();
        json.field(kind, name);
        json.end_object();
    }
}

void write_certificate(stats::JsonWriter& json, const tls::LoadedCertificate& certificate) {
    json.begin_object();
    json.field("path", certificate.path);
    json.field("serial_number", certificate.serial);
    json.key("subject_alt_names");
    json.begin_array();
    write_names(json, "dns", certificate.dns_names);
    write_names(json, "uri", certificate.uris);
    write_names(json, "ip_address", certificate.ip_addresses);
    json.end_array();
    json.field("days_until_expiration",
               std::to_string(certificate.days_until_expiration(std::chrono::system_clock::now())));
    json.field("valid_from", whole_second(certificate.valid_from));
    json.field("expiration_time", whole_second(certificate.expiration));
    if (certificate.ocsp) {
        json.key("ocsp_details");
        json.begin_object();
        json.field("valid_from", whole_second(certificate.ocsp->valid_from));
        json.field("expiration", whole_second(certificate.ocsp->expiration));
        json.end_object();
    }
    json.end_object();
}

void write_list(stats::JsonWriter& json, const char* name, const std::vector<tls::LoadedCertificate>& certificates) {
    json.key(name);
    json.begin_array();
    for (const tls::LoadedCertificate& certificate : certificates) write_certificate(json, certificate);
    json.end_array();
}

}  // namespace

void handle_certs(const Request& request, Answer& answer) {
    answer.content_type = kJson;
    stats::JsonWriter json(answer.body, stats::JsonWriter::Style::pretty);
    json.begin_object();
    json.key("certificates");
    json.begin_array();
    for (const auto& context : request.server.tls_contexts()) {
        json.begin_object();
        write_list(json, "ca_cert", context->authorities());
        write_list(json, "cert_chain", context->chains());
        json.end_object();
    }
    json.end_array();
    json.end_object();
    answer.body.push_back('\n');
}

}  // namespace heirloom::admin
