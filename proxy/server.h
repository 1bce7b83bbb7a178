// SPDX-License-Identifier: Apache-2.0
// Server: one generation of the proxy, put together. server.cc reads as the map: what is made in which order, and what
// happens when the supervisor, a signal or the admin interface asks for something.
//
// Threads: the main thread (row 0 of the segment) runs admin, DNS, the channel and signals; worker w (row w + 1)
// serves.
//
//   pre_initializing -> initializing -> ready -> live -> draining -> stopping        docs/handover.md has the messages
//                                                  '-------------------^
// Alone, ready becomes live at once and the process owns the segment.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proxy/access_log/access_log.h"
#include "proxy/admin/server_view.h"
#include "proxy/connection_manager/connection_set.h"
#include "proxy/handover/client.h"
#include "proxy/handover/drain_manager.h"
#include "proxy/listener/listener.h"
#include "proxy/listener_plan.h"
#include "proxy/network/event_loop.h"
#include "proxy/options.h"
#include "proxy/runtime_owner.h"
#include "proxy/server_stats.h"
#include "proxy/signals.h"
#include "proxy/ticket_key_owner.h"
#include "proxy/tls_contexts.h"
#include "proxy/worker.h"

namespace heirloom::server {

class AdminListener;
class StatsFlush;

class Server final : public handover::ClientCallbacks, public admin::ServerView {
  public:
    explicit Server(Options options);
    ~Server() override;

    // Everything that can fail: configuration, segment, logs, sockets, clusters. After an error only the destructor may
    // follow. Tells the supervisor why.
    Status initialize();
    // Serves until it is asked to end. Returns the exit code.
    int run();

    // admin::ServerView
    admin::ServerState state() const override;
    const config::Snapshot& snapshot() const override { return *snapshot_; }
    shm::Segment& segment() override { return *segment_; }
    std::vector<admin::ListenerStatus> listeners() const override;
    std::vector<upstream::ClusterStatus> clusters() const override { return clusters_->status(); }
    std::vector<std::shared_ptr<const tls::Context>> tls_contexts() const override { return tls_->all(); }
    uint32_t epoch() const override { return epoch_; }
    uint32_t generation_slot() const override { return generation_slot_; }
    std::chrono::seconds uptime_current() const override;
    std::chrono::seconds uptime_all() const override;
    std::vector<std::pair<std::string, std::string>> command_line_options() const override;
    const std::vector<runtime::Layer>& runtime_layers() const override { return runtime_->layers(); }
    Status modify_runtime(const std::vector<std::pair<std::string, std::string>>& values) override {
        return runtime_->modify(values);
    }
    std::string hot_restart_version() const override;
    void fail_health_check(bool failed) override;
    void drain_listeners(bool graceful, bool inbound_only, bool skip_exit) override;
    void reopen_logs() override;
    void quit() override;
    void reset_counters() override;
    void flush_stats() override;

    // handover::ClientCallbacks
    void on_go_live() override;
    void on_drain(std::chrono::seconds drain_time, bool immediate) override;
    void on_terminate(std::chrono::milliseconds grace) override;
    void on_reopen_logs() override { reopen_logs(); }
    void on_ticket_keys(std::span<const std::string> keys) override { ticket_keys_.take(keys); }
    void on_refused(const std::string& request, const std::string& reason) override;
    void on_supervisor_lost(const std::string& reason) override;

  private:
    enum class Phase { pre_initializing, initializing, ready, live, draining, stopping };

    // initialize(), in this order.
    Status load();
    void on_runtime_change();
    Status join_segment();
    Status make_tls();
    void on_chain_changed(const config::DownstreamTlsConfig* changed,
                          const std::shared_ptr<const tls::ServerContext>& context);
    Status prepare_listeners();
    Status bind();
    Status write_admin_address();

    // run(), in this order.
    void start_workers();
    void on_workers_built();
    void go_live();
    void on_polling(bool all);
    void stop_polling(bool inbound_only, std::function<void()> done);
    void stop_listeners(bool inbound_only);  // /drain_listeners
    void check_empty();
    void leave();
    void stop(int exit_code);
    void fail(const std::string& reason);

    void on_signal(int number);
    void tick();
    void set_phase(Phase phase, shm::GenerationState shown);
    uint64_t active_connections() const;
    bool supervised() const { return client_ && !client_->lost(); }

    template <void (Server::*function)()>
    static void call(void* self) {
        (static_cast<Server*>(self)->*function)();
    }

    const Options options_;
    const std::chrono::steady_clock::time_point started_;
    std::shared_ptr<const config::Snapshot> snapshot_;
    network::EventLoop loop_;
    TicketKeyOwner ticket_keys_{loop_};
    std::unique_ptr<Signals> signals_;
    std::unique_ptr<handover::Client> client_;  // null: alone
    std::shared_ptr<shm::Segment> segment_;
    uint32_t epoch_ = 0;
    uint32_t generation_slot_ = 0;
    std::optional<stats::Registrar> registrar_;
    ServerStats stats_;
    ListenerManagerStats listener_stats_;
    RuntimeStats runtime_stats_;
    std::unique_ptr<RuntimeOwner> runtime_;
    handover::DrainManager drain_;
    std::unique_ptr<TlsContexts> tls_;
    std::unique_ptr<access_log::AccessLogManager> logs_;
    network::ConnectionCount connections_;  // downstream, of all listeners
    std::vector<ListenerPlan> plans_;
    std::unique_ptr<AdminListener> admin_;  // null: no admin configured
    std::unique_ptr<upstream::ClusterManager> clusters_;
    std::unique_ptr<StatsFlush> stats_flush_;  // null: no sinks
    std::vector<std::unique_ptr<Worker>> workers_;

    Phase phase_ = Phase::pre_initializing;
    size_t waiting_for_ = 0;  // workers that have not answered yet
    bool all_polling_ = true;
    bool graceful_drain_ = false;
    bool drain_inbound_only_ = false;
    bool drain_acknowledged_ = false;
    bool leaving_ = false;
    int exit_code_ = 0;
    uint64_t connections_cut_ = 0;
    uint32_t ticks_ = 0;
    network::Timer tick_timer_{&Server::call<&Server::tick>, this};
    network::Timer cut_timer_;    // terminate: when what is left is cut
    network::Timer bound_timer_;  // end of the drain, or of the grace, whatever comes next
    network::Timer idle_timer_;   // terminate: when idle connections are half-closed
};

}  // namespace heirloom::server
