// SPDX-License-Identifier: Apache-2.0
#include <map>

#include "envoy/config/listener/v3/listener_components.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.pb.h"
#include "proxy/config/readers.h"

namespace heirloom::config {
namespace {

using envoy::config::listener::v3::Filter;
using envoy::config::listener::v3::FilterChain;
using envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager;
using envoy::extensions::filters::network::tcp_proxy::v3::TcpProxy;
using MatchMessage = envoy::config::listener::v3::FilterChainMatch;

constexpr size_t kMaxCombinations = 1u << 20;

template <class List>
std::vector<CidrRange> read_ranges(const List& list, const Path& path, Problems& problems) {
    std::vector<CidrRange> ranges;
    for (int i = 0; i < list.size(); ++i) {
        ranges.push_back(read_cidr_range(list[i], path.item(static_cast<size_t>(i)), problems));
    }
    return ranges;
}

void read_names(const MatchMessage& message, const Path& path, FilterChainMatch& match, Problems& problems) {
    for (int i = 0; i < message.server_names_size(); ++i) {
        const Path at = path.item("server_names", static_cast<size_t>(i));
        std::string name = lower_case(message.server_names(i));
        require_text(name, at, problems);
        const size_t star = name.rfind('*');
        if (star != std::string::npos && (star != 0 || !name.starts_with("*.") || name.size() < 3)) {
            problems.error(at, "partial wildcards are not supported in \"server_names\"");
        } else if (name.starts_with('.')) {
            problems.error(at, "must not begin with a dot; names below a domain are \"*" + name + "\"");
        }
        match.server_names.push_back(std::move(name));
    }
    for (int i = 0; i < message.application_protocols_size(); ++i) {
        require_text(message.application_protocols(i), path.item("application_protocols", static_cast<size_t>(i)),
                     problems);
        match.application_protocols.push_back(message.application_protocols(i));
    }
    match.transport_protocol = message.transport_protocol();
    if (!match.transport_protocol.empty() && match.transport_protocol != "tls" &&
        match.transport_protocol != "raw_buffer") {
        problems.error(path.field("transport_protocol"),
                       "unknown or unsupported value '" + match.transport_protocol + "'; supported: raw_buffer, tls");
    }
}

FilterChainMatch read_match(const MatchMessage& message, const Path& path, Problems& problems) {
    FilterChainMatch match;
    if (message.has_destination_port()) {
        const uint32_t port = message.destination_port().value();
        if (port == 0 || port > 65535) problems.error(path.field("destination_port"), "must be from 1 to 65535");
        match.destination_port = static_cast<uint16_t>(port);
    }
    match.prefix_ranges = read_ranges(message.prefix_ranges(), path.field("prefix_ranges"), problems);
    read_names(message, path, match, problems);
    match.direct_source_prefix_ranges =
        read_ranges(message.direct_source_prefix_ranges(), path.field("direct_source_prefix_ranges"), problems);
    if (message.source_type() == MatchMessage::SAME_IP_OR_LOOPBACK) {
        match.source_type = FilterChainMatch::SourceType::same_ip_or_loopback;
    } else if (message.source_type() == MatchMessage::EXTERNAL) {
        match.source_type = FilterChainMatch::SourceType::external;
    }
    match.source_prefix_ranges =
        read_ranges(message.source_prefix_ranges(), path.field("source_prefix_ranges"), problems);
    for (int i = 0; i < message.source_ports_size(); ++i) {
        const uint32_t port = message.source_ports(i);
        if (port == 0 || port > 65535) {
            problems.error(path.item("source_ports", static_cast<size_t>(i)), "must be from 1 to 65535");
        }
        match.source_ports.push_back(static_cast<uint16_t>(port));
    }
    return match;
}

void read_filter(const Filter& filter, const Path& path, FilterChainConfig& chain, ReadContext& context) {
    require_text(filter.name(), path.field("name"), context.problems);
    const Path at = path.field("typed_config");
    HttpConnectionManager manager;
    TcpProxy proxy;
    if (filter.typed_config().UnpackTo(&manager)) {
        chain.http = read_connection_manager(manager, at, context);
    } else if (filter.typed_config().UnpackTo(&proxy)) {
        chain.tcp = read_tcp_proxy(proxy, at, context.problems);
    } else {
        context.problems.error(at, "required");
    }
}

// Each criterion as the texts it may take; one "" for a criterion that is not there.
std::vector<std::vector<std::string>> criteria_of(const FilterChainMatch& match) {
    const auto texts = [](const auto& list, auto text_of) {
        std::vector<std::string> all;
        for (const auto& item : list) all.push_back(text_of(item));
        if (all.empty()) all.emplace_back();
        return all;
    };
    const auto same = [](const std::string& text) { return text; };
    const auto range = [](const CidrRange& r) { return r.address.ip() + "/" + std::to_string(r.prefix_length); };
    const auto port = [](uint16_t number) { return std::to_string(number); };
    return {{match.destination_port ? port(*match.destination_port) : ""},
            texts(match.prefix_ranges, range),
            texts(match.server_names, same),
            {match.transport_protocol},
            texts(match.application_protocols, same),
            texts(match.direct_source_prefix_ranges, range),
            {std::to_string(static_cast<int>(match.source_type))},
            texts(match.source_prefix_ranges, range),
            texts(match.source_ports, port)};
}

}  // namespace

FilterChainConfig read_filter_chain(const FilterChain& message, const Path& path, ReadContext& context) {
    FilterChainConfig chain;
    chain.name = message.name();
    chain.match = read_match(message.filter_chain_match(), path.field("filter_chain_match"), context.problems);
    if (message.has_transport_socket()) {
        chain.tls = read_downstream_socket(message.transport_socket(), path.field("transport_socket"), context);
    }
    READ_DURATION(message, transport_socket_connect_timeout, path, context.problems,
                  chain.transport_socket_connect_timeout);
    const Path filters = path.field("filters");
    if (message.filters_size() != 1) {
        context.problems.error(filters,
                               "exactly one filter is supported, an HttpConnectionManager or a TcpProxy; found " +
                                   std::to_string(message.filters_size()));
    }
    for (int i = 0; i < message.filters_size(); ++i) {
        read_filter(message.filters(i), filters.item(static_cast<size_t>(i)), chain, context);
    }
    return chain;
}

void check_filter_chains(const std::vector<FilterChainConfig>& chains, const Path& path, Problems& problems) {
    std::map<std::string, size_t> owners;  // a combination of one text of each criterion: the chain that has it
    for (size_t i = 0; i < chains.size(); ++i) {
        std::vector<std::string> combinations{""};
        for (const auto& texts : criteria_of(chains[i].match)) {
            if (combinations.size() * texts.size() + owners.size() > kMaxCombinations) {
                return problems.error(path, "the criteria of the filter chains combine to too much");
            }
            std::vector<std::string> longer;
            for (const std::string& start : combinations) {
                for (const std::string& text : texts) longer.push_back(start + text + '\n');
            }
            combinations = std::move(longer);
        }
        for (const std::string& combination : combinations) {
            const auto [entry, is_new] = owners.insert({combination, i});
            if (is_new || entry->second == i) continue;
            const FilterChainConfig& other = chains[entry->second];
            const bool identical = criteria_of(other.match) == criteria_of(chains[i].match);
            problems.error(path.item(i).field("filter_chain_match"),
                           identical ? "filter chain '" + chains[i].name +
                                           "' has the same matching rules defined as '" + other.name + "'"
                                     : "multiple filter chains with overlapping matching rules are defined");
            break;
        }
    }
}

}  // namespace heirloom::config
