// SPDX-License-Identifier: Apache-2.0
// What the admin interface asks of the server, and what it may make it do.
#include <fmt/format.h>

#include "proxy/logging.h"
#include "proxy/server.h"
#include "proxy/stats_flush.h"

namespace heirloom::server {
namespace {

std::string quoted(std::string_view text) {
    std::string result = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            result += '\\';
            result += c;
        } else if (static_cast<unsigned char>(c) < 0x20) {
            result += fmt::format("\\u{:04x}", static_cast<unsigned>(static_cast<unsigned char>(c)));
        } else {
            result += c;
        }
    }
    return result + '"';
}

std::string number(uint64_t value) { return std::to_string(value); }
std::string truth(bool value) { return value ? "true" : "false"; }

std::string duration(std::chrono::milliseconds value) {
    const auto whole = value.count() / 1000;
    const auto rest = value.count() % 1000;
    return rest == 0 ? fmt::format("\"{}s\"", whole) : fmt::format("\"{}.{:03}s\"", whole, rest);
}

std::string_view name_of(Mode mode) {
    switch (mode) {
        case Mode::serve:
            return "Serve";
        case Mode::validate:
            return "Validate";
        case Mode::init_only:
            return "InitOnly";
    }
    return "";
}

}  // namespace

admin::ServerState Server::state() const {
    switch (phase_) {
        case Phase::pre_initializing:
            return admin::ServerState::pre_initializing;
        case Phase::initializing:
        case Phase::ready:
            return admin::ServerState::initializing;
        case Phase::live:
        case Phase::draining:
        case Phase::stopping:
            // Draining for a hot restart is not shown, as in Envoy: who asks is answered by the live generation.
            return drain_.health_check_failed() ? admin::ServerState::draining : admin::ServerState::live;
    }
    return admin::ServerState::live;
}

std::vector<admin::ListenerStatus> Server::listeners() const {
    std::vector<admin::ListenerStatus> result;
    for (const ListenerPlan& plan : plans_) result.push_back({plan.config->name, plan.socket.bound});
    return result;
}

std::chrono::seconds Server::uptime_current() const {
    return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - started_);
}

std::chrono::seconds Server::uptime_all() const {
    const auto now =
        std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch());
    const std::chrono::milliseconds created(segment_->created_ms());
    return std::max(uptime_current(), std::chrono::duration_cast<std::chrono::seconds>(now - created));
}

std::vector<std::pair<std::string, std::string>> Server::command_line_options() const {
    const Options& o = options_;
    const bool v6 = o.local_address_ip_version == IpVersion::v6;
    const bool immediate = o.drain_strategy == DrainStrategy::immediate;
    return {
        {"base_id", "\"0\""},
        {"concurrency", number(o.concurrency)},
        {"config_path", quoted(o.config_path)},
        {"config_yaml", quoted(o.config_yaml)},
        {"allow_unknown_static_fields", truth(o.allow_unknown_static_fields)},
        {"admin_address_path", quoted(o.admin_address_path)},
        {"local_address_ip_version", quoted(v6 ? "v6" : "v4")},
        {"log_level", quoted(server::name_of(o.log_level))},
        {"component_log_level", quoted(o.component_log_level)},
        {"log_format", quoted(o.log_format)},
        {"log_path", quoted(o.log_path)},
        {"service_cluster", quoted(o.service_cluster)},
        {"service_node", quoted(o.service_node)},
        {"service_zone", quoted(o.service_zone)},
        {"file_flush_interval", duration(o.file_flush_interval)},
        {"drain_time", duration(o.drain_time)},
        {"parent_shutdown_time", duration(o.parent_shutdown_time)},
        {"mode", quoted(name_of(o.mode))},
        {"disable_hot_restart", truth(o.disable_hot_restart)},
        {"restart_epoch", number(epoch_)},
        {"cpuset_threads", truth(o.cpuset_threads)},
        {"drain_strategy", quoted(immediate ? "Immediate" : "Gradual")},
    };
}

std::string Server::hot_restart_version() const { return server::hot_restart_version(options_.disable_hot_restart); }

void Server::fail_health_check(bool failed) {
    drain_.fail_health_check(failed);
    tick();
}

void Server::drain_listeners(bool graceful, bool inbound_only, bool skip_exit) {
    if (graceful) {
        if (std::exchange(graceful_drain_, true)) return;
        drain_.start(loop_.now(),
                     inbound_only ? handover::DrainManager::Scope::inbound : handover::DrainManager::Scope::all);
        for (const auto& worker : workers_) worker->announce_drain(inbound_only);
        if (skip_exit) return;
        drain_inbound_only_ = inbound_only;
        bound_timer_.set_callback(
            [](void* self) {
                auto& server = *static_cast<Server*>(self);
                server.stop_listeners(server.drain_inbound_only_);
            },
            this);
        bound_timer_.arm(loop_.timers(), options_.drain_time);
        return;
    }
    stop_listeners(inbound_only);
}

// Alone the sockets are closed, so that connects are refused. A supervisor keeps them for the next generation: there
// connects wait until it comes.
void Server::stop_listeners(bool inbound_only) {
    stop_polling(inbound_only, [this, inbound_only] {
        for (ListenerPlan& plan : plans_) {
            if (inbound_only && !plan.inbound()) continue;
            if (!client_) plan.socket.close();
            listener_stats_.listener_stopped.add();
        }
    });
}

void Server::reopen_logs() {
    reopen_log();
    logs_->reopen();
}

void Server::quit() {
    if (supervised() && phase_ == Phase::live) return client_->stop_request();
    stop(0);
}

void Server::flush_stats() {
    if (stats_flush_) stats_flush_->flush();
}

// What was counted until now is told first: nobody could tell it after.
void Server::reset_counters() {
    flush_stats();
    if (client_) {
        client_->reset_counters();
    } else {
        segment_->reset_counters();
    }
}

}  // namespace heirloom::server
