// SPDX-License-Identifier: Apache-2.0
#include "envoy/extensions/filters/http/router/v3/router.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "envoy/extensions/http/original_ip_detection/custom_header/v3/custom_header.pb.h"
#include "envoy/extensions/http/original_ip_detection/xff/v3/xff.pb.h"
#include "proxy/config/readers.h"

namespace heirloom::config {
namespace {

using envoy::config::core::v3::Http1ProtocolOptions;
using envoy::config::core::v3::HttpProtocolOptions;
using envoy::extensions::filters::http::router::v3::Router;
using envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager;
using envoy::extensions::filters::network::http_connection_manager::v3::HttpFilter;
using envoy::extensions::http::original_ip_detection::custom_header::v3::CustomHeaderConfig;
using envoy::extensions::http::original_ip_detection::xff::v3::XffConfig;

HttpConnectionManagerConfig::ServerHeader read_server_header(HttpConnectionManager::ServerHeaderTransformation value) {
    switch (value) {
        case HttpConnectionManager::APPEND_IF_ABSENT:
            return HttpConnectionManagerConfig::ServerHeader::append_if_absent;
        case HttpConnectionManager::PASS_THROUGH:
            return HttpConnectionManagerConfig::ServerHeader::pass_through;
        default:  // protobuf's enums have values that are no names
            return HttpConnectionManagerConfig::ServerHeader::overwrite;
    }
}

void read_limits(const HttpProtocolOptions& message, const Path& path, HttpConnectionManagerConfig& config,
                 Problems& problems) {
    read_common_options(message, path,
                        {config.idle_timeout, config.max_connection_duration, config.max_requests_per_connection},
                        problems);
    READ_DURATION(message, max_stream_duration, path, problems, config.max_stream_duration);
    READ_WRAPPED(message, max_headers_count, config.max_headers_count);
    if (message.headers_with_underscores_action() == HttpProtocolOptions::REJECT_REQUEST)
        config.underscores = UnderscoreNames::refuse;
    if (message.headers_with_underscores_action() == HttpProtocolOptions::DROP_HEADER)
        config.underscores = UnderscoreNames::drop;
    if (config.max_headers_count == 0) problems.error(path.field("max_headers_count"), "must be at least 1");
}

HttpConnectionManagerConfig::CodecType read_codec_type(HttpConnectionManager::CodecType value) {
    switch (value) {
        case HttpConnectionManager::HTTP1:
            return HttpConnectionManagerConfig::CodecType::http1;
        case HttpConnectionManager::HTTP2:
            return HttpConnectionManagerConfig::CodecType::http2;
        default:  // protobuf's enums have values that are no names
            return HttpConnectionManagerConfig::CodecType::automatic;
    }
}

InternalAddresses read_internal_addresses(const HttpConnectionManager::InternalAddressConfig& message, const Path& path,
                                          Problems& problems) {
    InternalAddresses internal;
    internal.unix_sockets = message.unix_sockets();
    for (int i = 0; i < message.cidr_ranges_size(); ++i) {
        internal.ranges.push_back(
            read_cidr_range(message.cidr_ranges(i), path.item("cidr_ranges", static_cast<size_t>(i)), problems));
    }
    return internal;
}

HttpConnectionManagerConfig::ForwardClientCert read_forward_client_cert(
    HttpConnectionManager::ForwardClientCertDetails value) {
    using Mode = HttpConnectionManagerConfig::ForwardClientCert;
    switch (value) {
        case HttpConnectionManager::FORWARD_ONLY:
            return Mode::forward_only;
        case HttpConnectionManager::APPEND_FORWARD:
            return Mode::append_forward;
        case HttpConnectionManager::SANITIZE_SET:
            return Mode::sanitize_set;
        case HttpConnectionManager::ALWAYS_FORWARD_ONLY:
            return Mode::always_forward_only;
        default:  // protobuf's enums have values that are no names
            return Mode::sanitize;
    }
}

void read_client_cert(const HttpConnectionManager& message, HttpConnectionManagerConfig& config) {
    const auto& details = message.set_current_client_cert_details();
    config.forward_client_cert = read_forward_client_cert(message.forward_client_cert_details());
    config.client_cert_details = {.subject = details.subject().value(),
                                  .cert = details.cert(),
                                  .chain = details.chain(),
                                  .dns = details.dns(),
                                  .uri = details.uri()};
}

void read_http1_options(const Http1ProtocolOptions& message, const Path& path, HttpConnectionManagerConfig& config,
                        Problems& problems) {
    READ_WRAPPED(message, allow_absolute_url, config.allow_absolute_url);
    config.accept_http10 = message.accept_http_10();
    config.default_host_for_http10 = message.default_host_for_http_10();
    check_header_value(config.default_host_for_http10, path.field("default_host_for_http_10"), problems);
    config.enable_trailers = message.enable_trailers();
    config.proper_case_names = read_proper_case(message, path, problems);
    config.preserve_case = read_preserve_case(message, path, problems);
    if (config.preserve_case.forward_reason) {
        problems.error(path.field("header_key_format").field("stateful_formatter").field("typed_config"),
                       "forward_reason_phrase has a meaning for responses only: set it in the cluster");
    }
    READ_WRAPPED(message, override_stream_error_on_invalid_http_message, config.keep_open_after_400);
}

// Each by itself; together with the older fields they would be two ways to ask for one thing.
void read_original_ip(const HttpConnectionManager& message, const Path& path, HttpConnectionManagerConfig& config,
                      Problems& problems) {
    const auto& extensions = message.original_ip_detection_extensions();
    for (int i = 0; i < extensions.size(); ++i) {
        const Path at = path.item("original_ip_detection_extensions", static_cast<size_t>(i));
        require_text(extensions[i].name(), at.field("name"), problems);
        OriginalIp& one = config.original_ip.emplace_back();
        XffConfig forwarded_for;
        CustomHeaderConfig header;
        if (extensions[i].typed_config().UnpackTo(&forwarded_for)) {
            one.hops = forwarded_for.xff_num_trusted_hops();
        } else if (extensions[i].typed_config().UnpackTo(&header)) {
            one.header = lower_case(header.header_name());
            require_text(one.header, at.field("typed_config").field("header_name"), problems);
            one.trusted = header.allow_extension_to_set_address_as_trusted();
            const int status = header.reject_with_status().code();
            if (header.has_reject_with_status()) one.refuse_with = static_cast<uint16_t>(status < 400 ? 403 : status);
        } else {
            problems.error(at.field("typed_config"), "required");
        }
    }
    if (extensions.empty()) return;
    const Path at = path.field("original_ip_detection_extensions");
    if (config.use_remote_address) problems.error(at, "may not be mixed with use_remote_address");
    if (config.xff_num_trusted_hops > 0) problems.error(at, "may not be mixed with xff_num_trusted_hops");
}

TargetRules read_target_rules(const HttpConnectionManager& message, const Path& path, Problems& problems) {
    TargetRules rules;
    rules.normalize_path = message.normalize_path().value();
    rules.merge_slashes = message.merge_slashes();
    switch (message.path_with_escaped_slashes_action()) {
        case HttpConnectionManager::REJECT_REQUEST:
            rules.escaped_slashes = TargetRules::EscapedSlashes::refuse;
            break;
        case HttpConnectionManager::UNESCAPE_AND_REDIRECT:
            rules.escaped_slashes = TargetRules::EscapedSlashes::redirect;
            break;
        case HttpConnectionManager::UNESCAPE_AND_FORWARD:
            rules.escaped_slashes = TargetRules::EscapedSlashes::unescape;
            break;
        default:  // the default of every Envoy is KEEP_UNCHANGED; protobuf's enums have values that are no names
            break;
    }
    if (message.strip_matching_host_port()) rules.strip_port = TargetRules::StripPort::matching;
    if (message.strip_any_host_port()) {
        if (message.strip_matching_host_port()) {
            problems.error(path.field("strip_any_host_port"),
                           "only one of strip_matching_host_port and strip_any_host_port can be set");
        }
        rules.strip_port = TargetRules::StripPort::any;
    }
    rules.strip_trailing_dot = message.strip_trailing_host_dot();
    return rules;
}

void read_forwarding(const HttpConnectionManager& message, const Path& path, HttpConnectionManagerConfig& config,
                     Problems& problems) {
    config.via = message.via();
    check_header_value(config.via, path.field("via"), problems);
    config.append_x_forwarded_port = message.append_x_forwarded_port();
    const auto& scheme = message.scheme_header_transformation();
    config.scheme = scheme.scheme_to_overwrite();
    const Path at = path.field("scheme_header_transformation");
    if (scheme.transformation_case() == scheme.kSchemeToOverwrite && config.scheme != "http" &&
        config.scheme != "https")
        problems.error(at.field("scheme_to_overwrite"), "must be http or https");
    config.scheme_of_upstream = scheme.match_upstream();
}

void read_timeouts(const HttpConnectionManager& message, const Path& path, HttpConnectionManagerConfig& config,
                   Problems& problems) {
    READ_DURATION(message, stream_idle_timeout, path, problems, config.stream_idle_timeout);
    READ_DURATION(message, request_timeout, path, problems, config.request_timeout);
    READ_DURATION(message, request_headers_timeout, path, problems, config.request_headers_timeout);
    READ_DURATION(message, drain_timeout, path, problems, config.drain_timeout);
    READ_DURATION(message, delayed_close_timeout, path, problems, config.delayed_close_timeout);
}

// The only HTTP filter so far is the terminal one.
void read_http_filters(const HttpConnectionManager& message, const Path& path, HttpConnectionManagerConfig& config,
                       Problems& problems) {
    const Path filters = path.field("http_filters");
    if (message.http_filters().empty()) {
        problems.error(filters, "the last filter must be envoy.filters.http.router, the list is empty");
    }
    for (int i = 0; i < message.http_filters_size(); ++i) {
        const HttpFilter& filter = message.http_filters(i);
        const Path at = filters.item(static_cast<size_t>(i));
        require_text(filter.name(), at.field("name"), problems);
        Router router;
        if (!filter.typed_config().UnpackTo(&router)) {
            problems.error(at.field("typed_config"), "required");
            continue;
        }
        if (i + 1 < message.http_filters_size()) {
            problems.error(at,
                           "Error: terminal filter named " + filter.name() +
                               " of type envoy.filters.http.router must be the last filter in a http filter chain.");
        }
        config.suppress_envoy_headers = router.suppress_envoy_headers();
    }
}

}  // namespace

std::shared_ptr<const HttpConnectionManagerConfig> read_connection_manager(const HttpConnectionManager& message,
                                                                           const Path& path, ReadContext& context) {
    Problems& problems = context.problems;
    auto config = std::make_shared<HttpConnectionManagerConfig>();
    config->stat_prefix = message.stat_prefix();
    require_text(config->stat_prefix, path.field("stat_prefix"), problems);
    if (message.has_route_config()) {
        config->routes = read_route_table(message.route_config(), path.field("route_config"), context);
    } else {
        problems.error(path.field("route_config"), "required");
    }
    for (int i = 0; i < message.access_log_size(); ++i) {
        config->access_logs.push_back(
            read_access_log(message.access_log(i), path.item("access_log", static_cast<size_t>(i)), problems));
    }
    const auto& log_options = message.access_log_options();
    config->access_log_options = read_log_interval(log_options, path.field("access_log_options"), problems);
    config->access_log_options.at_start = log_options.flush_access_log_on_new_request();
    config->access_log_options.at_tunnel = log_options.flush_log_on_tunnel_successfully_established();
    if (!message.server_name().empty()) config->server_name = message.server_name();
    check_header_value(config->server_name, path.field("server_name"), problems);
    config->server_header = read_server_header(message.server_header_transformation());
    READ_WRAPPED(message, use_remote_address, config->use_remote_address);
    if (message.has_internal_address_config()) {
        config->internal =
            read_internal_addresses(message.internal_address_config(), path.field("internal_address_config"), problems);
        context.internal_requests = true;
    }
    READ_WRAPPED(message, generate_request_id, config->generate_request_id);
    READ_WRAPPED(message, max_request_headers_kb, config->max_request_headers_kb);
    if (config->max_request_headers_kb == 0 || config->max_request_headers_kb > 8192) {
        problems.error(path.field("max_request_headers_kb"), "must be from 1 to 8192");
    }
    config->xff_num_trusted_hops = message.xff_num_trusted_hops();
    config->skip_xff_append = message.skip_xff_append();
    config->preserve_external_request_id = message.preserve_external_request_id();
    config->always_set_request_id_in_response = message.always_set_request_id_in_response();
    config->proxy_100_continue = message.proxy_100_continue();
    config->upgrades = read_upgrades(message.upgrade_configs(), path, problems);
    read_timeouts(message, path, *config, problems);
    config->codec_type = read_codec_type(message.codec_type());
    config->http2 =
        read_http2_options(message.http2_protocol_options(), path.field("http2_protocol_options"), problems);
    read_client_cert(message, *config);
    read_limits(message.common_http_protocol_options(), path.field("common_http_protocol_options"), *config, problems);
    READ_WRAPPED(message, stream_error_on_invalid_http_message, config->keep_open_after_400);
    read_http1_options(message.http_protocol_options(), path.field("http_protocol_options"), *config, problems);
    read_original_ip(message, path, *config, problems);
    config->target = read_target_rules(message, path, problems);
    read_forwarding(message, path, *config, problems);
    if (message.has_request_id_extension() && !message.request_id_extension().has_typed_config())
        problems.error(path.field("request_id_extension").field("typed_config"), "required");
    if (message.has_local_reply_config())
        config->local_reply =
            read_local_reply(message.local_reply_config(), path.field("local_reply_config"), problems);
    read_http_filters(message, path, *config, problems);
    return config;
}

}  // namespace heirloom::config
