// SPDX-License-Identifier: Apache-2.0
// The transaction: from the request to the promoted generation, or to the reason why not.
#include "supervisor/hot_restart.h"

#include <boost/asio/post.hpp>

#include "supervisor/headroom.h"

namespace heirloom::supervisor {

namespace {

constexpr std::chrono::seconds kRoomPatience{60};        // for an old generation to make room
constexpr std::chrono::milliseconds kQuietAtLeast{300};  // handshakes on their way to an address that goes away
constexpr std::chrono::milliseconds kQuietAtMost{2000};
constexpr std::chrono::milliseconds kQuietPoll{20};

template <class Function>
auto unless_cancelled(Function function) {
    return [function = std::move(function)](const boost::system::error_code& error) {
        if (!error) function();
    };
}

}  // namespace

HotRestart::HotRestart(Parts parts, uint32_t first_epoch, std::function<void(int)> on_end)
    : parts_(parts),
      handover_(parts.segment, parts.store, *this),
      on_end_(std::move(on_end)),
      parent_shutdown_time_(parent_shutdown_time(parts.options.command)),
      next_epoch_(first_epoch),
      restart_timer_(parts.io),
      step_timer_(parts.io),
      heartbeat_timer_(parts.io) {}

void HotRestart::start() {
    watch_heartbeats();
    begin(TransactionKind::start, {});
}

void HotRestart::request_reload(ReloadListener listener) {
    if (stopping_ != Stopping::no) {
        if (listener) listener({{"result", "error"}, {"reason", "the service is stopping"}}, true);
        return;
    }
    std::vector<ReloadListener> listeners;
    if (listener) listeners.push_back(std::move(listener));
    if (!report_ || report_->is_finished()) return begin(TransactionKind::reload, std::move(listeners));
    parts_.stats.add(SupervisorStat::reloads_coalesced);
    spdlog::info("a {} is under way: one more follows it", name_of(report_->kind()));
    reload_again_ = true;
    for (ReloadListener& each : listeners) {
        each({{"event", "waiting"}, {"text", "a reload is under way, this one follows it"}}, false);
        waiting_.push_back(std::move(each));
    }
}

void HotRestart::begin(TransactionKind kind, std::vector<ReloadListener> listeners) {
    report_.emplace(kind, std::move(listeners));
    restart_timer_.cancel();
    if (kind == TransactionKind::reload) {
        parts_.stats.add(SupervisorStat::reloads_total);
        if (was_ever_live_) parts_.notify.reloading();
    }
    if (make_room()) spawn_next();
}

// At most kMostGenerations at once: the oldest that drains is asked to hurry.
bool HotRestart::make_room() {
    if (members_.size() < kMostGenerations) return true;
    for (const Member& member : members_) {
        Generation& oldest = *member.generation;
        if (oldest.state() != State::draining) continue;
        waits_for_room_ = true;
        auto patience = std::chrono::duration_cast<std::chrono::milliseconds>(kRoomPatience);
        if (oldest.drain_bound) {
            const auto left = *oldest.drain_bound - Generation::Clock::now();
            patience = std::clamp(std::chrono::duration_cast<std::chrono::milliseconds>(left),
                                  std::chrono::milliseconds(0), patience);
        }
        report_->phase("waiting", {{"text", std::to_string(members_.size()) + " generations are alive: waiting for " +
                                                oldest.label() + " to end"}});
        spdlog::warn("{} generations are alive: {} is asked to end", members_.size(), oldest.label());
        shm::proto::Message hurry;
        hurry.mutable_drain()->set_immediate(true);
        hurry.mutable_drain()->set_drain_time_s(1);
        oldest.link().send(hurry);
        oldest.set_deadline(patience, [this, epoch = oldest.epoch()] {
            if (Member* late = find(epoch)) terminate(*late->generation, parts_.options.terminate_grace);
        });
        return false;
    }
    fail_transaction(std::to_string(members_.size()) + " generations are alive and none of them is draining");
    return false;
}

void HotRestart::spawn_next() {
    waits_for_room_ = false;
    if (const Status room = check_headroom(); !room.ok()) return fail_transaction(room.error().text);
    const uint32_t epoch = next_epoch_;
    auto process = GenerationProcess::start(parts_.io, parts_.options.command, epoch);
    if (!process) {
        std::string reason = process.error().text;
        if (process.error().code == EAGAIN) reason += " (" + process_limit_text() + ")";
        return fail_transaction(reason);
    }
    ++next_epoch_;
    parts_.stats.add(SupervisorStat::generations_spawned);
    next_ = std::make_shared<Generation>(parts_.io, epoch, *process, parts_.segment, parts_.stats);
    members_.push_back({next_, *process});
    (*process)->listen({
        [this, generation = next_.get()](shm::Received received) {
            handover_.handle(*generation, std::move(received));
        },
        [this, generation = next_.get()](const Error& error) { on_channel_end(*generation, error); },
        [this, epoch](ExitStatus status) { on_exit(epoch, status); },
    });
    report_->phase("spawned", {{"epoch", epoch}, {"pid", (*process)->pid()}});
    next_->set_deadline(parts_.options.initialize_timeout, [this] {
        next_->reason = "not ready after " + std::to_string(parts_.options.initialize_timeout.count()) + " s (" +
                        std::string(shm::name_of(next_->state())) + ")";
        kill(*next_, next_->reason);
    });
    publish_status();
}

void HotRestart::promote(Generation& generation) {
    generation.clear_deadline();
    if (old_ && !old_->drain_bound) drain(*old_, parent_shutdown_time_, false, 0);
    old_ = std::move(live_);
    if (old_) old_->transition(State::draining, "generation " + std::to_string(generation.epoch()) + " takes over");
    generation.transition(State::live);
    live_ = std::move(next_);
    was_ever_live_ = true;
    failure_.clear();
    backoff_.on_live(Generation::Clock::now());
    report_->phase("live", {{"epoch", generation.epoch()}});
    const bool some_go_away = parts_.store.retain(generation.epoch(), std::nullopt);
    parts_.store.publish(parts_.segment, generation.epoch());
    publish_status();
    // The old one still polls what goes away: it takes what is queued there before anything is closed.
    if (some_go_away) return when_quiet(Generation::Clock::now(), [this] { drain_old(); });
    drain_old();
}

void HotRestart::drain_old() {
    if (!old_) return succeed_transaction();
    drain(*old_, parent_shutdown_time_, false, 0);
}

void HotRestart::when_quiet(Generation::Clock::time_point since, std::function<void()> then) {
    const auto waited = Generation::Clock::now() - since;
    if (waited >= kQuietAtMost || (waited >= kQuietAtLeast && parts_.store.retired_are_empty())) return then();
    step_timer_.expires_after(kQuietPoll);
    step_timer_.async_wait(unless_cancelled([this, since, then = std::move(then)] { when_quiet(since, then); }));
}

void HotRestart::close_unwanted() {
    parts_.stats.add(SupervisorStat::connects_reset_at_close, parts_.store.close_retired());
    if (live_) parts_.store.publish(parts_.segment, live_->epoch());
}

void HotRestart::succeed_transaction() {
    old_.reset();
    if (!report_ || report_->is_finished() || !live_) return;
    close_unwanted();
    if (stopping_ == Stopping::no) parts_.notify.ready();
    report_->succeed(live_->epoch());
    after_transaction();
}

void HotRestart::fail_transaction(const std::string& reason) {
    if (!report_ || report_->is_finished()) return;
    const TransactionKind kind = report_->kind();
    spdlog::error("{} failed: {}{}", name_of(kind), reason,
                  live_ ? "; generation " + std::to_string(live_->epoch()) + " serves on" : "");
    failure_ = reason;
    close_unwanted();
    waits_for_room_ = false;
    if (kind == TransactionKind::reload) parts_.stats.add(SupervisorStat::reloads_failed);
    if (was_ever_live_ && stopping_ == Stopping::no) parts_.notify.ready();  // ends RELOADING; the old one serves on
    report_->fail(reason);
    after_transaction();
}

void HotRestart::after_transaction() {
    publish_status();
    if (stopping_ != Stopping::no) {
        for (const ReloadListener& listener : std::exchange(waiting_, {})) {
            listener({{"result", "error"}, {"reason", "the service is stopping"}}, true);
        }
        reload_again_ = false;
        return end_if_empty();
    }
    if (reload_again_) {
        reload_again_ = false;
        // Not from inside of this one: whoever called may still look at the generations.
        boost::asio::post(parts_.io, [this] {
            if (!report_->is_finished()) {
                reload_again_ = true;  // another one began in between
            } else if (stopping_ == Stopping::no) {
                begin(TransactionKind::reload, std::exchange(waiting_, {}));
            }
        });
        return;
    }
    if (live_) return;
    if (!was_ever_live_) {
        parts_.notify.status("Start failed: " + failure_);
        has_ended_ = true;
        return on_end_(1);
    }
    schedule_restart();
}

void HotRestart::schedule_restart() {
    const auto delay = backoff_.on_crash(Generation::Clock::now());
    spdlog::warn("a new generation is started {}",
                 delay.count() == 0 ? "at once" : fmt::format("in {} ms", delay.count()));
    restart_timer_.expires_after(delay);
    restart_timer_.async_wait(unless_cancelled([this] {
        if (stopping_ == Stopping::no && !live_ && (!report_ || report_->is_finished())) {
            begin(TransactionKind::restart, {});
        }
    }));
}

}  // namespace heirloom::supervisor
