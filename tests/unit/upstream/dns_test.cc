// SPDX-License-Identifier: Apache-2.0
// Names become endpoints, and stay endpoints when the name server has a bad day.
#include "proxy/upstream/dns_cluster.h"
#include "tests/unit/upstream/dns_server.h"

namespace heirloom::upstream {

namespace {

using Family = config::ClusterConfig::DnsFamily;

struct DnsFixture : LoopFixture {
    DnsFixture() : server(*loop) {
        DnsResolver::Options options;
        options.servers = server.address();
        options.timeout = std::chrono::milliseconds(300);
        options.tries = 1;
        resolver.emplace(*loop, make_dns_stats(*registrar), options);
    }
    ~DnsFixture() {
        cluster.reset();
        resolver.reset();
    }
    DnsAnswer resolve(const std::string& name, Family family) {
        std::optional<DnsAnswer> result;
        resolver->resolve(name, 80, family, [&](DnsAnswer answer) { result = std::move(answer); });
        REQUIRE(run_until([&] { return result.has_value(); }));
        return *result;
    }
    static std::string text_of(const std::vector<shm::SocketAddress>& addresses) {
        std::string text;
        for (const auto& address : addresses) text += (text.empty() ? "" : " ") + address.to_string();
        return text;
    }
    void start(const std::vector<std::string>& names, std::chrono::milliseconds refresh, bool respect_ttl = false) {
        config.name = "up";
        if (config.type == config::ClusterConfig::Type::fixed) config.type = config::ClusterConfig::Type::strict_dns;
        config.dns_family = Family::v4_only;
        config.dns_refresh_rate = refresh;
        config.respect_dns_ttl = respect_ttl;
        for (const std::string& name : names) {
            config::EndpointConfig endpoint;
            endpoint.host = name;
            endpoint.port = 8080;
            config.endpoints.push_back(endpoint);
        }
        stats = make_cluster_stats(*registrar, config);
        cluster.emplace(
            *loop, *resolver, config, stats, [&](auto list) { lists.push_back(std::move(list)); }, [&] { ++resolved; });
        cluster->start();
    }
    std::string endpoints() const {
        std::vector<shm::SocketAddress> addresses;
        for (const auto& endpoint : lists.back()) addresses.push_back(endpoint->address());
        return text_of(addresses);
    }
    uint64_t stat(const std::string& name) { return counter("cluster.up." + name); }

