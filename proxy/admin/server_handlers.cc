// SPDX-License-Identifier: Apache-2.0
// The server as a whole: what it is, whether it is ready, and orders to it.
#include <malloc.h>
#include <unistd.h>

#include <cstdio>
#include <memory>

#include "proxy/admin/paths.h"
#include "shm/version.h"

namespace heirloom::admin {

namespace {

constexpr std::string_view kOk = "OK\n";

uint64_t resident_bytes() {
    const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen("/proc/self/statm", "re"), &std::fclose);
    unsigned long size = 0, resident = 0;
    if (!file || std::fscanf(file.get(), "%lu %lu", &size, &resident) != 2) return 0;
    return resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

// "12.3.4" -> 12, 3, 4
void write_version(stats::JsonWriter& json, const char* number) {
    unsigned major = 0, minor = 0, patch = 0;
    std::sscanf(number, "%u.%u.%u", &major, &minor, &patch);
    json.begin_object();
    json.field("major_number", uint64_t{major});
    json.field("minor_number", uint64_t{minor});
    json.field("patch", uint64_t{patch});
    json.end_object();
}

void write_build(stats::JsonWriter& json) {
    const std::string version = version_string();
    json.begin_object();
    json.key("version");
    write_version(json, version_number());
    json.key("metadata");
    json.begin_object();
    json.field("revision.sha", version_revision());
    json.field("revision.status", "Clean");
    json.field("build.type", "RELEASE");
    json.field("ssl.version", std::string_view(version).substr(version.rfind('/') + 1));
    json.end_object();
    json.end_object();
}

void write_node(stats::JsonWriter& json, const config::NodeConfig& node) {
    json.begin_object();
    if (!node.id.empty()) json.field("id", node.id);
    if (!node.cluster.empty()) json.field("cluster", node.cluster);
    if (!node.region.empty() || !node.zone.empty() || !node.sub_zone.empty()) {
        json.key("locality");
        json.begin_object();
        json.field("region", node.region);
        json.field("zone", node.zone);
        json.field("sub_zone", node.sub_zone);
        json.end_object();
    }
    json.field("user_agent_name", "envoy");
    json.key("user_agent_build_version");
    write_build(json);
    for (const char* list : {"client_features", "listening_addresses"}) {
        json.key(list);
        json.begin_array();
        json.end_array();
    }
    json.key("dynamic_parameters");
    json.begin_object();
    json.end_object();
    json.end_object();
}

}  // namespace

void handle_server_info(const Request& request, Answer& answer) {
    ServerView& server = request.server;
    answer.content_type = kJson;
    stats::JsonWriter json(answer.body, stats::JsonWriter::Style::pretty);
    json.begin_object();
    json.field("version", version_string());
    json.field("state", name_of(server.state()));
    json.field("uptime_current_epoch", std::to_string(server.uptime_current().count()) + "s");
    json.field("uptime_all_epochs", std::to_string(server.uptime_all().count()) + "s");
    json.field("hot_restart_version", server.hot_restart_version());
    json.key("command_line_options");
    json.begin_object();
    for (const auto& [name, value] : server.command_line_options()) {
        json.key(name);
        json.json(value);
    }
    json.end_object();
    json.key("node");
    write_node(json, server.snapshot().node);
    json.field("hot_restart_initializing",
               server.state() == ServerState::pre_initializing || server.state() == ServerState::initializing);
    json.end_object();
    answer.body.push_back('\n');
}

void handle_memory(const Request&, Answer& answer) {
    const struct mallinfo2 heap = mallinfo2();
    answer.content_type = kJson;
    stats::JsonWriter json(answer.body, stats::JsonWriter::Style::pretty);
    json.begin_object();
    // The names are those of another allocator: glibc gives pages back instead of unmapping them in its heap (0), and
    // its fast bins are what comes closest to a thread cache.
    json.field("allocated", std::to_string(heap.uordblks + heap.hblkhd));
    json.field("heap_size", std::to_string(heap.arena + heap.hblkhd));
    json.field("pageheap_unmapped", "0");
    json.field("pageheap_free", std::to_string(heap.fordblks));
    json.field("total_thread_cache", std::to_string(heap.fsmblks));
    json.field("total_physical_bytes", std::to_string(resident_bytes()));
    json.end_object();
    answer.body.push_back('\n');
}

void handle_ready(const Request& request, Answer& answer) {
    const ServerState state = request.server.state();
    if (state != ServerState::live) answer.status = 503;
    answer.body = name_of(state);
    answer.body.push_back('\n');
}

void handle_hot_restart_version(const Request& request, Answer& answer) {
    answer.body = request.server.hot_restart_version();
}

void handle_contention(const Request&, Answer& answer) {
    answer.body = "Mutex contention tracing is not enabled. To enable, run Envoy with flag --enable-mutex-tracing.";
}

// What a generation waits for before it is ready are its clusters, and these are no targets of a listener.
void handle_init_dump(const Request&, Answer& answer) {
    answer.content_type = kJson;
    answer.body = "{}\n";
}

void handle_health_fail(const Request& request, Answer& answer) {
    request.server.fail_health_check(true);
    answer.body = kOk;
}

void handle_health_ok(const Request& request, Answer& answer) {
    request.server.fail_health_check(false);
    answer.body = kOk;
}

void handle_drain_listeners(const Request& request, Answer& answer) {
    request.server.drain_listeners(request.query.has("graceful"), request.query.has("inboundonly"),
                                   request.query.has("skip_exit"));
    answer.body = kOk;
}

void handle_reopen_logs(const Request& request, Answer& answer) {
    request.server.reopen_logs();
    answer.body = kOk;
}

void handle_quit(const Request& request, Answer& answer) {
    answer.body = kOk;
    answer.afterwards = [&server = request.server] { server.quit(); };
}

void handle_reset_counters(const Request& request, Answer& answer) {
    request.server.reset_counters();
    answer.body = kOk;
}

}  // namespace heirloom::admin
