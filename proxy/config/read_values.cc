// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>

#include "envoy/config/core/v3/base.pb.h"
#include "google/protobuf/duration.pb.h"
#include "proxy/config/config_file.h"
#include "proxy/config/readers.h"

namespace heirloom::config {
namespace {

constexpr int64_t kMaxSeconds = 100LL * 365 * 24 * 3600;  // what a steady clock can still add up

}  // namespace

Milliseconds read_duration(const google::protobuf::Duration& message, const Path& path, Problems& problems) {
    if (message.seconds() < 0 || message.nanos() < 0) {
        problems.error(path, "must not be negative");
        return Milliseconds{0};
    }
    if (message.seconds() > kMaxSeconds) {
        problems.error(path, "must not be longer than 100 years");
        return Milliseconds{0};
    }
    return Milliseconds{message.seconds() * 1000 + (message.nanos() + 999999) / 1000000};
}

void check_header_value(const std::string& value, const Path& path, Problems& problems) {
    for (const char c : value) {
        if ((static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7F) {
            return problems.error(path, "must not contain control characters");
        }
    }
}

void require_text(const std::string& value, const Path& path, Problems& problems) {
    if (value.empty()) problems.error(path, "required, and must not be empty");
}

std::string read_data_source(const envoy::config::core::v3::DataSource& message, const Path& path, size_t max_bytes,
                             Problems& problems) {
    using Source = envoy::config::core::v3::DataSource;
    std::string bytes;
    Path at = path;
    switch (message.specifier_case()) {
        case Source::kFilename: {
            at = path.field("filename");
            if (message.filename().empty()) {
                problems.error(at, "required, and must not be empty");
                break;
            }
            Result<std::string> file = read_config_file(message.filename(), max_bytes, FileKind::regular);
            if (!file) {
                problems.error(at, file.error().text);
                break;
            }
            bytes = std::move(*file);
            break;
        }
        case Source::kInlineBytes:
            at = path.field("inline_bytes");
            bytes = message.inline_bytes();
            break;
        case Source::kInlineString:
            at = path.field("inline_string");
            bytes = message.inline_string();
            break;
        case Source::kEnvironmentVariable: {
            at = path.field("environment_variable");
            const char* value = std::getenv(message.environment_variable().c_str());
            if (value == nullptr) {
                problems.error(at, "Environment variable doesn't exist: " + message.environment_variable());
                break;
            }
            bytes = value;
            break;
        }
        case Source::SPECIFIER_NOT_SET:
            problems.error(at, "one of filename, inline_bytes, inline_string, environment_variable is required");
            break;
    }
    if (bytes.size() > max_bytes) {
        problems.error(
            at, "body size is " + std::to_string(bytes.size()) + " bytes; maximum is " + std::to_string(max_bytes));
        bytes.clear();
    }
    return bytes;
}

std::string lower_case(std::string text) {
    for (char& c : text) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return text;
}

}  // namespace heirloom::config
