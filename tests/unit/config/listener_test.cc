// SPDX-License-Identifier: Apache-2.0
// Listeners with several filter chains, listener filters, TCP and the HTTP/2 options of both sides.
#include <doctest/doctest.h>

#include "proxy/config/local_reply_config.h"
#include "tests/unit/config/load_text.h"

using namespace heirloom;
using namespace heirloom::config;
using namespace std::chrono_literals;

namespace {

std::string tcp(const std::string& fields = ", cluster: c") {
    return "filters: [{name: t, typed_config: {\"@type\": "
           "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: t" +
           fields + "}}]";
}

std::string listener(const std::string& fields) {
    return "static_resources: {listeners: [{address: {socket_address: {address: 127.0.0.1, port_value: 0}}, " + fields +
           "}]}";
}

std::string chains(std::initializer_list<std::string> matches) {
    std::string text = "filter_chains: [";
    char name = 'a';
    for (const std::string& match : matches) {
        text += std::string("{name: ") + name++ + ", filter_chain_match: " + match + ", " + tcp() + "}, ";
    }
    return text + "]";
}

std::string http(const std::string& fields) {
    return listener(
        "filter_chains: [{filters: [{name: h, typed_config: {\"@type\": "
        "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager, "
        "stat_prefix: h, route_config: {}, http_filters: [{name: r, typed_config: {\"@type\": "
        "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}], " +
        fields + "}}]}]");
}

std::string cluster(const std::string& options, const std::string& fields = "") {
    return "static_resources: {clusters: [{name: c, typed_extension_protocol_options: "
           "{envoy.extensions.upstreams.http.v3.HttpProtocolOptions: {\"@type\": "
           "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions, " +
           options + "}}" + fields + "}]}";
}

const std::string kListener = "static_resources.listeners[0].";
const std::string kManager = kListener + "filter_chains[0].filters[0].typed_config.";
const std::string kTlsSocket =
    ", transport_socket: {name: t, typed_config: {\"@type\": "
    "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext}}";

}  // namespace

TEST_CASE("filter chains with all criteria") {
    const auto snapshot = load(listener(
        chains(
            {"{destination_port: 443, prefix_ranges: [{address_prefix: 10.1.2.3, prefix_len: 12}], server_names: "
             "[A.com, '*.b.com'], transport_protocol: tls, application_protocols: [h2], "
             "direct_source_prefix_ranges: [{address_prefix: '2001:db8::1', prefix_len: 32}], source_type: EXTERNAL, "
             "source_prefix_ranges: [{address_prefix: 127.0.0.1, prefix_len: 32}], source_ports: [1, 65535]}"}) +
        ", default_filter_chain: {name: rest, transport_socket_connect_timeout: 3s, " + tcp() +
        "}, listener_filters_timeout: 0s, continue_on_listener_filters_timeout: true, listener_filters: [{name: p, "
        "typed_config: {\"@type\": type.googleapis.com/envoy.extensions.filters.listener.proxy_protocol.v3."
        "ProxyProtocol, allow_requests_without_proxy_protocol: true, disallowed_versions: [V1], stat_prefix: pp}}]"));
    REQUIRE_MESSAGE(snapshot.ok(), snapshot.error().text);
    const ListenerConfig& config = (*snapshot)->listeners.at(0);
    REQUIRE(config.filter_chains.size() == 1);
    const FilterChainMatch& match = config.filter_chains[0].match;
    CHECK(match.destination_port == 443);
    CHECK(match.prefix_ranges.at(0).address.ip() == "10.0.0.0");
    CHECK(match.prefix_ranges[0].prefix_length == 12);
    CHECK(match.prefix_ranges[0].text == "10.1.2.3/12");
    CHECK(match.server_names == std::vector<std::string>{"a.com", "*.b.com"});
    CHECK(match.transport_protocol == "tls");
    CHECK(match.application_protocols == std::vector<std::string>{"h2"});
    CHECK(match.direct_source_prefix_ranges.at(0).address.ip() == "2001:db8::");
    CHECK(match.source_type == FilterChainMatch::SourceType::external);
    CHECK(match.source_prefix_ranges.at(0).address.ip() == "127.0.0.1");
    CHECK(match.source_ports == std::vector<uint16_t>{1, 65535});
    REQUIRE(config.default_filter_chain);
    CHECK(config.default_filter_chain->name == "rest");
    CHECK(config.default_filter_chain->transport_socket_connect_timeout == 3s);
    CHECK(config.listener_filters_timeout == 0s);
    CHECK(config.continue_on_listener_filters_timeout);
    CHECK(config.tls_inspector);  // nobody said so, but the server names need it
    REQUIRE(config.proxy_protocol);
    CHECK(config.proxy_protocol->allow_requests_without);
    CHECK_FALSE(config.proxy_protocol->allow_v1);
    CHECK(config.proxy_protocol->allow_v2);
    CHECK(config.proxy_protocol->stat_prefix == "pp");
}

