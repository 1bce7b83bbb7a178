// SPDX-License-Identifier: Apache-2.0
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "proxy/config/local_reply_config.h"
#include "proxy/config/readers.h"

namespace heirloom::config {
namespace {

using envoy::config::core::v3::SubstitutionFormatString;
namespace hcm = envoy::extensions::filters::network::http_connection_manager::v3;

constexpr size_t kMaxBodyBytes = 1 << 20;
constexpr int kMaxHeaders = 1000;

LocalReplyFormat read_format(const SubstitutionFormatString& message, const Path& path, Problems& problems) {
    LocalReplyFormat format{read_log_format(message, path, problems), message.content_type()};
    check_header_value(format.content_type, path.field("content_type"), problems);
    if (format.content_type.empty())
        format.content_type = message.has_json_format() ? "application/json" : "text/plain";
    return format;
}

LocalReplyMapper read_mapper(const hcm::ResponseMapper& message, const Path& path, Problems& problems) {
    LocalReplyMapper mapper;
    if (!message.has_filter())
        problems.error(path.field("filter"), "required");
    else
        mapper.filter = read_log_filter(message.filter(), path.field("filter"), problems);
    if (message.has_status_code()) {
        const uint32_t status = message.status_code().value();
        if (status < 200 || status > 599) problems.error(path.field("status_code"), "must be from 200 to 599");
        mapper.status = static_cast<uint16_t>(status);
    }
    if (message.has_body()) mapper.body = read_data_source(message.body(), path.field("body"), kMaxBodyBytes, problems);
    if (message.has_body_format_override())
        mapper.format = read_format(message.body_format_override(), path.field("body_format_override"), problems);
    if (message.headers_to_add_size() > kMaxHeaders)
        problems.error(path.field("headers_to_add"), "at most " + std::to_string(kMaxHeaders) + " are allowed");
    for (int i = 0; i < message.headers_to_add_size(); ++i) {
        mapper.headers.add.push_back(read_header_to_add(message.headers_to_add(i),
                                                        path.item("headers_to_add", static_cast<size_t>(i)), problems));
    }
    return mapper;
}

}  // namespace

std::shared_ptr<const LocalReplyConfig> read_local_reply(const hcm::LocalReplyConfig& message, const Path& path,
                                                         Problems& problems) {
    auto config = std::make_shared<LocalReplyConfig>();
    for (int i = 0; i < message.mappers_size(); ++i) {
        config->mappers.push_back(
            read_mapper(message.mappers(i), path.item("mappers", static_cast<size_t>(i)), problems));
    }
    if (message.has_body_format())
        config->format = read_format(message.body_format(), path.field("body_format"), problems);
    return config;
}

}  // namespace heirloom::config
