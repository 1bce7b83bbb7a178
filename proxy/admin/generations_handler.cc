// SPDX-License-Identifier: Apache-2.0
// `/generations`: the segment's generation table and shard map. Envoy has no such path.
#include <fmt/format.h>

#include <map>

#include "proxy/admin/paths.h"

namespace heirloom::admin {

namespace {

using shm::GenerationInfo;

std::chrono::system_clock::time_point wall(uint64_t milliseconds) {
    return std::chrono::system_clock::time_point(std::chrono::milliseconds(milliseconds));
}

uint64_t age_seconds(uint64_t since_ms) {
    const auto now =
        std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch());
    const auto now_ms = static_cast<uint64_t>(now.count());
    return now_ms > since_ms ? (now_ms - since_ms) / 1000 : 0;
}

// How many shards each epoch polls.
std::map<uint32_t, uint64_t> count_by_epoch(const shm::Segment::Shards& shards) {
    std::map<uint32_t, uint64_t> counts;
    for (const uint32_t epoch : shards.epoch_of_shard) ++counts[epoch];
    return counts;
}

void append_text(std::string& out, const Request& request) {
    const auto row = [&out](auto&&... columns) {
        fmt::format_to(std::back_inserter(out), "{:<6} {:<8} {:<13} {:<8} {:<8} {:<12} {:<8} {}\n", columns...);
    };
    row("EPOCH", "PID", "STATE", "FOR", "AGE", "CONNECTIONS", "WORKERS", "VERSION");
    for (const GenerationInfo& generation : request.server.segment().generations()) {
        row(fmt::format("{}{}", generation.epoch, generation.slot == request.server.generation_slot() ? "*" : ""),
            generation.pid, shm::name_of(generation.state), fmt::format("{}s", age_seconds(generation.state_since_ms)),
            fmt::format("{}s", age_seconds(generation.start_time_ms)), generation.active_connections,
            generation.concurrency, generation.version);
    }
    out += "* this one\n";
    const std::vector<shm::Segment::Shards> sockets = request.server.segment().shards();
    if (sockets.empty()) return;
    out += "\n";
    for (const auto& socket : sockets) {
        fmt::format_to(std::back_inserter(out), "{}: {} shards", socket.socket_name, socket.epoch_of_shard.size());
        for (const auto& [epoch, count] : count_by_epoch(socket)) {
            fmt::format_to(std::back_inserter(out), ", {} polled by epoch {}", count, epoch);
        }
        out += "\n";
    }
}

void write_generation(stats::JsonWriter& json, const GenerationInfo& generation, bool self) {
    json.begin_object();
    json.field("epoch", uint64_t{generation.epoch});
    json.key("pid");
    json.number(static_cast<uint64_t>(std::max(generation.pid, 0)));
    json.field("self", self);
    json.field("version", generation.version);
    json.field("state", shm::name_of(generation.state));
    json.field("start_time", timestamp(wall(generation.start_time_ms)));
    json.field("state_since", timestamp(wall(generation.state_since_ms)));
    json.field("concurrency", uint64_t{generation.concurrency});
    json.field("active_connections", generation.active_connections);
    json.end_object();
}

void write_json(std::string& out, const Request& request) {
    stats::JsonWriter json(out, stats::JsonWriter::Style::pretty);
    json.begin_object();
    json.key("generations");
    json.begin_array();
    for (const GenerationInfo& generation : request.server.segment().generations()) {
        write_generation(json, generation, generation.slot == request.server.generation_slot());
    }
    json.end_array();
    json.key("sockets");
    json.begin_array();
    for (const auto& socket : request.server.segment().shards()) {
        json.begin_object();
        json.field("name", socket.socket_name);
        json.key("epoch_of_shard");
        json.begin_array();
        for (const uint32_t epoch : socket.epoch_of_shard) json.number(epoch);
        json.end_array();
        json.end_object();
    }
    json.end_array();
    json.end_object();
    out.push_back('\n');
}

}  // namespace

void handle_generations(const Request& request, Answer& answer) {
    if (request.query.get("format") == "json") {
        answer.content_type = kJson;
        write_json(answer.body, request);
    } else {
        append_text(answer.body, request);
    }
}

}  // namespace heirloom::admin