TEST_CASE("filter chains that cannot be") {
    const std::string first = kListener + "filter_chains[0].filter_chain_match";
    const std::string second = kListener + "filter_chains[1].filter_chain_match";
    CHECK(errors_of(listener("name: x")) == kListener + "filter_chains: no filter chains specified");
    CHECK(errors_of(listener(chains({"{}", "{}"}))) ==
          second + ": filter chain 'b' has the same matching rules defined as 'a'");
    CHECK(errors_of(listener(chains({"{prefix_ranges: [{address_prefix: 10.0.0.1, prefix_len: 8}]}",
                                     "{prefix_ranges: [{address_prefix: 10.0.0.2, prefix_len: 8}]}"}))) ==
          second + ": filter chain 'b' has the same matching rules defined as 'a'");
    CHECK(errors_of(listener(chains({"{server_names: [a.b, c.d]}", "{server_names: [C.D, e.f]}"}))) ==
          second + ": multiple filter chains with overlapping matching rules are defined");
    CHECK(errors_of(listener(chains({"{prefix_ranges: [{address_prefix: 10.0.0.0, prefix_len: 8}]}",
                                     "{prefix_ranges: [{address_prefix: '::ffff:10.1.2.3', prefix_len: 104}]}"}))) ==
          second + ": filter chain 'b' has the same matching rules defined as 'a'");
    CHECK(errors_of(listener(chains({"{prefix_ranges: [{address_prefix: '::', prefix_len: 90}]}",
                                     "{prefix_ranges: [{address_prefix: '::ffff:0:0', prefix_len: 95}]}"}))) ==
          "loaded");
    CHECK(errors_of(listener(chains({"{server_names: ['*.a.com']}", "{server_names: [.a.com]}"}))) ==
          second + ".server_names[0]: must not begin with a dot; names below a domain are \"*.a.com\"");
    CHECK(errors_of(listener(chains({"{server_names: [a.b]}", "{server_names: [a.b], transport_protocol: tls}"}))) ==
          "loaded");
    for (const char* name : {"'*'", "'a.*'", "'*a.com'", "'*.'", "'*.*.com'"}) {
        CHECK(errors_of(listener(chains({"{server_names: [" + std::string(name) + "]}"}))) ==
              first + ".server_names[0]: partial wildcards are not supported in \"server_names\"");
    }
    CHECK(errors_of(listener(chains({"{prefix_ranges: [{address_prefix: 10.0.0.1, prefix_len: 33}]}"}))) ==
          first + ".prefix_ranges[0]: invalid ip/mask combo '10.0.0.1/33' (format is <ip>/<# mask bits>)");
    CHECK(errors_of(listener(chains({"{destination_port: 0, source_ports: [70000], transport_protocol: quic}"})))
              .find("supported: raw_buffer, tls") != std::string::npos);
    CHECK(errors_of(listener("default_filter_chain: {filter_chain_match: {}, " + tcp() + "}")) ==
          kListener + "default_filter_chain.filter_chain_match: not supported in this place");
    std::string many = "{source_ports: [1";
    for (int i = 2; i < 2000; ++i) many += "," + std::to_string(i);
    many += "], application_protocols: [p1";
    for (int i = 2; i < 2000; ++i) many += ",p" + std::to_string(i);
    CHECK(errors_of(listener(chains({many + "]}"}))) ==
          kListener + "filter_chains: the criteria of the filter chains combine to too much");
}

