// SPDX-License-Identifier: Apache-2.0
#include "envoy/config/accesslog/v3/accesslog.pb.h"
#include "envoy/extensions/access_loggers/file/v3/file.pb.h"
#include "envoy/extensions/access_loggers/stream/v3/stream.pb.h"
#include "proxy/config/readers.h"

namespace heirloom::config {
namespace {

using envoy::extensions::access_loggers::file::v3::FileAccessLog;
using envoy::extensions::access_loggers::stream::v3::StderrAccessLog;
using envoy::extensions::access_loggers::stream::v3::StdoutAccessLog;

void read_file(const FileAccessLog& message, const Path& path, AccessLogConfig& config, Problems& problems) {
    config.path = message.path();
    require_text(config.path, path.field("path"), problems);
    if (config.path.find('\0') != std::string::npos) problems.error(path.field("path"), "contains a zero byte");
    // Opening these again fails where they are sockets, as under systemd; the stream itself is what is meant.
    if (config.path == "/dev/stdout") config.sink = AccessLogConfig::Sink::standard_output;
    if (config.path == "/dev/stderr") config.sink = AccessLogConfig::Sink::standard_error;
    switch (message.access_log_format_case()) {
        case FileAccessLog::kFormat:
            if (!message.format().empty())
                config.format = read_text_log_format(message.format(), path.field("format"), problems);
            break;
        case FileAccessLog::kJsonFormat:
            config.format = read_json_log_format(message.json_format(), path.field("json_format"), problems);
            break;
        case FileAccessLog::kTypedJsonFormat:
            config.format =
                read_json_log_format(message.typed_json_format(), path.field("typed_json_format"), problems);
            break;
        case FileAccessLog::kLogFormat:
            config.format = read_log_format(message.log_format(), path.field("log_format"), problems);
            break;
        case FileAccessLog::ACCESS_LOG_FORMAT_NOT_SET:
            break;
    }
}

template <class Stream>
void read_stream(const Stream& message, const Path& path, AccessLogConfig& config, Problems& problems) {
    if (message.has_log_format())
        config.format = read_log_format(message.log_format(), path.field("log_format"), problems);
}

}  // namespace

AccessLogConfig read_access_log(const envoy::config::accesslog::v3::AccessLog& message, const Path& path,
                                Problems& problems) {
    AccessLogConfig config;
    if (message.has_filter()) config.filter = read_log_filter(message.filter(), path.field("filter"), problems);
    const Path at = path.field("typed_config");
    FileAccessLog file;
    StdoutAccessLog standard_output;
    StderrAccessLog standard_error;
    if (message.typed_config().UnpackTo(&file)) {
        read_file(file, at, config, problems);
    } else if (message.typed_config().UnpackTo(&standard_output)) {
        config.sink = AccessLogConfig::Sink::standard_output;
        read_stream(standard_output, at, config, problems);
    } else if (message.typed_config().UnpackTo(&standard_error)) {
        config.sink = AccessLogConfig::Sink::standard_error;
        read_stream(standard_error, at, config, problems);
    } else {
        problems.error(at, "required");
    }
    return config;
}

}  // namespace heirloom::config
