// SPDX-License-Identifier: Apache-2.0
#include "proxy/listener/filter_chain_match.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <new>
#include <optional>

namespace {
size_t allocations = 0;
}  // namespace

// Replaced for the whole binary, to count.
void* operator new(size_t size) {
    ++allocations;
    if (void* const memory = std::malloc(size)) return memory;
    throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace heirloom::listener {
namespace {

using config::FilterChainMatch;
using SourceType = FilterChainMatch::SourceType;

config::CidrRange range(const std::string& text) {
    const size_t slash = text.find('/');
    config::CidrRange made;
    made.address = *shm::make_ip_address(text.substr(0, slash), 0);
    made.prefix_length = static_cast<uint8_t>(std::stoi(text.substr(slash + 1)));
    made.text = text;
    return made;
}

using Texts = std::vector<std::string>;

struct Match {
    std::optional<uint16_t> port = {};
    Texts to = {}, names = {};
    std::string transport = {};
    Texts alpn = {}, direct = {};
    SourceType type = SourceType::any;
    Texts from = {};
    std::vector<uint16_t> from_ports = {};
};

struct Matching {
    config::ListenerConfig listener;

    Matching& chain(const Match& wanted) {
        const auto ranges = [](const Texts& texts) {
            std::vector<config::CidrRange> made;
            for (const std::string& text : texts) made.push_back(range(text));
            return made;
        };
        FilterChainMatch& match = listener.filter_chains.emplace_back().match;
        match.destination_port = wanted.port;
        match.prefix_ranges = ranges(wanted.to);
        match.server_names = wanted.names;
        match.transport_protocol = wanted.transport;
        match.application_protocols = wanted.alpn;
        match.direct_source_prefix_ranges = ranges(wanted.direct);
        match.source_type = wanted.type;
        match.source_prefix_ranges = ranges(wanted.from);
        match.source_ports = wanted.from_ports;
        return *this;
    }
    FilterChainMatcher compile() const { return FilterChainMatcher(listener); }
};

constexpr size_t kNone = FilterChainMatcher::kNone;

struct Asked {
    std::string to = "10.0.0.1", from = "192.0.2.7", peer = {};
    uint16_t port = 443, from_port = 4711;
    std::string name = {};
    bool tls = false;
    std::vector<std::string> alpn = {};
};

size_t find(const FilterChainMatcher& matcher, const Asked& asked) {
    const shm::SocketAddress to = *shm::make_ip_address(asked.to, asked.port);
    const shm::SocketAddress from = *shm::make_ip_address(asked.from, asked.from_port);
    const shm::SocketAddress peer = asked.peer.empty() ? from : *shm::make_ip_address(asked.peer, 1);
    const ConnectionFacts facts{.destination = &to,
                                .source = &from,
                                .direct_source = &peer,
                                .server_name = asked.name,
                                .transport_protocol = asked.tls ? "tls" : "raw_buffer",
                                .application_protocols = asked.alpn};
    const size_t before = allocations;
    const size_t found = matcher.find(facts);
    CHECK(allocations == before);
    return found;
}

}  // namespace

TEST_CASE("one chain without criteria takes everything and is known to; none but a default one too") {
    const FilterChainMatcher one = Matching().chain({}).compile();
    CHECK(one.trivial());
    CHECK_FALSE(one.needs_destination());
    CHECK(find(one, {}) == 0);
    Matching only_default;
    only_default.listener.default_filter_chain.emplace();
    CHECK(only_default.compile().trivial());
    CHECK(find(only_default.compile(), {}) == 0);
    CHECK_FALSE(Matching().chain({.port = 80}).compile().trivial());
    CHECK_FALSE(Matching().chain({}).chain({.port = 80}).compile().trivial());
}

TEST_CASE("server names: exact, then the longest wildcard, then none") {
    const FilterChainMatcher matcher = Matching()
                                           .chain({.names = {"www.a.com", "b.com"}})
                                           .chain({.names = {"*.a.com"}})
                                           .chain({.names = {"*.x.a.com"}})
                                           .chain({.names = {"*.com"}})
                                           .chain({})
                                           .compile();
    const auto by_name = [&](const char* name) { return find(matcher, {.name = name}); };
    CHECK(by_name("www.a.com") == 0);
    CHECK(by_name("b.com") == 0);
    CHECK(by_name("mail.a.com") == 1);
    CHECK(by_name("deep.down.a.com") == 1);
    CHECK(by_name("y.x.a.com") == 2);
    CHECK(by_name("x.a.com") == 1);
    CHECK(by_name("a.com") == 3);
    CHECK(by_name("other.org") == 4);
    CHECK(by_name("com") == 4);
    CHECK(by_name("") == 4);
    CHECK(by_name(".") == 4);
    CHECK(by_name("a.com.") == 4);
    CHECK(by_name("www..com") == 3);
}

TEST_CASE("without a chain for all, what names nothing gets the default chain, or none") {
    Matching matching;
    matching.chain({.names = {"a.com"}});
    CHECK(find(matching.compile(), {.name = "b.com"}) == kNone);
    CHECK(find(matching.compile(), {}) == kNone);
    matching.listener.default_filter_chain.emplace();
    CHECK(find(matching.compile(), {.name = "b.com"}) == 1);
    CHECK(find(matching.compile(), {.name = "a.com"}) == 0);
}

TEST_CASE("what an earlier criterion dropped does not come back") {
    // For port 443 only clients from 10/8; the chain for all ports is not asked any more.
    const FilterChainMatcher matcher = Matching().chain({.port = 443, .from = {"10.0.0.0/8"}}).chain({}).compile();
    CHECK(find(matcher, {.from = "10.1.1.1"}) == 0);
    CHECK(find(matcher, {.from = "11.1.1.1"}) == kNone);
    CHECK(find(matcher, {.from = "11.1.1.1", .port = 80}) == 1);
}

TEST_CASE("addresses: the most specific prefix, each family for itself, IPv4 also when it came by IPv6") {
    const FilterChainMatcher matcher = Matching()
                                           .chain({.to = {"10.0.0.0/8", "2001:db8::/32"}})
                                           .chain({.to = {"10.0.0.0/30"}})
                                           .chain({.to = {"10.0.0.1/32", "2001:db8::1/128"}})
                                           .chain({.to = {"0.0.0.0/0"}})
                                           .compile();
    CHECK(matcher.needs_destination());
    const auto by_target = [&](const char* to) { return find(matcher, {.to = to, .from = "192.0.2.1"}); };
    CHECK(by_target("10.0.0.1") == 2);
    CHECK(by_target("10.0.0.2") == 1);
    CHECK(by_target("10.9.0.1") == 0);
    CHECK(by_target("11.0.0.1") == 3);
    CHECK(by_target("::ffff:10.0.0.2") == 1);
    CHECK(by_target("2001:db8::1") == 2);
    CHECK(by_target("2001:db8::2") == 0);
    CHECK(by_target("2001:db9::2") == kNone);
    const FilterChainMatcher sources =
        Matching().chain({.direct = {"10.0.0.0/8"}}).chain({.from = {"10.0.0.0/8"}}).compile();
    CHECK_FALSE(sources.needs_destination());
    CHECK(find(sources, {.from = "192.0.2.1", .peer = "10.0.0.9"}) == 0);
    CHECK(find(sources, {.from = "10.0.0.9", .peer = "192.0.2.1"}) == 1);
    CHECK(find(sources, {.from = "10.0.0.9", .peer = "10.0.0.9"}) == 0);
    CHECK(find(sources, {}) == kNone);
}

TEST_CASE("transport and application protocols: the client's order decides") {
    const FilterChainMatcher matcher = Matching()
                                           .chain({.transport = "tls", .alpn = {"h2"}})
                                           .chain({.transport = "tls", .alpn = {"http/1.1"}})
                                           .chain({.transport = "raw_buffer"})
                                           .chain({.transport = "tls"})
                                           .compile();
    CHECK(find(matcher, {.tls = true, .alpn = {"http/1.1", "h2"}}) == 1);
    CHECK(find(matcher, {.tls = true, .alpn = {"spdy", "h2"}}) == 0);
    CHECK(find(matcher, {.tls = true, .alpn = {"spdy"}}) == 3);
    CHECK(find(matcher, {.tls = true}) == 3);
    CHECK(find(matcher, {}) == 2);
}

TEST_CASE("source types and ports") {
    const FilterChainMatcher matcher = Matching()
                                           .chain({.type = SourceType::same_ip_or_loopback})
                                           .chain({.type = SourceType::external, .from_ports = {7, 9}})
                                           .chain({.type = SourceType::external})
                                           .compile();
    CHECK(find(matcher, {.from = "127.0.0.5"}) == 0);
    CHECK(find(matcher, {.to = "10.0.0.1", .from = "10.0.0.1"}) == 0);
    CHECK(find(matcher, {.to = "::ffff:10.0.0.1", .from = "10.0.0.1"}) == 0);
    CHECK(find(matcher, {.to = "2001:db8::5", .from = "::1"}) == 0);
    CHECK(find(matcher, {.from_port = 9}) == 1);
    CHECK(find(matcher, {.from_port = 8}) == 2);
    const shm::SocketAddress unix_peer = *shm::make_unix_address("/run/x.sock");
    CHECK(matcher.find({.destination = &unix_peer, .source = &unix_peer, .direct_source = &unix_peer}) == 0);
    const FilterChainMatcher external = Matching().chain({.type = SourceType::external}).compile();
    CHECK(find(external, {.from = "127.0.0.1"}) == kNone);
}

TEST_CASE("a thousand names are found as one is") {
    Matching matching;
    for (int i = 0; i < 1000; ++i) {
        matching.chain(
            {.names = {"n" + std::to_string(i) + ".a.com", "*.n" + std::to_string(i) + ".b.com"}, .transport = "tls"});
    }
    const FilterChainMatcher matcher = matching.compile();
    CHECK(find(matcher, {.name = "n999.a.com", .tls = true}) == 999);
    CHECK(find(matcher, {.name = "x.y.n500.b.com", .tls = true}) == 500);
    CHECK(find(matcher, {.name = "n999.a.com"}) == kNone);
}

}  // namespace heirloom::listener
