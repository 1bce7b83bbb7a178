// SPDX-License-Identifier: Apache-2.0
#include "proxy/config/schema.h"

#include <google/protobuf/descriptor.h>

#include <algorithm>

#include "envoy/config/bootstrap/v3/bootstrap.pb.h"
#include "envoy/extensions/access_loggers/file/v3/file.pb.h"
#include "envoy/extensions/access_loggers/stream/v3/stream.pb.h"
#include "envoy/extensions/filters/http/router/v3/router.pb.h"
#include "envoy/extensions/filters/listener/proxy_protocol/v3/proxy_protocol.pb.h"
#include "envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.pb.h"
#include "envoy/extensions/http/header_formatters/preserve_case/v3/preserve_case.pb.h"
#include "envoy/extensions/http/original_ip_detection/custom_header/v3/custom_header.pb.h"
#include "envoy/extensions/http/original_ip_detection/xff/v3/xff.pb.h"
#include "envoy/extensions/internal_redirect/allow_listed_routes/v3/allow_listed_routes_config.pb.h"
#include "envoy/extensions/internal_redirect/previous_routes/v3/previous_routes_config.pb.h"
#include "envoy/extensions/internal_redirect/safe_cross_scheme/v3/safe_cross_scheme_config.pb.h"
#include "envoy/extensions/request_id/uuid/v3/uuid.pb.h"
#include "envoy/extensions/resource_monitors/downstream_connections/v3/downstream_connections.pb.h"
#include "envoy/extensions/retry/host/previous_hosts/v3/previous_hosts.pb.h"
#include "envoy/extensions/transport_sockets/proxy_protocol/v3/upstream_proxy_protocol.pb.h"
#include "envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer.pb.h"
#include "envoy/extensions/transport_sockets/tls/v3/tls.pb.h"
#include "envoy/extensions/upstreams/http/v3/http_protocol_options.pb.h"