    DnsServer server;
    std::optional<DnsResolver> resolver;
    config::ClusterConfig config;
    ClusterStats stats;
    std::optional<DnsCluster> cluster;
    std::vector<EndpointList> lists;
    int resolved = 0;
};

constexpr auto kLong = std::chrono::milliseconds(60'000);
constexpr auto kShort = std::chrono::milliseconds(10);

}  // namespace

TEST_CASE_FIXTURE(DnsFixture, "families: which addresses are asked for, and which are taken") {
    server.names["both.test"] = {{"10.0.0.1", "fd00::1"}};
    server.names["four.test"] = {{"10.0.0.2", "10.0.0.3"}};
    CHECK(text_of(resolve("both.test", Family::automatic).addresses) == "[fd00::1]:80");
    CHECK(text_of(resolve("four.test", Family::automatic).addresses) == "10.0.0.2:80 10.0.0.3:80");
    CHECK(text_of(resolve("both.test", Family::v4_only).addresses) == "10.0.0.1:80");
    CHECK(text_of(resolve("both.test", Family::v6_only).addresses) == "[fd00::1]:80");
    CHECK(text_of(resolve("both.test", Family::v4_preferred).addresses) == "10.0.0.1:80");
    CHECK(resolve("four.test", Family::v6_only).status == DnsAnswer::Status::empty);
    CHECK(resolve("both.test", Family::all).addresses.size() == 2);
    CHECK(counter("dns.cares.resolve_total") == 7);
    CHECK(counter("dns.cares.not_found") == 1);
    CHECK(gauge("dns.cares.pending_resolutions") == 0);
}

TEST_CASE_FIXTURE(DnsFixture, "the smallest TTL counts; no such name is empty; an error and silence are failures") {
    server.names["a.test"] = {{"10.0.0.1"}, 7};
    server.names["broken.test"] = {{}, 0, 2};
    server.names["silent.test"].silent = true;
    CHECK(resolve("a.test", Family::v4_only).ttl == std::chrono::seconds(7));
    CHECK(resolve("unknown.test", Family::v4_only).status == DnsAnswer::Status::empty);
    CHECK(resolve("broken.test", Family::v4_only).status == DnsAnswer::Status::failure);
    CHECK(resolve("silent.test", Family::v4_only).status == DnsAnswer::Status::failure);
    CHECK(counter("dns.cares.get_addr_failure") == 2);
    // After a failure the resolver is set up anew, and works.
    CHECK(resolve("a.test", Family::v4_only).status == DnsAnswer::Status::success);
}

TEST_CASE_FIXTURE(DnsFixture, "/etc/hosts is respected") {
    const DnsAnswer answer = resolve("localhost", Family::v4_only);
    CHECK(text_of(answer.addresses).starts_with("127.0.0.1:80"));
    CHECK(server.asked.empty());
}

TEST_CASE_FIXTURE(DnsFixture, "each address of each name is an endpoint; the same address twice is one") {
    server.names["a.test"] = {{"10.0.0.1", "10.0.0.2"}};
    server.names["b.test"] = {{"10.0.0.2", "10.0.0.3"}};
    start({"a.test", "b.test"}, kLong);
    REQUIRE(run_until([&] { return resolved == 1; }));
    CHECK(endpoints() == "10.0.0.1:8080 10.0.0.2:8080 10.0.0.3:8080");
    CHECK(lists.back().front()->hostname() == "a.test");
    CHECK(stat("update_attempt") == 2);
    CHECK(stat("update_success") == 2);
}

TEST_CASE_FIXTURE(DnsFixture, "resolved again: the same answer changes nothing, a new one keeps what stays") {
    server.names["a.test"] = {{"10.0.0.1", "10.0.0.2"}};
    start({"a.test"}, kShort);
    REQUIRE(run_until([&] { return stat("update_no_rebuild") >= 2; }));
    CHECK(lists.size() == 1);
    const auto kept = (lists.back())[1];
    server.names["a.test"] = {{"10.0.0.2", "10.0.0.9"}};
    REQUIRE(run_until([&] { return lists.size() == 2; }));
    CHECK(endpoints() == "10.0.0.2:8080 10.0.0.9:8080");
    CHECK((lists.back())[0] == kept);
}

TEST_CASE_FIXTURE(DnsFixture, "failures and empty answers keep the last good set") {
    server.names["a.test"] = {{"10.0.0.1"}};
    start({"a.test"}, kShort);
    REQUIRE(run_until([&] { return resolved == 1; }));
    server.names["a.test"] = {{}, 0, 2};
    REQUIRE(run_until([&] { return stat("update_failure") >= 1; }));
    server.names["a.test"] = {{}};
    REQUIRE(run_until([&] { return stat("update_empty") >= 1; }));
    CHECK(lists.size() == 1);
    server.names["a.test"] = {{"10.0.0.7"}};
    REQUIRE(run_until([&] { return lists.size() == 2; }));
    CHECK(endpoints() == "10.0.0.7:8080");
}

TEST_CASE_FIXTURE(DnsFixture, "a first failure ends the waiting as well") {
    server.names["a.test"] = {{}, 0, 2};
    start({"a.test"}, kLong);
    REQUIRE(run_until([&] { return resolved == 1; }));
    CHECK(lists.empty());
    CHECK(stat("update_failure") == 1);
}

TEST_CASE_FIXTURE(DnsFixture, "the TTL replaces the refresh rate where it is respected") {
    server.names["a.test"] = {{"10.0.0.1"}, 1};
    start({"a.test"}, kLong, true);
    REQUIRE(run_until([&] { return stat("update_attempt") == 2; }));
}

TEST_CASE_FIXTURE(DnsFixture, "the resolver may end while names are looked up") {
    server.names["silent.test"].silent = true;
    start({"silent.test"}, kLong);
    REQUIRE(run_until([&] { return !server.asked.empty(); }));
    cluster.reset();
    resolver.reset();
    CHECK(resolved == 0);
}

TEST_CASE_FIXTURE(DnsFixture, "LOGICAL_DNS: one endpoint, which moves to the first address of each answer") {
    server.names["a.test"] = {{"10.0.0.1", "10.0.0.2"}};
    config.type = config::ClusterConfig::Type::logical_dns;
    start({"a.test"}, kShort);
    REQUIRE(run_until([&] { return resolved == 1; }));
    REQUIRE(lists.size() == 1);
    CHECK(endpoints() == "10.0.0.1:8080");
    const EndpointState& state = lists[0][0]->state();
    const shm::SocketAddress& first = lists[0][0]->address();
    lists[0][0]->add_worker().rq_total.add(3);
    REQUIRE(run_until([&] { return stat("update_no_rebuild") >= 2; }));
    CHECK(lists.size() == 1);
    server.names["a.test"].addresses = {"10.0.0.2", "10.0.0.1"};
    REQUIRE(run_until([&] { return lists.size() == 2; }));
    CHECK(endpoints() == "10.0.0.2:8080");
    CHECK(&lists[1][0]->state() == &state);
    CHECK(lists[1][0]->numbers().rq_total == 3);
    CHECK(lists[1][0]->hostname() == "a.test");
    lists[0].clear();
    CHECK(first.to_string() == "10.0.0.1:8080");  // streams refer to it
    server.names["a.test"].error = 2;
    const uint64_t failures = stat("update_failure");
    REQUIRE(run_until([&] { return stat("update_failure") > failures; }));
    CHECK(lists.size() == 2);
    server.names["a.test"] = {{"10.0.0.1"}};
    REQUIRE(run_until([&] { return lists.size() == 3; }));
    CHECK(&lists[2][0]->address() == &first);  // remembered once
}

}  // namespace heirloom::upstream
