// SPDX-License-Identifier: Apache-2.0
// The machine: events (reload asked, ready, acknowledged, exited, deadline, stop) -> decisions about generations.
//
//   reload  --> [room?] --> spawn --> hello --> ready --> go_live --> live_ack --> promoted: the old one drains
//                  |          |         |         |                      |
//                  +----------+---------+---------+----------------------+--> failed: the old one serves on untouched
//
// One transaction at a time; requests that come meanwhile are answered by one more after it. A live generation that
// dies is replaced (at once, then with back-off); its sockets stay open, so connects wait. Nothing here blocks.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "supervisor/generation_process.h"
#include "supervisor/handover_server.h"
#include "supervisor/options.h"
#include "supervisor/reload_report.h"
#include "supervisor/restart_backoff.h"
#include "supervisor/service_notify.h"
#include "supervisor/ticket_keys.h"

namespace heirloom::supervisor {

class HotRestart final : private HandoverEvents {
  public:
    static constexpr size_t kMostGenerations =
        14;  // of the segment's 16 slots: two stay free for those that are folded

    struct Parts {
        boost::asio::io_context& io;
        const Options& options;
        shm::Segment& segment;
        SupervisorStats& stats;
        SocketStore& store;
        ServiceNotify& notify;
        const TicketKeys& ticket_keys;
    };
    // `on_end` is called once, when no generation is left after a stop (0) or when the first start failed (1).
    HotRestart(Parts parts, uint32_t first_epoch, std::function<void(int exit_code)> on_end);

    void start();
    void request_reload(ReloadListener listener);
    void stop();  // drain, bounded; a second call stops now
    void stop_now();
    void reopen_logs();
    // The ring as it is now, to every generation that has said hello and takes it.
    void send_ticket_keys();
    // True when that pid is one of ours (pid 1 reaps the others).
    bool reap(pid_t pid);

    boost::json::array generations_json() const;
    boost::json::object last_report() const;
    // Called after the list of generations changed.
    std::function<void()> on_change;
    std::vector<pid_t> pids() const;

  private:
    struct Member {
        std::shared_ptr<Generation> generation;
        std::shared_ptr<GenerationProcess> process;
    };
    enum class Stopping { no, draining, now };

    // --- the transaction (hot_restart.cc)
    void begin(TransactionKind kind, std::vector<ReloadListener> listeners);
    bool make_room();
    void spawn_next();
    void fail_transaction(const std::string& reason);
    void succeed_transaction();
    void after_transaction();
    void promote(Generation& generation);
    // Calls `then` when addresses that go away let no connect in and have none queued, at the latest after two seconds.
    void when_quiet(Generation::Clock::time_point since, std::function<void()> then);
    void drain_old();
    void close_unwanted();
    void schedule_restart();

    // --- the life of generations (generation_life.cc)
    uint32_t generations_alive() const override { return static_cast<uint32_t>(members_.size()); }
    void on_hello(Generation& generation) override;
    void on_ready(Generation& generation, const shm::proto::Ready& ready) override;
    void on_live_ack(Generation& generation) override;
    void on_drain_ack(Generation& generation) override;
    void on_drained(Generation& generation, uint64_t connections_cut) override;
    void on_stop_request(Generation& generation) override;
    void on_misbehaviour(Generation& generation, const std::string& what) override;
    void on_channel_end(Generation& generation, const Error& error);
    void on_exit(uint32_t epoch, ExitStatus status);
    void on_exit_before_live(Generation& generation, ExitStatus status);
    void send_ticket_keys(Generation& generation);
    void drain(Generation& generation, std::chrono::seconds bound, bool immediate, uint32_t drain_time_s);
    void terminate(Generation& generation, std::chrono::milliseconds grace);
    void kill(Generation& generation, const std::string& why);
    void watch_heartbeats();
    void drain_all();
    void end_if_empty();
    void publish_status();

    Member* find(uint32_t epoch);
    GenerationProcess* process_of(uint32_t epoch);

    Parts parts_;
    HandoverServer handover_;
    std::function<void(int)> on_end_;
    std::chrono::seconds parent_shutdown_time_;
    uint32_t next_epoch_;
    std::vector<Member> members_;       // by epoch
    std::shared_ptr<Generation> next_;  // before live
    std::shared_ptr<Generation> live_;
    std::shared_ptr<Generation> old_;  // has been replaced in this transaction, has not acknowledged the drain yet
    std::optional<ReloadReport> report_;
    std::vector<ReloadListener> waiting_;  // for the transaction after this one
    bool reload_again_ = false;
    bool waits_for_room_ = false;
    bool was_ever_live_ = false;
    bool has_ended_ = false;
    Stopping stopping_ = Stopping::no;
    std::string failure_;  // of the last reload, for the status line
    RestartBackoff backoff_;
    boost::asio::steady_timer restart_timer_;
    boost::asio::steady_timer step_timer_;
    boost::asio::steady_timer heartbeat_timer_;
};

}  // namespace heirloom::supervisor
