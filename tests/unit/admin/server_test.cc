// SPDX-License-Identifier: Apache-2.0
#include <spdlog/sinks/null_sink.h>
#include <spdlog/spdlog.h>

#include "shm/version.h"
#include "tests/unit/admin/fixture.h"

namespace heirloom::admin {

TEST_CASE_FIXTURE(AdminFixture, "orders are passed on and answered with OK") {
    CHECK(post("/healthcheck/fail") == "OK\n");
    CHECK(ask("/ready") == "DRAINING\n");
    CHECK(last.status == 503);
    CHECK(post("/healthcheck/ok") == "OK\n");
    CHECK(ask("/ready") == "LIVE\n");
    CHECK(post("/drain_listeners?graceful") == "OK\n");
    CHECK(post("/drain_listeners?skip_exit") == "OK\n");
    CHECK(post("/reopen_logs") == "OK\n");
    CHECK(server.orders == "fail ok drain graceful drain skip_exit reopen ");
}

TEST_CASE_FIXTURE(AdminFixture, "quit happens after the answer") {
    CHECK(post("/quitquitquit") == "OK\n");
    CHECK(server.orders == "");
    run_loop_once();
    CHECK(server.orders == "quit ");
}

TEST_CASE_FIXTURE(AdminFixture, "server_info") {
    server.config.node.id = "node-9";
    server.config.node.zone = "b";
    const std::string info = ask("/server_info");
    CHECK(info.starts_with("{\n \"version\": \"" + version_string() +
                           "\",\n \"state\": \"LIVE\",\n"
                           " \"uptime_current_epoch\": \"14s\",\n \"uptime_all_epochs\": \"860s\",\n"
                           " \"hot_restart_version\": \"1.1\",\n \"command_line_options\": {\n  \"concurrency\": 2,\n"
                           "  \"log_level\": \"info\",\n  \"disabled_extensions\": []\n },\n \"node\": {\n"
                           "  \"id\": \"node-9\",\n  \"locality\": {\n   \"region\": \"\",\n   \"zone\": \"b\",\n"
                           "   \"sub_zone\": \"\"\n  },\n  \"user_agent_name\": \"envoy\",\n"
                           "  \"user_agent_build_version\": {\n   \"version\": {\n    \"major_number\": "));
    CHECK(
        info.ends_with("  \"client_features\": [],\n  \"listening_addresses\": [],\n  \"dynamic_parameters\": {}\n },\n"
                       " \"hot_restart_initializing\": false\n}\n"));
    server.now = ServerState::pre_initializing;
    CHECK(has(ask("/server_info"), "\"state\": \"PRE_INITIALIZING\""));
    CHECK(ask("/hot_restart_version") == "1.1");
}

TEST_CASE_FIXTURE(AdminFixture, "memory has Envoy's six figures, as strings") {
    const std::string memory = ask("/memory");
    CHECK(memory.starts_with("{\n \"allocated\": \""));
    for (const char* name :
         {"heap_size", "pageheap_unmapped", "pageheap_free", "total_thread_cache", "total_physical_bytes"}) {
        CAPTURE(name);
        CHECK(has(memory, ",\n \"" + std::string(name) + "\": \""));
    }
    CHECK_FALSE(has(memory, "\"total_physical_bytes\": \"0\""));
}

TEST_CASE_FIXTURE(AdminFixture, "logging: list, one, several, all") {
    const auto sink = std::make_shared<spdlog::sinks::null_sink_mt>();
    for (const char* name : {"blue", "green"}) {
        spdlog::drop(name);
        auto logger = std::make_shared<spdlog::logger>(name, sink);
        logger->set_level(spdlog::level::info);
        spdlog::register_logger(logger);
    }
    CHECK(has(post("/logging"), "active loggers:\n  blue: info\n  green: info\n"));
    CHECK(has(post("/logging?blue=debug"), "  blue: debug\n  green: info\n"));
    CHECK(has(post("/logging?paths=blue:warning,green:off"), "  blue: warning\n  green: off\n"));
    const std::string all = post("/logging?level=error");
    CHECK(has(all, "  blue: error\n  green: error\n"));
    CHECK(all.ends_with("\n\n"));

    const std::string refused = post("/logging?red=info");
    CHECK(last.status == 400);
    CHECK(
        refused.starts_with("error: unknown logger name\n\nusage: /logging?<name>=<level> (change single level)\n"
                            "usage: /logging?paths=name1:level1,name2:level2,... (change multiple levels)\n"
                            "usage: /logging?level=<level> (change all levels)\n"
                            "levels: trace debug info warning error critical off \nactive loggers:\n"));
    CHECK(post("/logging?blue=warn").starts_with("error: unknown logger level\n"));
    CHECK(post("/logging?blue=info&green=info").starts_with("error: invalid number of parameters\n"));
    CHECK(post("/logging?paths=blue:info,green").starts_with("error: empty logger name or empty logger level\n"));
    CHECK(has(post("/logging"), "  blue: error\n  green: error\n"));  // nothing of a refused change holds
    spdlog::set_level(spdlog::level::info);
}

TEST_CASE_FIXTURE(AdminFixture, "generations: the table and who polls what") {
    server.numbers->set_generation(server.slot, shm::GenerationState::live, 4711, "1.2.3");
    const uint32_t older = *server.numbers->claim_generation(6, 1);
    server.numbers->set_generation(older, shm::GenerationState::draining, 4000, "1.2.2");
    const uint32_t owners[] = {6, 7, 7, 7};
    server.numbers->publish_shards("tcp:127.0.0.1:80", owners);
    const std::string text = ask("/generations");
    CHECK(text.starts_with("EPOCH  PID      STATE "));
    CHECK(has(text, "\n6      4000     draining "));
    CHECK(has(text, "\n7*     4711     live "));
    CHECK(has(text, "tcp:127.0.0.1:80: 4 shards, 1 polled by epoch 6, 3 polled by epoch 7\n"));
    const std::string json = ask("/generations?format=json");
    CHECK(has(json,
              "{\n   \"epoch\": 7,\n   \"pid\": 4711,\n   \"self\": true,\n   \"version\": \"1.2.3\",\n   \"state\": "
              "\"live\",\n"));
    CHECK(
        has(json, "\"name\": \"tcp:127.0.0.1:80\",\n   \"epoch_of_shard\": [\n    6,\n    7,\n    7,\n    7\n   ]\n"));
}

TEST_CASE_FIXTURE(AdminFixture, "runtime values by layer, and the one that counts") {
    CHECK(ask("/runtime") == "{\n \"entries\": {},\n \"layers\": []\n}\n");
    CHECK(post("/runtime_modify?a=1") == "No admin layer specified");
    CHECK(last.status == 503);
    server.layers = {{"base", {{"b", config::parse_runtime_value("1")}, {"a", config::parse_runtime_value("x")}}},
                     {"admin", {{"b", config::parse_runtime_value("2")}}}};
    CHECK(ask("/runtime") ==
          "{\n \"entries\": {\n  \"a\": {\n   \"layer_values\": [\n    \"x\",\n    \"\"\n   ],\n   \"final_value\": "
          "\"x\"\n  },\n  \"b\": {\n   \"layer_values\": [\n    \"1\",\n    \"2\"\n   ],\n   \"final_value\": \"2\"\n  "
          "}\n },\n \"layers\": [\n  \"base\",\n  \"admin\"\n ]\n}\n");
    CHECK(has(last.headers, "content-type: application/json\n"));
    CHECK(post("/runtime_modify") ==
          "usage: /runtime_modify?key1=value1&key2=value2&keyN=valueN\n       or send the parameters as form "
          "values\nuse an empty value to remove a previously added override");
    CHECK(last.status == 400);
    CHECK(post("/runtime_modify?a=1&b=&c=%7Bnumerator:%201%7D") == "OK\n");
    CHECK(post_form("/runtime_modify", "d=5") == "OK\n");
    CHECK(server.orders == "a=1 b= c={numerator: 1} d=5 ");
}

}  // namespace heirloom::admin
