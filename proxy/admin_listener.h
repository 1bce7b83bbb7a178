// SPDX-License-Identifier: Apache-2.0
// The admin interface on the main thread: its socket, its connection manager and its handlers. Polled from the moment
// this generation is live until it drains, so that between two generations there is no gap.
#pragma once

#include <functional>
#include <memory>

#include "proxy/access_log/access_log.h"
#include "proxy/admin/admin.h"
#include "proxy/config/snapshot.h"
#include "proxy/connection_manager/connection_set.h"
#include "proxy/handover/drain_manager.h"
#include "proxy/handover/inherited_sockets.h"
#include "proxy/listener/listener.h"
#include "proxy/listener_plan.h"

namespace heirloom::server {

class AdminListener {
  public:
    // REQUIRES: the snapshot has an admin interface. `connections`, of the process, outlives this.
    AdminListener(network::EventLoop& loop, admin::ServerView& server, const config::Snapshot& snapshot,
                  stats::Registrar& registrar, LogFiles log_files, handover::ListeningSocket socket,
                  network::ConnectionCount& connections);

    const shm::SocketAddress& address() const { return socket_.bound; }
    bool start_polling() { return listener_->start(); }
    // No further connection; each answer closes its connection from now on.
    void stop_polling();
    // Each answer closes its connection. `empty` is called when none is left, maybe at once.
    void close_politely(std::function<void()> empty);
    // Those that asked nothing meanwhile get a FIN.
    void close_idle();
    void close_now();

  private:
    network::EventLoop& loop_;
    handover::ListeningSocket socket_;
    network::ListenerCounts counts_;
    handover::DrainManager drain_;
    connection_manager::Random random_;
    listener::FdReserve reserve_;
    std::unique_ptr<http::StreamHandlerFactory> handlers_;
    std::unique_ptr<access_log::Logger> log_;
    std::unique_ptr<connection_manager::ConnectionSet> connections_;
    std::unique_ptr<listener::Listener> listener_;
};

}  // namespace heirloom::server
