// SPDX-License-Identifier: Apache-2.0
#include "proxy/listener/filter_chain_match.h"

#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace heirloom::listener {
namespace {

using config::CidrRange;
using config::FilterChainMatch;
using SourceType = FilterChainMatch::SourceType;

// The order is Envoy's.
enum Level : size_t {
    destination_port,
    destination_address,
    server_name,
    transport_protocol,
    application_protocol,
    direct_source_address,
    source_type,
    source_address,
    source_port,
    level_count,
};

constexpr size_t kMostAddressBytes = sizeof(in6_addr);

// The bytes of an IP address; IPv4 that came by an IPv6 socket is IPv4. Empty when it is none.
std::string_view address_bytes(const shm::SocketAddress* address) {
    if (!address) return {};
    if (address->family() == AF_INET) {
        const auto& v4 = reinterpret_cast<const sockaddr_in&>(address->storage);
        return {reinterpret_cast<const char*>(&v4.sin_addr), sizeof(in_addr)};
    }
    if (address->family() != AF_INET6) return {};
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address->storage);
    const char* const bytes = reinterpret_cast<const char*>(&v6.sin6_addr);
    if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) return {bytes + kMostAddressBytes - sizeof(in_addr), sizeof(in_addr)};
    return {bytes, kMostAddressBytes};
}

// A prefix as a key: its length, then its bytes with the rest cleared. Families differ in size.
class PrefixKey {
  public:
    PrefixKey(std::string_view address, uint8_t length) : size_(1 + address.size()) {
        bytes_[0] = static_cast<char>(length);
        std::memcpy(bytes_.data() + 1, address.data(), address.size());
        for (size_t i = 0; i < address.size(); ++i) {
            const size_t kept = length > i * 8 ? std::min<size_t>(length - i * 8, 8) : 0;
            bytes_[1 + i] = static_cast<char>(static_cast<uint8_t>(bytes_[1 + i]) & (0xff00u >> kept));
        }
    }
    std::string_view text() const { return {bytes_.data(), size_}; }

  private:
    std::array<char, 1 + kMostAddressBytes> bytes_;
    size_t size_;
};

std::string port_key(uint16_t port) { return {static_cast<char>(port >> 8), static_cast<char>(port & 0xff)}; }
std::string type_key(SourceType type) { return {static_cast<char>('0' + static_cast<int>(type))}; }

template <class List, class KeyOf>
std::vector<std::string> keys_of(const List& list, KeyOf key_of) {
    std::vector<std::string> keys;
    for (const auto& item : list) keys.push_back(key_of(item));
    if (keys.empty()) keys.emplace_back();
    std::sort(keys.begin(), keys.end());
    keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
    return keys;
}

std::vector<std::string> range_keys(const std::vector<CidrRange>& ranges) {
    return keys_of(ranges, [](const CidrRange& range) {
        return std::string(PrefixKey(address_bytes(&range.address), range.prefix_length).text());
    });
}

std::vector<std::vector<std::string>> keys_by_level(const FilterChainMatch& match) {
    const auto same = [](const std::string& text) { return text; };
    std::vector<std::vector<std::string>> keys(level_count);
    keys[destination_port] = {match.destination_port ? port_key(*match.destination_port) : ""};
    keys[destination_address] = range_keys(match.prefix_ranges);
    // "*.a.com" is found under ".a.com".
    keys[server_name] = keys_of(match.server_names,
                                [](const std::string& name) { return name.starts_with('*') ? name.substr(1) : name; });
    keys[transport_protocol] = {match.transport_protocol};
    keys[application_protocol] = keys_of(match.application_protocols, same);
    keys[direct_source_address] = range_keys(match.direct_source_prefix_ranges);
    keys[source_type] = {match.source_type == SourceType::any ? "" : type_key(match.source_type)};
    keys[source_address] = range_keys(match.source_prefix_ranges);
    keys[source_port] = keys_of(match.source_ports, port_key);
    return keys;
}

bool is_local(const ConnectionFacts& facts) {
    const std::string_view source = address_bytes(facts.source);
    if (source.empty()) return true;  // a unix socket
    static constexpr std::string_view kLoopback6("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", kMostAddressBytes);
    if (source.size() == sizeof(in_addr) ? source[0] == 127 : source == kLoopback6) return true;
    return source == address_bytes(facts.destination);
}

void insert_length(std::vector<uint8_t>& lengths, uint8_t length) {
    const auto place = std::lower_bound(lengths.begin(), lengths.end(), length, std::greater<>());
    if (place == lengths.end() || *place != length) lengths.insert(place, length);
}

bool matches_all(const FilterChainMatch& match) {
    const auto keys = keys_by_level(match);
    return std::all_of(keys.begin(), keys.end(), [](const auto& level) { return level.front().empty(); });
}

}  // namespace

