// SPDX-License-Identifier: Apache-2.0
// The one table of what the admin interface answers: path, method, help, parameters, handler. `/`, `/help`, the 404 and
// docs/admin.md are made from it or tested against it.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "proxy/admin/query.h"
#include "proxy/admin/server_view.h"
#include "proxy/stats/json_writer.h"
#include "proxy/stats/report.h"

namespace heirloom::admin {

struct Request {
    ServerView& server;
    stats::Report& report;
    const Query& query;
};

inline constexpr std::string_view kText = "text/plain; charset=UTF-8";
inline constexpr std::string_view kHtml = "text/html; charset=UTF-8";
inline constexpr std::string_view kJson = "application/json";

struct Answer {
    uint16_t status = 200;
    std::string_view content_type = kText;
    std::string body;
    std::function<void()> afterwards;  // runs when the answer is on its way
};

struct Parameter {
    std::string_view name;
    std::string_view help;
    std::string_view choices;  // "a, b"; empty: free text or a flag
    enum class Kind { flag, text, choice } kind;
};

using Handler = void (*)(const Request& request, Answer& answer);

struct Path {
    std::string_view path;
    bool post;  // changes something: POST only
    std::string_view help;
    std::span<const Parameter> parameters;
    Handler handler;
};

// Sorted by path.
std::span<const Path> paths();
const Path* find_path(std::string_view path);
// "admin commands are:" and a line per path and parameter.
std::string help_text();

// The handlers, each in the file of its subject.
void handle_home(const Request& request, Answer& answer);
void handle_help(const Request& request, Answer& answer);
void handle_certs(const Request& request, Answer& answer);
void handle_clusters(const Request& request, Answer& answer);
void handle_config_dump(const Request& request, Answer& answer);
void handle_contention(const Request& request, Answer& answer);
void handle_drain_listeners(const Request& request, Answer& answer);
void handle_generations(const Request& request, Answer& answer);
void handle_health_fail(const Request& request, Answer& answer);
void handle_health_ok(const Request& request, Answer& answer);
void handle_hot_restart_version(const Request& request, Answer& answer);
void handle_init_dump(const Request& request, Answer& answer);
void handle_listeners(const Request& request, Answer& answer);
void handle_logging(const Request& request, Answer& answer);
void handle_memory(const Request& request, Answer& answer);
void handle_quit(const Request& request, Answer& answer);
void handle_ready(const Request& request, Answer& answer);
void handle_recent_lookups(const Request& request, Answer& answer);
void handle_reopen_logs(const Request& request, Answer& answer);
void handle_reset_counters(const Request& request, Answer& answer);
void handle_runtime(const Request& request, Answer& answer);
void handle_runtime_modify(const Request& request, Answer& answer);
void handle_server_info(const Request& request, Answer& answer);
void handle_stats(const Request& request, Answer& answer);
void handle_stats_prometheus(const Request& request, Answer& answer);

// Shared by several of them.
std::string_view name_of(ServerState state);
void write_address(stats::JsonWriter& json, const shm::SocketAddress& address);  // socket_address or pipe
// RFC 3339 with milliseconds.
std::string timestamp(std::chrono::system_clock::time_point when);
// 400 with `text`.
void refuse(Answer& answer, std::string text);
// The predicate of `filter=` and `invert_filter`; answers 400 and returns false when the expression is broken. An empty
// function when there is no filter.
bool make_filter(const Request& request, Answer& answer, std::function<bool(std::string_view)>& filter);

}  // namespace heirloom::admin