namespace heirloom::config {

// By their descriptors and not by name: so the linker keeps them.
const std::vector<AnyTypes>& any_types() {
    namespace extensions = envoy::extensions;
    namespace sockets = envoy::extensions::transport_sockets;
    static const std::vector<AnyTypes> types = {
        {"envoy.config.listener.v3.Filter.typed_config",
         {extensions::filters::network::http_connection_manager::v3::HttpConnectionManager::descriptor(),
          extensions::filters::network::tcp_proxy::v3::TcpProxy::descriptor()}},
        {"envoy.config.listener.v3.ListenerFilter.typed_config",
         {extensions::filters::listener::tls_inspector::v3::TlsInspector::descriptor(),
          extensions::filters::listener::proxy_protocol::v3::ProxyProtocol::descriptor()}},
        {"envoy.config.listener.v3.FilterChain.transport_socket/typed_config",
         {sockets::tls::v3::DownstreamTlsContext::descriptor(), sockets::raw_buffer::v3::RawBuffer::descriptor()}},
        {"envoy.config.cluster.v3.Cluster.transport_socket/typed_config",
         {sockets::tls::v3::UpstreamTlsContext::descriptor(), sockets::raw_buffer::v3::RawBuffer::descriptor(),
          sockets::proxy_protocol::v3::ProxyProtocolUpstreamTransport::descriptor()}},
        {"envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport.transport_socket/"
         "typed_config",
         {sockets::tls::v3::UpstreamTlsContext::descriptor(), sockets::raw_buffer::v3::RawBuffer::descriptor()}},
        {"envoy.config.overload.v3.ResourceMonitor.typed_config",
         {extensions::resource_monitors::downstream_connections::v3::DownstreamConnectionsConfig::descriptor()}},
        {"envoy.service.discovery.v3.DiscoveryResponse.resources", {sockets::tls::v3::Secret::descriptor()}},
        {"envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter.typed_config",
         {extensions::filters::http::router::v3::Router::descriptor()}},
        {"envoy.config.metrics.v3.StatsSink.typed_config",
         {envoy::config::metrics::v3::StatsdSink::descriptor(),
          envoy::config::metrics::v3::DogStatsdSink::descriptor()}},
        {"envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager."
         "original_ip_detection_extensions/typed_config",
         {extensions::http::original_ip_detection::xff::v3::XffConfig::descriptor(),
          extensions::http::original_ip_detection::custom_header::v3::CustomHeaderConfig::descriptor()}},
        {"envoy.config.core.v3.Http1ProtocolOptions.HeaderKeyFormat.stateful_formatter/typed_config",
         {extensions::http::header_formatters::preserve_case::v3::PreserveCaseFormatterConfig::descriptor()}},
        {"envoy.extensions.filters.network.http_connection_manager.v3.RequestIDExtension.typed_config",
         {extensions::request_id::uuid::v3::UuidRequestIdConfig::descriptor()}},
        {"envoy.config.accesslog.v3.AccessLog.typed_config",
         {extensions::access_loggers::file::v3::FileAccessLog::descriptor(),
          extensions::access_loggers::stream::v3::StdoutAccessLog::descriptor(),
          extensions::access_loggers::stream::v3::StderrAccessLog::descriptor()}},
        {"envoy.config.cluster.v3.Cluster.typed_extension_protocol_options",
         {extensions::upstreams::http::v3::HttpProtocolOptions::descriptor()}},
        {"envoy.config.route.v3.RetryPolicy.RetryHostPredicate.typed_config",
         {extensions::retry::host::previous_hosts::v3::PreviousHostsPredicate::descriptor()}},
        {"envoy.config.route.v3.InternalRedirectPolicy.predicates/typed_config",
         {extensions::internal_redirect::previous_routes::v3::PreviousRoutesConfig::descriptor(),
          extensions::internal_redirect::allow_listed_routes::v3::AllowListedRoutesConfig::descriptor(),
          extensions::internal_redirect::safe_cross_scheme::v3::SafeCrossSchemeConfig::descriptor()}},
    };
    return types;
}

namespace {

const std::vector<std::string_view> kServerOnlyHttp1 = {"allow_absolute_url", "accept_http_10",
                                                        "default_host_for_http_10",
                                                        "override_stream_error_on_invalid_http_message"};

}  // namespace

const std::vector<NotHere> kNotHere = {
    // A line of a log is no message with a type.
    {"envoy.extensions.access_loggers.file.v3.FileAccessLog.log_format", {"content_type"}},
    {"envoy.extensions.access_loggers.stream.v3.StdoutAccessLog.log_format", {"content_type"}},
    {"envoy.extensions.access_loggers.stream.v3.StderrAccessLog.log_format", {"content_type"}},
    // What only a listening socket has.
    {"envoy.config.endpoint.v3.Endpoint.address/socket_address", {"ipv4_compat"}},
    {"envoy.config.endpoint.v3.Endpoint.address/pipe", {"mode"}},
    {"envoy.config.listener.v3.Listener.default_filter_chain", {"filter_chain_match"}},
    {"envoy.config.metrics.v3.StatsdSink.address/socket_address", {"ipv4_compat"}},
    {"envoy.config.metrics.v3.StatsdSink.address/pipe", {"mode"}},
    {"envoy.config.metrics.v3.DogStatsdSink.address/socket_address", {"ipv4_compat"}},
    {"envoy.config.metrics.v3.DogStatsdSink.address/pipe", {"mode"}},
    // Upstream connections: what only a server side can do, and what the pools do not do.
    {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions.common_http_protocol_options",
     {"max_headers_count", "headers_with_underscores_action"}},
    {"envoy.config.cluster.v3.Cluster.common_http_protocol_options",
     {"max_headers_count", "headers_with_underscores_action"}},
    {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions.ExplicitHttpConfig.http_protocol_options",
     kServerOnlyHttp1},
    {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions.UseDownstreamHttpConfig.http_protocol_options",
     kServerOnlyHttp1},
    {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions.AutoHttpConfig.http_protocol_options", kServerOnlyHttp1},
    {"envoy.config.cluster.v3.Cluster.http_protocol_options", kServerOnlyHttp1},
};

std::string holder_name(const google::protobuf::FieldDescriptor& field, std::string_view outer) {
    const std::string chained = std::string(outer) + "/" + field.name();
    const auto names_it = [&](const auto& row) { return row.field == chained; };
    const bool is_listed = std::any_of(kNotHere.begin(), kNotHere.end(), names_it) ||
                           std::any_of(any_types().begin(), any_types().end(), names_it);
    return is_listed ? chained : field.full_name();
}

const AnyTypes* find_any_types(std::string_view field) {
    const auto found =
        std::find_if(any_types().begin(), any_types().end(), [&](const AnyTypes& row) { return row.field == field; });
    return found == any_types().end() ? nullptr : &*found;
}

bool is_rejected_here(std::string_view holder, std::string_view field) {
    return std::any_of(kNotHere.begin(), kNotHere.end(), [&](const NotHere& row) {
        return row.field == holder && std::find(row.fields.begin(), row.fields.end(), field) != row.fields.end();
    });
}

bool has_field_path(std::string_view message, std::string_view path) {
    // The pool of the outermost message: so the linker keeps it, and all that it is made of.
    const auto* const pool = envoy::config::bootstrap::v3::Bootstrap::descriptor()->file()->pool();
    const auto* descriptor = pool->FindMessageTypeByName(std::string(message));
    while (!path.empty()) {
        const size_t dot = path.find('.');
        const auto* const field = descriptor ? descriptor->FindFieldByName(std::string(path.substr(0, dot))) : nullptr;
        if (!field) return false;
        descriptor = field->is_repeated() ? nullptr : field->message_type();
        path.remove_prefix(dot == std::string_view::npos ? path.size() : dot + 1);
    }
    return true;
}

}  // namespace heirloom::config
