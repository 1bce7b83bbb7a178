// SPDX-License-Identifier: Apache-2.0
// The loader against the files of tests/data/config: what is valid loads, what is not says where and why.
#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "proxy/config/access_log_format.h"
#include "proxy/config/bootstrap_loader.h"
#include "proxy/config/runtime_config.h"
#include "shm/unique_fd.h"

using namespace heirloom;
using namespace heirloom::config;
using namespace std::chrono_literals;

namespace {

const std::filesystem::path kData = "tests/data/config";

Result<std::shared_ptr<const Snapshot>> load(const std::string& path, const std::string& inline_yaml = "") {
    LoadRequest request;
    request.path = path;
    request.inline_yaml = inline_yaml;
    return load_bootstrap(request);
}

std::shared_ptr<const Snapshot> load_valid(const char* name) {
    const auto snapshot = load(kData / "valid" / name);
    REQUIRE_MESSAGE(snapshot.ok(), snapshot.error().text);
    return *snapshot;
}

std::string error_of(const std::string& inline_yaml) {
    const auto snapshot = load("", inline_yaml);
    return snapshot ? "loaded" : snapshot.error().text;
}

// The `# expect: ` lines of a file, each after the file's name.
std::string expected_errors(const std::filesystem::path& path) {
    std::ifstream file(path);
    std::string expected;
    for (std::string line; std::getline(file, line);) {
        if (!line.starts_with("# expect: ")) continue;
        expected += (expected.empty() ? "" : "\n") + path.string() + ":" + line.substr(10);
    }
    return expected;
}

}  // namespace

TEST_CASE("every valid file loads") {
    for (const auto& entry : std::filesystem::directory_iterator(kData / "valid")) {
        const auto snapshot = load(entry.path());
        CHECK_MESSAGE(snapshot.ok(), snapshot.error().text);
    }
}

TEST_CASE("every invalid file says where and why") {
    for (const auto& entry : std::filesystem::directory_iterator(kData / "invalid")) {
        if (entry.path().extension() != ".yaml") continue;
        const auto snapshot = load(entry.path());
        REQUIRE_FALSE(snapshot.ok());
        CHECK(snapshot.error().text == expected_errors(entry.path()));
    }
}

TEST_CASE("all fields reach the snapshot: listener and connection manager") {
    const auto snapshot = load_valid("full.yaml");
    CHECK(snapshot->warnings.empty());
    CHECK(snapshot->node.id == "orchard-7");
    CHECK(snapshot->node.sub_zone == "east");
    CHECK(snapshot->stats_flush_interval == 2500ms);
    REQUIRE(snapshot->admin);
    CHECK(snapshot->admin->address.to_string() == "/run/orchard/admin.sock");
    CHECK(snapshot->admin->unix_mode == 0660);
    CHECK(snapshot->admin->ignore_global_conn_limit);
    REQUIRE(snapshot->runtime);
    CHECK(snapshot->runtime->layers.size() == 3);
    CHECK(snapshot->max_downstream_connections == 40000);
    CHECK(snapshot->admin->access_logs.at(0).path == "/dev/null");
    REQUIRE(snapshot->listeners.size() == 1);
    const ListenerConfig& listener = snapshot->listeners[0];
    CHECK(listener.name == "fruit");
    CHECK(listener.stat_prefix == "fruit_stats");
    CHECK(listener.ignore_global_conn_limit);
    CHECK(listener.address.canonical() == "tcp:[::]:8080");
    CHECK(listener.per_connection_buffer_limit_bytes == 65536);
    CHECK(listener.drain_type == ListenerConfig::DrainType::modify_only);
    CHECK(listener.freebind);
    CHECK(listener.tcp_fast_open_queue_length == 16);
    CHECK(listener.backlog == 512);
    CHECK(listener.traffic_direction == ListenerConfig::Direction::inbound);
    CHECK_FALSE(listener.enable_reuse_port);
    CHECK(listener.filter_chains.at(0).name == "only");
    const HttpConnectionManagerConfig& http = *listener.filter_chains.at(0).http;
    CHECK(http.stat_prefix == "fruit_http");
    CHECK(http.server_name == "orchard");
    CHECK(http.server_header == HttpConnectionManagerConfig::ServerHeader::append_if_absent);
    CHECK(http.use_remote_address);
    CHECK(http.xff_num_trusted_hops == 2);
    CHECK(http.skip_xff_append);
    CHECK_FALSE(http.generate_request_id);
    CHECK(http.preserve_external_request_id);
    CHECK(http.always_set_request_id_in_response);
    CHECK(http.proxy_100_continue);
    CHECK(http.suppress_envoy_headers);
    CHECK(http.max_request_headers_kb == 96);
    CHECK(http.max_headers_count == 90);
    CHECK(http.max_requests_per_connection == 1000);
    CHECK(http.idle_timeout == 61s);
    CHECK(http.stream_idle_timeout == 301s);
    CHECK(http.request_timeout == 20s);
    CHECK(http.request_headers_timeout == 10s);
    CHECK(http.drain_timeout == 6s);
    CHECK(http.delayed_close_timeout == 0s);
    CHECK(http.max_connection_duration == 3600s);
    CHECK(http.enable_trailers);
    CHECK(http.accept_http10);
    CHECK(http.default_host_for_http10 == "old.example");
    CHECK_FALSE(http.allow_absolute_url);
    REQUIRE(http.access_logs.size() == 3);
    CHECK(http.access_logs[0].path == "/var/log/orchard/access.log");
    CHECK(http.access_logs[0].format == LogFormat{*parse_access_log_format("%PROTOCOL% %RESPONSE_CODE%\n")});
    CHECK(http.access_logs[1].sink == AccessLogConfig::Sink::standard_output);
    CHECK(http.access_logs[1].format == default_access_log_format());
    CHECK(http.access_logs[2].sink == AccessLogConfig::Sink::standard_error);
    CHECK(http.access_logs[2].format == LogFormat{*parse_access_log_format("%DURATION%\n")});
}