FilterChainMatcher::FilterChainMatcher(const config::ListenerConfig& config) : nodes_(1) {
    const auto& chains = config.filter_chains;
    if (config.default_filter_chain) default_chain_ = chains.size();
    for (size_t i = 0; i < chains.size(); ++i) {
        add(0, 0, keys_by_level(chains[i].match), i);
        needs_destination_ = needs_destination_ || !chains[i].match.prefix_ranges.empty() ||
                             chains[i].match.source_type != SourceType::any;
    }
    trivial_ = chains.empty() || (chains.size() == 1 && matches_all(chains[0].match));
}

void FilterChainMatcher::add(size_t node, size_t level, const std::vector<std::vector<std::string>>& keys,
                             size_t chain) {
    for (const std::string& key : keys[level]) {
        const bool is_prefix =
            level == destination_address || level == direct_source_address || level == source_address;
        if (is_prefix && !key.empty()) {
            const bool v4 = key.size() == 1 + sizeof(in_addr);
            insert_length(v4 ? nodes_[node].lengths_v4 : nodes_[node].lengths_v6, static_cast<uint8_t>(key[0]));
        }
        if (level + 1 == level_count) {
            nodes_[node].next.emplace(key, chain);
            continue;
        }
        size_t child = at(nodes_[node], key);
        if (child == kNone) {
            child = nodes_.size();
            nodes_.emplace_back();
            nodes_[node].next.emplace(key, child);
        }
        add(child, level + 1, keys, chain);
    }
}

size_t FilterChainMatcher::at(const Node& node, std::string_view key) {
    const auto found = node.next.find(key);
    return found == node.next.end() ? kNone : found->second;
}

size_t FilterChainMatcher::by_text(const Node& node, std::string_view key) {
    const size_t exact = at(node, key);
    return exact != kNone || key.empty() ? exact : at(node, {});
}

size_t FilterChainMatcher::by_port(const Node& node, const shm::SocketAddress* address) {
    if (address_bytes(address).empty()) return at(node, {});
    const uint16_t port = address->port();
    const char key[] = {static_cast<char>(port >> 8), static_cast<char>(port & 0xff)};
    return by_text(node, {key, sizeof key});
}

size_t FilterChainMatcher::by_address(const Node& node, const shm::SocketAddress* address) {
    const std::string_view bytes = address_bytes(address);
    if (bytes.empty()) return at(node, {});
    for (const uint8_t length : bytes.size() == sizeof(in_addr) ? node.lengths_v4 : node.lengths_v6) {
        const size_t found = at(node, PrefixKey(bytes, length).text());
        if (found != kNone) return found;
    }
    return at(node, {});
}

size_t FilterChainMatcher::by_server_name(const Node& node, std::string_view name) {
    const size_t exact = at(node, name);
    if (exact != kNone) return exact;
    for (size_t dot = name.find('.', 1); dot < name.size(); dot = name.find('.', dot + 1)) {
        const size_t wildcard = at(node, name.substr(dot));
        if (wildcard != kNone) return wildcard;
    }
    return at(node, {});
}

size_t FilterChainMatcher::by_protocols(const Node& node, std::span<const std::string> protocols) {
    for (const std::string& protocol : protocols) {
        const size_t found = at(node, protocol);
        if (found != kNone) return found;
    }
    return at(node, {});
}

size_t FilterChainMatcher::by_source_type(const Node& node, const ConnectionFacts& facts) {
    if (node.next.size() == 1 && node.next.begin()->first.empty()) return node.next.begin()->second;
    const char key = static_cast<char>(
        '0' + static_cast<int>(is_local(facts) ? SourceType::same_ip_or_loopback : SourceType::external));
    return by_text(node, {&key, 1});
}

size_t FilterChainMatcher::search(const ConnectionFacts& facts) const {
    size_t place = 0;
    for (size_t level = 0; level < level_count && place != kNone; ++level) {
        const Node& node = nodes_[place];
        switch (static_cast<Level>(level)) {
            case destination_port:
                place = by_port(node, facts.destination);
                break;
            case destination_address:
                place = by_address(node, facts.destination);
                break;
            case server_name:
                place = by_server_name(node, facts.server_name);
                break;
            case transport_protocol:
                place = by_text(node, facts.transport_protocol);
                break;
            case application_protocol:
                place = by_protocols(node, facts.application_protocols);
                break;
            case direct_source_address:
                place = by_address(node, facts.direct_source);
                break;
            case source_type:
                place = by_source_type(node, facts);
                break;
            case source_address:
                place = by_address(node, facts.source);
                break;
            case source_port:
                place = by_port(node, facts.source);
                break;
            case level_count:
                break;
        }
    }
    return place;
}

size_t FilterChainMatcher::find(const ConnectionFacts& facts) const {
    const size_t chain = search(facts);
    return chain == kNone ? default_chain_ : chain;
}

}  // namespace heirloom::listener
