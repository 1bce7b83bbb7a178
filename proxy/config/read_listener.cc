// SPDX-License-Identifier: Apache-2.0
#include <random>

#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/extensions/filters/listener/proxy_protocol/v3/proxy_protocol.pb.h"
#include "envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector.pb.h"
#include "proxy/config/readers.h"

namespace heirloom::config {
namespace {

using envoy::config::core::v3::TrafficDirection;
using envoy::config::listener::v3::Listener;
using envoy::config::listener::v3::ListenerFilter;
using envoy::extensions::filters::listener::proxy_protocol::v3::ProxyProtocol;
using envoy::extensions::filters::listener::tls_inspector::v3::TlsInspector;

// Version 4, as text.
std::string make_uuid() {
    std::random_device random;
    std::string text;
    for (int i = 0; i < 32; ++i) {
        if (i == 8 || i == 12 || i == 16 || i == 20) text += '-';
        uint32_t digit = random() % 16;
        if (i == 12) digit = 4;
        if (i == 16) digit = 8 | (digit & 3);
        text += "0123456789abcdef"[digit];
    }
    return text;
}

ListenerConfig::Direction read_direction(TrafficDirection direction) {
    switch (direction) {
        case TrafficDirection::INBOUND:
            return ListenerConfig::Direction::inbound;
        case TrafficDirection::OUTBOUND:
            return ListenerConfig::Direction::outbound;
        default:  // protobuf's enums have values that are no names
            return ListenerConfig::Direction::unspecified;
    }
}

// The PROXY header stands before everything else on the connection.
void read_listener_filters(const Listener& message, const Path& path, ListenerConfig& config, Problems& problems) {
    using Version = envoy::config::core::v3::ProxyProtocolConfig;
    for (int i = 0; i < message.listener_filters_size(); ++i) {
        const ListenerFilter& filter = message.listener_filters(i);
        const Path at = path.item("listener_filters", static_cast<size_t>(i));
        require_text(filter.name(), at.field("name"), problems);
        ProxyProtocol proxy;
        if (filter.typed_config().Is<TlsInspector>()) {
            config.tls_inspector = true;
        } else if (filter.typed_config().UnpackTo(&proxy)) {
            if (config.tls_inspector) problems.error(at, "proxy_protocol must stand before tls_inspector");
            if (config.proxy_protocol) problems.error(at, "a second proxy_protocol filter");
            ProxyProtocolConfig& read = config.proxy_protocol.emplace();
            read.allow_requests_without = proxy.allow_requests_without_proxy_protocol();
            read.stat_prefix = proxy.stat_prefix();
            for (const int version : proxy.disallowed_versions()) {
                (version == Version::V2 ? read.allow_v2 : read.allow_v1) = false;
            }
        } else {
            problems.error(at.field("typed_config"), "required");
        }
    }
    READ_DURATION(message, listener_filters_timeout, path, problems, config.listener_filters_timeout);
    config.continue_on_listener_filters_timeout = message.continue_on_listener_filters_timeout();
}

void read_filter_chains(const Listener& message, const Path& path, ListenerConfig& config, ReadContext& context) {
    const Path chains = path.field("filter_chains");
    for (int i = 0; i < message.filter_chains_size(); ++i) {
        config.filter_chains.push_back(
            read_filter_chain(message.filter_chains(i), chains.item(static_cast<size_t>(i)), context));
        const FilterChainMatch& match = config.filter_chains.back().match;
        const bool needs_names = !match.server_names.empty() || !match.application_protocols.empty();
        // As Envoy does by itself where it is missing.
        if (match.transport_protocol == "tls" || (match.transport_protocol.empty() && needs_names)) {
            config.tls_inspector = true;
        }
    }
    check_filter_chains(config.filter_chains, chains, context.problems);
    if (message.has_default_filter_chain()) {
        config.default_filter_chain =
            read_filter_chain(message.default_filter_chain(), path.field("default_filter_chain"), context);
    } else if (config.filter_chains.empty()) {
        context.problems.error(chains, "no filter chains specified");
    }
}

void read_socket_options(const Listener& message, const Path& path, ListenerConfig& config, Problems& problems) {
    // The old switch can say yes only; its absence is the default of the new one.
    if (message.reuse_port()) config.enable_reuse_port = true;
    READ_WRAPPED(message, enable_reuse_port, config.enable_reuse_port);
    READ_WRAPPED(message, freebind, config.freebind);
    READ_WRAPPED(message, tcp_fast_open_queue_length, config.tcp_fast_open_queue_length);
    READ_WRAPPED(message, tcp_backlog_size, config.backlog);
    if (message.has_tcp_backlog_size() && (config.backlog == 0 || config.backlog > INT32_MAX)) {
        problems.error(path.field("tcp_backlog_size"), "must be from 1 to 2147483647");
    }
}

}  // namespace

ListenerConfig read_listener(const Listener& message, const Path& path, ReadContext& context) {
    Problems& problems = context.problems;
    ListenerConfig config;
    config.configured_name = message.name();
    config.name = message.name().empty() ? make_uuid() : message.name();
    config.stat_prefix = message.stat_prefix();
    if (message.has_address()) {
        config.address = read_listen_address(message.address(), path.field("address"), &config.unix_mode, problems);
    } else {
        problems.error(path.field("address"), "required");
    }
    read_socket_options(message, path, config, problems);
    READ_WRAPPED(message, per_connection_buffer_limit_bytes, config.per_connection_buffer_limit_bytes);
    if (config.per_connection_buffer_limit_bytes == 0)
        config.per_connection_buffer_limit_bytes = UINT32_MAX;  // no limit
    config.ignore_global_conn_limit = message.ignore_global_conn_limit();
    config.traffic_direction = read_direction(message.traffic_direction());
    if (message.drain_type() == Listener::MODIFY_ONLY) config.drain_type = ListenerConfig::DrainType::modify_only;
    for (int i = 0; i < message.access_log_size(); ++i) {
        config.access_logs.push_back(
            read_access_log(message.access_log(i), path.item("access_log", static_cast<size_t>(i)), problems));
    }
    read_listener_filters(message, path, config, problems);
    read_filter_chains(message, path, config, context);
    return config;
}

}  // namespace heirloom::config