TEST_CASE("all fields reach the snapshot: routes and clusters") {
    const auto snapshot = load_valid("full.yaml");
    const RouteTableConfig& table = snapshot->listeners.at(0).filter_chains.at(0).http->routes;
    CHECK(table.name == "paths");
    REQUIRE(table.virtual_hosts.size() == 2);
    const auto& routes = table.virtual_hosts[0].routes;
    CHECK(table.virtual_hosts[0].domains == std::vector<std::string>{"apples.example", "*.apples.example", "apples.*"});
    REQUIRE(routes.size() == 4);
    CHECK(routes[0].name == "to_pears");
    CHECK(routes[0].match.kind == RouteMatch::Kind::path);
    CHECK_FALSE(routes[0].match.case_sensitive);
    REQUIRE(routes[0].redirect);
    CHECK(routes[0].redirect->scheme == "https");
    CHECK(routes[0].redirect->host == "pears.example");
    CHECK(routes[0].redirect->port == 8443);
    CHECK(routes[0].redirect->path == "/ripe");
    CHECK(routes[0].redirect->strip_query);
    CHECK(routes[0].redirect->status == 302);
    CHECK(routes[1].redirect->scheme == "https");
    CHECK(routes[1].redirect->prefix_rewrite == "/new/");
    CHECK_FALSE(routes[1].redirect->path);
    CHECK(routes[1].redirect->status == 308);
    CHECK(routes[2].direct_response->status == 418);
    CHECK(routes[2].direct_response->body == "short\n");
    REQUIRE(routes[3].forward);
    CHECK(routes[3].forward->cluster == "not_there_yet");
    CHECK(routes[3].forward->cluster_not_found_status == 404);
    CHECK(routes[3].forward->timeout == 250ms);
    CHECK(routes[3].forward->idle_timeout == 0ms);
    CHECK(routes[3].forward->prefix_rewrite == "/v1/");
    CHECK(routes[3].forward->host_rewrite == "inner.example");

    REQUIRE(snapshot->clusters.size() == 2);
    const ClusterConfig& trees = *snapshot->find_cluster("trees");
    CHECK(trees.alt_stat_name == "forest");
    CHECK(trees.type == ClusterConfig::Type::strict_dns);
    CHECK(trees.dns_family == ClusterConfig::DnsFamily::v4_preferred);
    CHECK(trees.connect_timeout == 750ms);
    CHECK(trees.per_connection_buffer_limit_bytes == 32768);
    CHECK(trees.max_connections == 11);
    CHECK(trees.max_retries == 14);
    CHECK(trees.high_max_pending_requests == 22);
    CHECK(trees.high_max_requests == 23);
    CHECK(trees.idle_timeout == 4500ms);
    CHECK(trees.max_requests_per_connection == 500);
    REQUIRE(trees.endpoints.size() == 2);
    CHECK(trees.endpoints[0].host == "elm.example");
    CHECK(trees.endpoints[0].port == 9000);
    CHECK(trees.endpoints[0].hostname == "elm");
    CHECK(trees.endpoints[0].weight == 3);
    CHECK(trees.endpoints[0].sub_zone == "west");
    CHECK_FALSE(trees.endpoints[0].address);
    CHECK(trees.endpoints[1].address->to_string() == "192.0.2.4:9001");
    CHECK(snapshot->clusters[1].endpoints.at(0).address->to_string() == "/run/orchard/app.sock");
    CHECK(snapshot->find_cluster("stones") == nullptr);
}

