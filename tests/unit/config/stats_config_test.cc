// SPDX-License-Identifier: Apache-2.0
#include "proxy/config/stats_config.h"

#include <doctest/doctest.h>

#include "tests/unit/config/load_text.h"

namespace heirloom::config {

namespace {

const StatsConfig& stats_of(const Result<std::shared_ptr<const Snapshot>>& snapshot) {
    REQUIRE(snapshot.ok());
    REQUIRE((*snapshot)->stats);
    return *(*snapshot)->stats;
}

std::string with_stats(const std::string& fields) { return "{stats_config: {" + fields + "}}"; }

std::string with_sink(const std::string& type, const std::string& fields, const std::string& more = "") {
    return "{stats_sinks: [{name: s, typed_config: {\"@type\": type.googleapis.com/envoy.config.metrics.v3." + type +
           ", " + fields + "}}]" + more + "}";
}

constexpr const char* kAddress = "address: {socket_address: {protocol: UDP, address: 127.0.0.1, port_value: 8125}}";

}  // namespace

TEST_CASE("without stats_config everything is kept") {
    const auto snapshot = load("{}");
    const StatsConfig& stats = stats_of(snapshot);
    CHECK(stats.rules.accepts("anything"));
    CHECK(stats.rules.all_standard_tags);
    CHECK(stats.sinks.empty());
    CHECK_FALSE(stats.flush_on_admin);
}

TEST_CASE("matchers of stats reject by all forms of string matchers") {
    const auto excluded = load(with_stats(
        "stats_matcher: {exclusion_list: {patterns: [{prefix: 'A.', ignore_case: true}, {suffix: .z}, {exact: "
        "b}, {contains: -m-}, {safe_regex: {regex: 'r\\d+'}}]}}"));
    const stats::Rules& rules = stats_of(excluded).rules;
    for (const char* name : {"a.b", "x.z", "b", "x-m-y", "r12"}) {
        CAPTURE(name);
        CHECK_FALSE(rules.accepts(name));
    }
    for (const char* name : {"b.a", "r12x", "ab"}) CHECK(rules.accepts(name));
    const auto included = load(with_stats("stats_matcher: {inclusion_list: {patterns: [{prefix: cluster.}]}}"));
    CHECK(stats_of(included).rules.accepts("cluster.x"));
    CHECK_FALSE(stats_of(included).rules.accepts("server.live"));
    CHECK_FALSE(stats_of(load(with_stats("stats_matcher: {reject_all: true}"))).rules.accepts("server.live"));
    CHECK(stats_of(load(with_stats("stats_matcher: {reject_all: false}"))).rules.accepts("server.live"));
    CHECK(
        errors_of(with_stats("stats_matcher: {inclusion_list: {patterns: [{safe_regex: {regex: '('}}]}}"))
            .starts_with("stats_config.stats_matcher.inclusion_list.patterns[0].safe_regex.regex: invalid regex '('"));
    CHECK(errors_of(with_stats("stats_matcher: {}")) ==
          "stats_config.stats_matcher: one of reject_all, exclusion_list, inclusion_list is required");
}

TEST_CASE("buckets of histograms: sorted, the first that matches counts") {
    const auto snapshot = load(
        with_stats("histogram_bucket_settings: [{match: {prefix: a}, buckets: [5, 0.5, 100]}, {match: {prefix: ''}, "
                   "buckets: [1]}, {match: {suffix: z}, buckets: [7]}]"));
    CHECK_FALSE(snapshot.ok());  // an empty prefix
    const auto good =
        load(with_stats("histogram_bucket_settings: [{match: {prefix: a}, buckets: [5, 0.5, 100]}, {match: {suffix: "
                        "z}, buckets: [7]}]"));
    const auto all = stats_of(good).rules.buckets_of("az");
    CHECK(std::vector<double>(all.begin(), all.end()) == std::vector<double>{0.5, 5, 100});
    CHECK(stats_of(good).rules.buckets_of("bz").front() == 7);
    CHECK(stats_of(good).rules.buckets_of("b").empty());
    CHECK(errors_of(with_stats("histogram_bucket_settings: [{match: {prefix: a}, buckets: [1, 1]}]")) ==
          "stats_config.histogram_bucket_settings[0].buckets: each may be given only once");
    CHECK(errors_of(with_stats("histogram_bucket_settings: [{match: {prefix: a}, buckets: [0]}]")) ==
          "stats_config.histogram_bucket_settings[0].buckets: each must be greater than 0");
    CHECK(errors_of(with_stats("histogram_bucket_settings: [{buckets: [1]}]")) ==
          "stats_config.histogram_bucket_settings[0].match: required");
}

TEST_CASE("tags") {
    using Kind = stats::TagRule::Kind;
    const auto snapshot =
        load(with_stats("use_all_default_tags: false, stats_tags: [{tag_name: a, fixed_value: b}, {tag_name: c, regex: "
                        "'^cluster\\.(x)'}, {tag_name: envoy.cluster_name}]"));
    const stats::Rules& rules = stats_of(snapshot).rules;
    CHECK_FALSE(rules.all_standard_tags);
    REQUIRE(rules.tags.size() == 3);
    CHECK((rules.tags[0].kind == Kind::fixed && rules.tags[0].value == "b"));
    CHECK((rules.tags[1].kind == Kind::regex && rules.tags[1].first_element == "cluster"));
    CHECK(rules.tags[2].kind == Kind::standard);
    CHECK(errors_of(with_stats("stats_tags: [{tag_name: mine}]")) ==
          "stats_config.stats_tags[0]: No regex specified for tag specifier and no default regex for name: 'mine'");
    CHECK(errors_of(with_stats("stats_tags: [{tag_name: mine, regex: abc}]"))
              .starts_with("stats_config.stats_tags[0].regex: has no group"));
    CHECK(errors_of(with_stats("stats_tags: [{tag_name: mine, regex: '(?=a)(b)'}]"))
              .starts_with("stats_config.stats_tags[0].regex: invalid regex"));
}

TEST_CASE("sinks") {
    const auto statsd = load(with_sink("StatsdSink", std::string(kAddress) + ", prefix: mine"));
    const StatsSinkConfig& first = stats_of(statsd).sinks.at(0);
    CHECK(first.form == StatsSinkConfig::Form::statsd);
    CHECK(first.address->to_string() == "127.0.0.1:8125");
    CHECK(first.prefix == "mine");
    const auto dog = load(with_sink("DogStatsdSink", std::string(kAddress) + ", max_bytes_per_datagram: 1400"));
    CHECK(stats_of(dog).sinks.at(0).form == StatsSinkConfig::Form::dog_statsd);
    CHECK(stats_of(dog).sinks.at(0).max_bytes_per_datagram == 1400);
    CHECK(stats_of(dog).sinks.at(0).prefix == "envoy");
    const std::string node = ", node: {id: one, cluster: c}, static_resources: {clusters: [{name: up}]}";
    CHECK(stats_of(load(with_sink("StatsdSink", "tcp_cluster_name: up", node))).sinks.at(0).tcp_cluster == "up");
    CHECK(stats_of(load("{stats_flush_on_admin: true}")).flush_on_admin);

    const std::string at = "stats_sinks[0].typed_config";
    CHECK(errors_of(with_sink("StatsdSink", "tcp_cluster_name: nope", node)) ==
          at + ".tcp_cluster_name: tcp statsd: unknown cluster 'nope'");
    CHECK(errors_of(with_sink("StatsdSink", "tcp_cluster_name: up", ", static_resources: {clusters: [{name: up}]}"))
              .starts_with(at + ".tcp_cluster_name: tcp statsd: node 'id' and 'cluster' are required."));
    CHECK(errors_of(with_sink("StatsdSink", "prefix: a")) == at + ": one of address, tcp_cluster_name is required");
    CHECK(errors_of(with_sink("DogStatsdSink", std::string(kAddress) + ", max_bytes_per_datagram: 0")) ==
          at + ".max_bytes_per_datagram: must be more than 0 and at most 65507");
    CHECK(errors_of(with_sink("StatsdSink", "address: {socket_address: {address: statsd.example, port_value: 1}}"))
              .starts_with(at + ".address.socket_address.address: malformed IP address"));
    CHECK(errors_of("{stats_flush_on_admin: false}") == "stats_flush_on_admin: must be true");
}

TEST_CASE("UDP is for sinks only") {
    const std::string udp = "address: {socket_address: {protocol: UDP, address: 127.0.0.1, port_value: 1}}";
    CHECK(errors_of("{admin: {" + udp + "}}") == "admin.address.socket_address.protocol: only TCP is supported here");
}

}  // namespace heirloom::config
