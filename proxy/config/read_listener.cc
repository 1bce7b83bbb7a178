// SPDX-License-Identifier: Apache-2.0
#include <random>

#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "proxy/config/readers.h"

namespace heirloom::config {
namespace {

using envoy::config::core::v3::TrafficDirection;
using envoy::config::listener::v3::Filter;
using envoy::config::listener::v3::FilterChain;
using envoy::config::listener::v3::Listener;
using envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager;

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

void read_filter_chain(const FilterChain& message, const Path& path, ListenerConfig& config, ReadContext& context) {
    config.filter_chain_name = message.name();
    const Path filters = path.field("filters");
    if (message.filters_size() != 1) {
        context.problems.error(filters, "exactly one filter is supported, an HttpConnectionManager; found " +
                                            std::to_string(message.filters_size()));
    }
    for (int i = 0; i < message.filters_size(); ++i) {
        const Filter& filter = message.filters(i);
        const Path at = filters.item(static_cast<size_t>(i));
        require_text(filter.name(), at.field("name"), context.problems);
        HttpConnectionManager manager;
        if (!filter.typed_config().UnpackTo(&manager)) {
            context.problems.error(at.field("typed_config"), "required");
            continue;
        }
        config.http = read_connection_manager(manager, at.field("typed_config"), context);
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
    config.traffic_direction = read_direction(message.traffic_direction());
    if (message.drain_type() == Listener::MODIFY_ONLY) config.drain_type = ListenerConfig::DrainType::modify_only;
    const Path chains = path.field("filter_chains");
    if (message.filter_chains_size() != 1) {
        problems.error(chains,
                       "exactly one filter chain is supported; found " + std::to_string(message.filter_chains_size()));
    }
    for (int i = 0; i < message.filter_chains_size(); ++i) {
        read_filter_chain(message.filter_chains(i), chains.item(static_cast<size_t>(i)), config, context);
    }
    return config;
}

}  // namespace heirloom::config