TEST_CASE("what Envoy takes and YAML allows is taken, with warnings where it is old") {
    const auto snapshot = load_valid("quirks.yaml");
    CHECK(snapshot->admin->address.to_string() == "127.0.0.1:9901");
    CHECK(snapshot->admin->access_logs.at(0).path == "/dev/null");
    const ListenerConfig& listener = snapshot->listeners.at(0);
    CHECK(listener.address.port() == 0x1F90);
    CHECK(listener.configured_name.empty());
    CHECK(listener.name.size() == 36);
    CHECK(listener.name[14] == '4');
    CHECK_FALSE(listener.filter_chains.at(0).http->generate_request_id);
    CHECK(listener.filter_chains.at(0).http->access_logs.at(0).sink == AccessLogConfig::Sink::standard_output);
    const ClusterConfig& one = snapshot->clusters.at(0);
    CHECK(one.type == ClusterConfig::Type::strict_dns);
    CHECK(one.connect_timeout == 2s);
    CHECK(one.dns_refresh_rate == 30s);
    CHECK(one.respect_dns_ttl);
    CHECK(one.max_requests_per_connection == 1000);
    CHECK(one.idle_timeout == 30s);
    CHECK(snapshot->clusters.at(1).endpoints.at(0).address->port() == 9901);
    CHECK(snapshot->deprecated_fields == 7);
    CHECK(snapshot->warnings.size() == 8);  // one for the key that is given twice
}

TEST_CASE("JSON is JSON, and only .yaml and .yml are YAML") {
    CHECK(load_valid("small.json")->node.id == "caf\u00e9 \U0001F350");
    CHECK(load_valid("small.json")->node.cluster == "a/b");
    const auto comma = load(kData / "invalid" / "trailing_comma.json");
    REQUIRE_FALSE(comma.ok());
    CHECK(comma.error().text ==
          (kData / "invalid/trailing_comma.json").string() + ":1:21: expected a key in double quotes");
    const auto conf = load(kData / "invalid" / "yaml_by_another_name.conf");
    REQUIRE_FALSE(conf.ok());
    CHECK(conf.error().text.find("read as YAML only if its name ends in .yaml or .yml") != std::string::npos);
    CHECK_FALSE(load("x.pb").ok());
}