TEST_CASE("listener filters that cannot be") {
    const std::string proxy =
        "{name: p, typed_config: {\"@type\": "
        "type.googleapis.com/envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol}}";
    const std::string inspector =
        "{name: t, typed_config: {\"@type\": "
        "type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector}}";
    const auto with = [&](const std::string& filters) {
        return errors_of(listener(chains({"{}"}) + ", listener_filters: [" + filters + "]"));
    };
    CHECK(with(proxy + ", " + inspector) == "loaded");
    CHECK(with(inspector + ", " + proxy) ==
          kListener + "listener_filters[1]: proxy_protocol must stand before tls_inspector");
    CHECK(with(proxy + ", " + proxy) == kListener + "listener_filters[1]: a second proxy_protocol filter");
    CHECK(with("{}") == kListener + "listener_filters[0].name: required, and must not be empty\n" + kListener +
                            "listener_filters[0].typed_config: required");
}

TEST_CASE("a TCP proxy") {
    const auto with = [](const std::string& fields) { return listener("filter_chains: [{" + tcp(fields) + "}]"); };
    const auto snapshot = load(
        with(", weighted_clusters: {clusters: [{name: a, weight: 3}, {name: b, weight: 1}]}, idle_timeout: 5s, "
             "max_connect_attempts: 2, max_downstream_connection_duration: 60s, access_log: [{name: l, typed_config: "
             "{\"@type\": type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog}}]"));
    REQUIRE_MESSAGE(snapshot.ok(), snapshot.error().text);
    const TcpProxyConfig& config = *(*snapshot)->listeners.at(0).filter_chains.at(0).tcp;
    CHECK(config.stat_prefix == "t");
    REQUIRE(config.clusters.size() == 2);
    CHECK(config.clusters[0].name == "a");
    CHECK(config.clusters[0].weight == 3);
    CHECK(config.idle_timeout == 5s);
    CHECK(config.max_connect_attempts == 2);
    CHECK(config.max_connection_duration == 60s);
    CHECK(config.access_logs.size() == 1);
    const std::string at = kListener + "filter_chains[0].filters[0].typed_config";
    CHECK(errors_of(with("")) == at + ": one of cluster, weighted_clusters is required");
    CHECK(errors_of(with(", weighted_clusters: {}")) == at + ".weighted_clusters.clusters: at least one is required");
    CHECK(errors_of(with(", weighted_clusters: {clusters: [{}]}, max_connect_attempts: 0")) ==
          at + ".weighted_clusters.clusters[0].name: required, and must not be empty\n" + at +
              ".weighted_clusters.clusters[0].weight: must be at least 1\n" + at +
              ".max_connect_attempts: must be at least 1");
}

