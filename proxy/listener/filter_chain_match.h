// SPDX-License-Identifier: Apache-2.0
// FilterChainMatcher: which filter chain a connection belongs to, by Envoy's rule: criterion after criterion, in the
// order of FilterChainMatch, each keeps the chains that name the connection's value most specifically (for a server
// name: exact, then the longest wildcard; for an address: the longest prefix; for all: then those that name none). What
// was dropped does not come back: when nothing is left there is no match. Compiled once, immutable, any thread; a
// look-up allocates nothing.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "proxy/config/snapshot.h"
#include "shm/socket_name.h"

namespace heirloom::listener {

// What is known of a connection. Addresses that are no IP addresses match only what names none.
struct ConnectionFacts {
    const shm::SocketAddress* destination = nullptr;    // what the client connected to, as its PROXY header says
    const shm::SocketAddress* source = nullptr;         // the client, as its PROXY header says
    const shm::SocketAddress* direct_source = nullptr;  // the peer
    std::string_view server_name{};                     // lower-case; "" when there is none
    std::string_view transport_protocol = "raw_buffer";
    std::span<const std::string> application_protocols{};
};

class FilterChainMatcher {
  public:
    static constexpr size_t kNone = static_cast<size_t>(-1);

    // REQUIRES: `config` was checked: no two chains have a combination of values in common.
    explicit FilterChainMatcher(const config::ListenerConfig& config);

    // The index of the chain; filter_chains.size() is the default filter chain; kNone: the connection has no chain.
    size_t find(const ConnectionFacts& facts) const;

    // Every connection gets the first chain: nothing needs to be known of it.
    bool trivial() const { return trivial_; }
    // The address that a connection came to decides, not only its port.
    bool needs_destination() const { return needs_destination_; }

  private:
    // The values that chains name of one criterion, with where each leads: to the node of the next criterion, in the
    // last one to the chain. A tree, for what is named later depends on what was chosen before.
    struct Hash {
        using is_transparent = void;
        size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
    };
    struct Node {
        std::unordered_map<std::string, size_t, Hash, std::equal_to<>> next;  // "": for all
        std::vector<uint8_t> lengths_v4, lengths_v6;                          // of the prefixes, longest first
    };

    void add(size_t node, size_t level, const std::vector<std::vector<std::string>>& keys, size_t chain);
    static size_t at(const Node& node, std::string_view key);
    static size_t by_text(const Node& node, std::string_view key);
    static size_t by_port(const Node& node, const shm::SocketAddress* address);
    static size_t by_address(const Node& node, const shm::SocketAddress* address);
    static size_t by_server_name(const Node& node, std::string_view name);
    static size_t by_protocols(const Node& node, std::span<const std::string> protocols);
    static size_t by_source_type(const Node& node, const ConnectionFacts& facts);
    size_t search(const ConnectionFacts& facts) const;

    std::vector<Node> nodes_;  // the first is the root
    size_t default_chain_ = kNone;
    bool trivial_ = false;
    bool needs_destination_ = false;
};

}  // namespace heirloom::listener
