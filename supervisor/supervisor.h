// SPDX-License-Identifier: Apache-2.0
// Composition root of heirloomd: opens the parts in order, hands events from one to the other, runs the loop.
// One thread, one io_context; nothing blocks and no child can make it end.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>

#include "supervisor/control_socket.h"
#include "supervisor/hot_restart.h"
#include "supervisor/options.h"
#include "supervisor/signals.h"
#include "supervisor/ticket_keys.h"

namespace heirloom::supervisor {

class Supervisor {
  public:
    explicit Supervisor(Options options);
    // Returns the exit code.
    int run();

  private:
    Status open();
    Status lock_run_dir();
    Status open_segment(std::vector<ServiceNotify::Passed>& passed);
    // Generations of an earlier supervisor of this run directory that was killed: they serve on.
    bool has_orphans() const;
    void open_ticket_keys(std::vector<ServiceNotify::Passed>& passed);
    void adopt_sockets(std::vector<ServiceNotify::Passed> passed);
    // Generations of an earlier supervisor in an adopted segment: the dead are folded.
    void fold_leftovers();
    void on_request(const std::shared_ptr<ControlClient>& client, const boost::json::object& request);
    boost::json::object status() const;
    void write_generations_file();
    void on_end(int exit_code);

    Options options_;
    boost::asio::io_context io_;
    std::chrono::steady_clock::time_point started_;
    UniqueFd lock_;
    ServiceNotify notify_;
    TicketKeys ticket_keys_;
    std::shared_ptr<shm::Segment> segment_;
    uint32_t first_epoch_ = 0;
    std::unique_ptr<SocketStore> store_;
    std::unique_ptr<SupervisorStats> stats_;
    std::unique_ptr<HotRestart> hot_restart_;
    std::unique_ptr<Signals> signals_;
    std::unique_ptr<ControlSocket> control_;
    std::vector<std::shared_ptr<ControlClient>> stop_waiters_;
    std::string generations_text_;
    int exit_code_ = 0;
};

}  // namespace heirloom::supervisor