TEST_CASE("HTTP/2 and client certificates in a connection manager") {
    const auto snapshot = load(http(
        "codec_type: HTTP2, http2_protocol_options: {hpack_table_size: 0, max_concurrent_streams: 5, "
        "initial_stream_window_size: 65535, initial_connection_window_size: 2147483647, allow_connect: true, "
        "max_outbound_frames: 6, max_outbound_control_frames: 7, max_consecutive_inbound_frames_with_empty_payload: 8, "
        "max_inbound_priority_frames_per_stream: 9, max_inbound_window_update_frames_per_data_frame_sent: 10, "
        "override_stream_error_on_invalid_http_message: true, connection_keepalive: {interval: 1s, timeout: 2s, "
        "interval_jitter: {value: 2.5}, connection_idle_interval: 3s}}, "
        "forward_client_cert_details: APPEND_FORWARD, set_current_client_cert_details: {subject: true, cert: true, "
        "chain: true, dns: true, uri: true}"));
    REQUIRE_MESSAGE(snapshot.ok(), snapshot.error().text);
    const HttpConnectionManagerConfig& config = *(*snapshot)->listeners.at(0).filter_chains.at(0).http;
    CHECK(config.codec_type == HttpConnectionManagerConfig::CodecType::http2);
    CHECK(config.http2.hpack_table_size == 0);
    CHECK(config.http2.max_concurrent_streams == 5);
    CHECK(config.http2.initial_stream_window_size == 65535);
    CHECK(config.http2.initial_connection_window_size == 2147483647);
    CHECK(config.http2.allow_connect);
    CHECK(config.http2.max_outbound_frames == 6);
    CHECK(config.http2.max_outbound_control_frames == 7);
    CHECK(config.http2.max_consecutive_inbound_frames_with_empty_payload == 8);
    CHECK(config.http2.max_inbound_priority_frames_per_stream == 9);
    CHECK(config.http2.max_inbound_window_update_frames_per_data_frame_sent == 10);
    CHECK(config.http2.keepalive_interval == 1s);
    CHECK(config.http2.keepalive_timeout == 2s);
    CHECK(config.http2.keepalive_jitter_percent == 2.5);
    CHECK(config.http2.keepalive_idle_interval == 3s);
    CHECK(config.forward_client_cert == HttpConnectionManagerConfig::ForwardClientCert::append_forward);
    CHECK(config.client_cert_details.subject);
    CHECK(config.client_cert_details.chain);
    const std::string at = kListener + "filter_chains[0].filters[0].typed_config.http2_protocol_options.";
    CHECK(errors_of(http("http2_protocol_options: {override_stream_error_on_invalid_http_message: false}")) ==
          at + "override_stream_error_on_invalid_http_message: only true is supported: a malformed message ends its "
               "stream, not the connection");
    CHECK(errors_of(http("http2_protocol_options: {max_concurrent_streams: 0, initial_stream_window_size: 65534, "
                         "initial_connection_window_size: 2147483648, max_outbound_frames: 0, connection_keepalive: "
                         "{interval: 0s, interval_jitter: {value: 101}}}")) ==
          at + "max_concurrent_streams: must be from 1 to 2147483647\n" + at +
              "initial_stream_window_size: must be from 65535 to 2147483647\n" + at +
              "initial_connection_window_size: must be from 65535 to 2147483647\n" + at +
              "max_outbound_frames: must be at least 1\n" + at + "connection_keepalive.timeout: required\n" + at +
              "connection_keepalive.interval: must be at least 0.001s\n" + at +
              "connection_keepalive.interval_jitter.value: must be from 0 to 100");
}

