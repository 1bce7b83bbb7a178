// SPDX-License-Identifier: Apache-2.0
#include "proxy/admin_listener.h"

namespace heirloom::server {
namespace {

std::shared_ptr<const config::HttpConnectionManagerConfig> admin_http(const config::AdminConfig& config) {
    auto http = std::make_shared<config::HttpConnectionManagerConfig>();
    http->stat_prefix = "admin";
    http->access_logs = config.access_logs;
    http->generate_request_id = false;
    return http;
}

}  // namespace

AdminListener::AdminListener(network::EventLoop& loop, admin::ServerView& server, const config::Snapshot& snapshot,
                             stats::Registrar& registrar, LogFiles log_files, handover::ListeningSocket socket,
                             network::ConnectionCount& connections)
    : loop_(loop),
      socket_(std::move(socket)),
      counts_(counts_for_others(snapshot, snapshot.admin->ignore_global_conn_limit) ? &connections : nullptr),
      drain_(std::chrono::seconds(0), true),
      handlers_(admin::make_admin(server)),
      log_(std::make_unique<access_log::Logger>(loop, snapshot.admin->access_logs, std::move(log_files))) {
    connections_ = std::make_unique<connection_manager::ConnectionSet>(connection_manager::ConnectionManagerConfig{
        .loop = loop,
        .http = admin_http(*snapshot.admin),
        .stats = connection_manager::make_connection_manager_stats(registrar, "admin", "admin", "main_thread"),
        .handlers = *handlers_,
        .access_log = *log_,
        .drain = {drain_},
        .random = random_,
        .own_address = "",
        .listen_address = socket_.bound,
        .buffer_limit_bytes = 1024 * 1024,
        .filter_chain_name = ""});
    listener_ = std::make_unique<listener::Listener>(
        loop, reserve_,
        listener::Listener::Setting{
            .name = "admin",
            .shards = socket_.fds(),
            .shared = false,
            .chains = {{.acceptor = *connections_}},
            .stats = listener::make_listener_stats(registrar, "admin"),
            .limits = {counts_, "", snapshot.max_downstream_connections, snapshot.admin->ignore_global_conn_limit}});
}

void AdminListener::stop_polling() {
    listener_->stop();
    drain_.start(loop_.now());
}

void AdminListener::close_politely(std::function<void()> empty) {
    connections_->announce_close();
    if (connections_->size() == 0) return empty();
    connections_->on_change([this, empty = std::move(empty)](int) {
        if (connections_->size() == 0) empty();
    });
}

void AdminListener::close_idle() { connections_->close_idle(); }

void AdminListener::close_now() {
    connections_->on_change(nullptr);
    connections_->close_now();
}

}  // namespace heirloom::server