TEST_CASE("the bootstrap may come through a pipe") {
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    const UniqueFd read_end(ends[0]);
    UniqueFd write_end(ends[1]);
    const std::string_view text = "{\"node\": {\"id\": \"piped\"}}";
    REQUIRE(write(write_end.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
    write_end.reset();
    const auto snapshot = load("/dev/fd/" + std::to_string(read_end.get()));
    REQUIRE_MESSAGE(snapshot.ok(), snapshot.error().text);
    CHECK((*snapshot)->node.id == "piped");
}

TEST_CASE("inline text is merged over the file") {
    const std::string path = kData / "valid" / "full.yaml";
    const auto snapshot =
        load(path, "{node: {cluster: grove}, stats_flush_interval: 1s, static_resources: {clusters: {name: more}}}");
    REQUIRE(snapshot.ok());
    CHECK((*snapshot)->node.id == "orchard-7");
    CHECK((*snapshot)->node.cluster == "grove");
    CHECK((*snapshot)->stats_flush_interval == 1s);
    REQUIRE((*snapshot)->clusters.size() == 3);
    CHECK((*snapshot)->clusters[2].name == "more");
    CHECK((*snapshot)->hash != load(path).value()->hash);

    SUBCASE("a problem in it is placed in it") {
        const auto bad = load(path, "static_resources:\n  clusters:\n  - name: more\n  - name: trees\n");
        REQUIRE_FALSE(bad.ok());
        CHECK(bad.error().text ==
              "--config-yaml:4:5: static_resources.clusters[3].name: cluster manager: duplicate cluster 'trees'");
    }
}

TEST_CASE("the command line overrides the node") {
    LoadRequest request;
    request.path = kData / "valid" / "full.yaml";
    request.service_node = "n";
    request.service_zone = "z";
    const auto snapshot = load_bootstrap(request);
    REQUIRE(snapshot.ok());
    CHECK((*snapshot)->node.id == "n");
    CHECK((*snapshot)->node.cluster == "orchard");
    CHECK((*snapshot)->node.zone == "z");
    CHECK((*snapshot)->dump.bootstrap.find("\"zone\":\"z\"") != std::string::npos);
}

TEST_CASE("the dump is protobuf JSON with the names of the file") {
    const auto snapshot = load_valid("full.yaml");
    CHECK(snapshot->dump.bootstrap.starts_with("{\"node\":{\"id\":\"orchard-7\""));
    REQUIRE(snapshot->dump.clusters.size() == 2);
    CHECK(snapshot->dump.clusters[0].first == "trees");
    CHECK(snapshot->dump.clusters[0].second.find("\"connect_timeout\":\"0.750s\"") != std::string::npos);
    CHECK(snapshot->dump.listeners.at(0).second.find(
              "\"@type\":\"type.googleapis.com/envoy.extensions.filters.http.router.v3.Router\"") != std::string::npos);
    CHECK(snapshot->dump.route_tables.at(0).first == "paths");
}

TEST_CASE("unknown fields may be allowed, unknown types not") {
    LoadRequest request;
    request.inline_yaml = "{dynamic_resources: {hats: []}, static_resources: {clusters: [{name: a, hats: 3}]}}";
    request.allow_unknown_static_fields = true;
    const auto snapshot = load_bootstrap(request);
    REQUIRE(snapshot.ok());
    CHECK((*snapshot)->unknown_fields == 2);
    CHECK((*snapshot)->warnings.at(1) ==
          "--config-yaml:1:73: static_resources.clusters[0].hats: unknown or unsupported field of "
          "envoy.config.cluster.v3.Cluster");
}

TEST_CASE("upgrades, CONNECT and the duration of streams") {
    const auto snapshot = load_valid("tunnels.yaml");
    const HttpConnectionManagerConfig& http = *snapshot->listeners.at(0).filter_chains.at(0).http;
    CHECK(http.max_stream_duration == 90s);
    REQUIRE(http.upgrades.size() == 2);
    CHECK(http.upgrades[0].type == "websocket");
    CHECK(http.upgrades[0].enabled);
    CHECK(http.upgrades[1].type == "connect");
    CHECK_FALSE(http.upgrades[1].enabled);
    const auto& routes = http.routes.virtual_hosts.at(0).routes;
    CHECK(routes.at(0).match.kind == RouteMatch::Kind::connect);
    CHECK(routes[0].forward->upgrades.at(0).type == "connect");
    CHECK_FALSE(routes[0].forward->connect.has_value());
    CHECK_FALSE(routes[0].forward->max_stream_duration.has_value());
    REQUIRE(routes.at(1).forward->connect.has_value());
    CHECK(routes[1].forward->connect->proxy_version == 0);
    REQUIRE(routes.at(2).forward->connect.has_value());
    CHECK(routes[2].forward->connect->proxy_version == 2);
    CHECK(routes.at(3).forward->grpc_timeout_max == 5s);
    CHECK(routes[3].forward->grpc_timeout_offset == 100ms);
    CHECK(routes[3].forward->timeout == 0ms);  // with durations there is no route timeout, as in Envoy
    CHECK(routes.at(4).forward->max_stream_duration == 0ms);
}

TEST_CASE("at most twenty problems are told, and the number of the others") {
    std::string text = "static_resources:\n  clusters:\n";
    for (int i = 0; i < 50; ++i) text += "  - {}\n";
    const std::string error = error_of(text);
    CHECK(std::count(error.begin(), error.end(), '\n') == 20);
    CHECK(error.ends_with("and 30 more"));
}

TEST_CASE("no text is too bad") {
    CHECK(error_of("a: [1, 2").find("--config-yaml:1:") == 0);
    CHECK(error_of("a: *nothing").find("--config-yaml:1:4: ") == 0);
    CHECK(error_of("- 1").find("expected a map, found a list") != std::string::npos);
    CHECK(error_of("{[a]: b}").find("a key must be a word") != std::string::npos);
    CHECK(error_of("node: {id: \"\xff\"}") == "--config-yaml:1:13: not UTF-8");
    CHECK(error_of("&a [*a]").find("expected a map") != std::string::npos);
    const auto is_too_deep = [](const std::string& error) {
        return error.find("nested too deeply") != std::string::npos || error.find("bad file") != std::string::npos;
    };
    CHECK(error_of(std::string(5000, '[')) != "loaded");
    CHECK(error_of(std::string(200000, '[')) == "--config-yaml: nested too deeply");
    CHECK(is_too_deep(error_of("node: " + std::string(100, '[') + std::string(100, ']'))));

    SUBCASE("a small text that aliases blow up") {
        std::string bomb = "node: {id: &a0 \"" + std::string(1000, 'x') + "\"}\n";
        bomb += "stats: &a1 [";
        for (int i = 0; i < 10; ++i) bomb += "*a0,";
        bomb += "]\nstatic_resources:\n  clusters:\n  - &c {name: *a0, load_assignment: {endpoints: [&e {}";
        for (int i = 0; i < 3000; ++i) bomb += ",*e";
        bomb += "]}}\n";
        for (int i = 0; i < 3000; ++i) bomb += "  - *c\n";
        CHECK(error_of(bomb).find("aliases expand to too much") != std::string::npos);
    }
    SUBCASE("no file") {
        CHECK(load("/no/such/file.yaml").error().text ==
              "unable to read file: /no/such/file.yaml: No such file or directory");
        CHECK(load("/tmp").error().text == "unable to read file: /tmp: is a directory");
        CHECK_FALSE(load("").ok());
    }
}