TEST_CASE("local replies, targets and forwarding of a connection manager") {
    const auto snapshot = load(http(
        "local_reply_config: {mappers: [{filter: {status_code_filter: {comparison: {op: GE, value: {default_value: "
        "500, runtime_key: k}}}}, status_code: 299, body: {inline_string: b}, body_format_override: {json_format: {a: "
        "'%LOCAL_REPLY_BODY%'}}, headers_to_add: [{header: {key: X-A, value: '%RESPONSE_CODE%'}}]}], body_format: "
        "{text_format_source: {inline_string: t}, content_type: text/html}}, normalize_path: true, merge_slashes: "
        "true, "
        "path_with_escaped_slashes_action: UNESCAPE_AND_REDIRECT, strip_any_host_port: true, strip_trailing_host_dot: "
        "true, via: v, append_x_forwarded_port: true, scheme_header_transformation: {scheme_to_overwrite: https, "
        "match_upstream: true}, stream_error_on_invalid_http_message: true, request_id_extension: {typed_config: "
        "{\"@type\": type.googleapis.com/envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig, pack_trace_reason: "
        "false}}"));
    REQUIRE_MESSAGE(snapshot.ok(), snapshot.error().text);
    const HttpConnectionManagerConfig& config = *(*snapshot)->listeners.at(0).filter_chains.at(0).http;
    REQUIRE(config.local_reply);
    const LocalReplyMapper& mapper = config.local_reply->mappers.at(0);
    CHECK(mapper.filter.value == 500);
    CHECK(mapper.status == 299);
    CHECK(mapper.body == "b");
    CHECK(mapper.format->content_type == "application/json");
    CHECK(mapper.headers.add.at(0).name == "x-a");
    CHECK(config.local_reply->format->content_type == "text/html");
    CHECK(config.target.normalize_path);
    CHECK(config.target.merge_slashes);
    CHECK(config.target.escaped_slashes == TargetRules::EscapedSlashes::redirect);
    CHECK(config.target.strip_port == TargetRules::StripPort::any);
    CHECK(config.target.strip_trailing_dot);
    CHECK(config.via == "v");
    CHECK(config.append_x_forwarded_port);
    CHECK(config.scheme == "https");
    CHECK(config.scheme_of_upstream);
    CHECK(config.keep_open_after_400);
    const auto wrong = [](const std::string& fields, const std::string& place, const std::string& text) {
        const auto result = load(http(fields));
        REQUIRE_FALSE(result.ok());
        CHECK_MESSAGE(result.error().text.find(kManager + place + ": " + text) != std::string::npos,
                      result.error().text);
    };
    wrong("local_reply_config: {mappers: [{status_code: 600}]}", "local_reply_config.mappers[0].filter", "required");
    wrong("local_reply_config: {mappers: [{status_code: 600}]}", "local_reply_config.mappers[0].status_code",
          "must be from 200 to 599");
    wrong("local_reply_config: {body_format: {}}", "local_reply_config.body_format", "one of");
    wrong("scheme_header_transformation: {scheme_to_overwrite: ftp}",
          "scheme_header_transformation.scheme_to_overwrite", "must be http or https");
    wrong("strip_any_host_port: true, strip_matching_host_port: true", "strip_any_host_port", "only one of");
    wrong("request_id_extension: {}", "request_id_extension.typed_config", "required");
}

TEST_CASE("the protocol of a cluster") {
    const auto config_of = [](const std::string& yaml) {
        const auto snapshot = load(yaml);
        REQUIRE_MESSAGE(snapshot.ok(), snapshot.error().text);
        return (*snapshot)->clusters.at(0);
    };
    const ClusterConfig old = config_of(
        "static_resources: {clusters: [{name: c, http2_protocol_options: "
        "{max_concurrent_streams: 3}}]}");
    CHECK(old.protocol == ClusterConfig::Protocol::http2);
    CHECK(old.http2.max_concurrent_streams == 3);
    const ClusterConfig chosen = config_of(
        cluster("explicit_http_config: {http2_protocol_options: {max_concurrent_streams: 100}}, "
                "upstream_http_protocol_options: {auto_sni: true, auto_san_validation: true, override_auto_sni_header: "
                "x-name}, common_http_protocol_options: {max_connection_duration: 9s, idle_timeout: 8s}"));
    CHECK(chosen.protocol == ClusterConfig::Protocol::http2);
    CHECK(chosen.http2.max_concurrent_streams == 100);
    CHECK(chosen.auto_sni);
    CHECK(chosen.auto_san_validation);
    CHECK(chosen.override_auto_sni_header == "x-name");
    CHECK(chosen.max_connection_duration == 9s);
    CHECK(chosen.idle_timeout == 8s);
    CHECK(config_of(cluster("use_downstream_protocol_config: {}")).protocol == ClusterConfig::Protocol::by_downstream);
    CHECK(config_of(cluster("auto_config: {}", kTlsSocket)).protocol == ClusterConfig::Protocol::by_alpn);
    const std::string at =
        "static_resources.clusters[0].typed_extension_protocol_options[\"envoy.extensions.upstreams.http.v3."
        "HttpProtocolOptions\"]";
    CHECK(errors_of(cluster("auto_config: {}")) ==
          at + ".auto_config: ALPN configured for cluster c which has a non-ALPN transport socket");
    CHECK(errors_of(cluster("explicit_http_config: {}")) ==
          at + ".explicit_http_config: one of http_protocol_options, http2_protocol_options is required");
    CHECK(errors_of(cluster("use_downstream_protocol_config: {http_protocol_options: {accept_http_10: true}}")) ==
          at + ".use_downstream_protocol_config.http_protocol_options.accept_http_10: not supported in this place");
}
