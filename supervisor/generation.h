// SPDX-License-Identifier: Apache-2.0
// One generation: one run of the proxy process, and the state the supervisor holds it in.
//
//    spawned -----> initializing -----> ready -----> live -----> draining -----> exited
//       |  hello          |   ready       | live_ack   | drain sent    | the kernel  ^
//       |                 |               |            |               | says so     |
//       +-----------------+---------------+            +---------------+-------------+
//                         v                        (crashed: live -> exited, nothing drained)
//                      failed
//
// Invariants: at most one generation is before live, at most one is live. Every change goes through transition(), which
// checks it, and after it holds logs, counts and publishes it to the segment. In the segment a generation appears when
// it said hello: only then it is known how many rows it has.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "shm/segment.h"
#include "supervisor/seams.h"
#include "supervisor/supervisor_stats.h"

namespace heirloom::supervisor {

using State = shm::GenerationState;

// May `to` follow `from`? (the drawing above)
bool may_follow(State from, State to);
// spawned, initializing, ready.
bool is_before_live(State state);

class Generation : public std::enable_shared_from_this<Generation> {
  public:
    using Clock = std::chrono::steady_clock;

    // Begins in state spawned. `link` lives as long as the generation.
    Generation(boost::asio::io_context& io, uint32_t epoch, std::shared_ptr<GenerationLink> link, shm::Segment& segment,
               SupervisorStats& stats);

    uint32_t epoch() const { return epoch_; }
    State state() const { return state_; }
    GenerationLink& link() { return *link_; }
    const GenerationLink& link() const { return *link_; }
    Clock::time_point started() const { return started_; }
    Clock::time_point state_since() const { return state_since_; }
    std::string label() const { return "generation " + std::to_string(epoch_); }

    // The only way to change the state. `why` goes to the log and, for failed, is the reason for the operator.
    // REQUIRES: may_follow(state(), to).
    void transition(State to, std::string_view why = {});

    // Takes a slot in the segment for what it said in hello.
    Status claim_slot(uint32_t concurrency, std::string_view version);
    std::optional<uint32_t> slot() const { return slot_; }
    const std::string& version() const { return version_; }
    uint32_t concurrency() const { return concurrency_; }
    // The process is gone: its numbers go to the tombstone, the slot is free. Idempotent.
    void fold();

    // Calls `on_expiry` once unless another deadline is set, or this one cleared, before. Deadlines end with the
    // generation. REQUIRES: it is held by a shared_ptr.
    void set_deadline(std::chrono::milliseconds after, std::function<void()> on_expiry);
    void clear_deadline();

    std::string reason;               // why it failed, as far as known
    uint64_t active_connections = 0;  // as it last said
    Clock::time_point last_heartbeat;
    bool is_silent = false;                        // heartbeat lost and reported
    std::optional<Clock::time_point> drain_bound;  // draining: when it must be gone
    bool is_terminating = false;                   // asked to exit, SIGKILL follows
    bool is_killed = false;                        // by us
    bool drain_acknowledged = false;
    bool takes_ticket_keys = false;  // as its hello said

  private:
    uint32_t epoch_;
    std::shared_ptr<GenerationLink> link_;
    shm::Segment& segment_;
    SupervisorStats& stats_;
    State state_ = State::none;
    Clock::time_point started_;
    Clock::time_point state_since_;
    std::optional<uint32_t> slot_;
    std::string version_;
    uint32_t concurrency_ = 0;
    boost::asio::steady_timer deadline_;
    uint64_t deadline_number_ = 0;  // an expiry that was on its way when another was set does not count
};

}  // namespace heirloom::supervisor
