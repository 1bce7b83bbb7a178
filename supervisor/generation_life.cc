// SPDX-License-Identifier: Apache-2.0
// The life of generations: what they say, how they drain, how they die, how the service ends.
#include <signal.h>

#include <boost/asio/post.hpp>
#include <boost/json/array.hpp>

#include "supervisor/hot_restart.h"

namespace heirloom::supervisor {

namespace {

constexpr std::chrono::seconds kStopNowGrace{2};
constexpr std::chrono::seconds kChannelGrace{5};  // a generation that closed its channel is about to exit, or is killed

uint32_t to_ms(std::chrono::milliseconds time) { return static_cast<uint32_t>(time.count()); }

int64_t ms_since(Generation::Clock::time_point then) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(Generation::Clock::now() - then).count();
}

}  // namespace

HotRestart::Member* HotRestart::find(uint32_t epoch) {
    for (Member& member : members_) {
        if (member.generation->epoch() == epoch) return &member;
    }
    return nullptr;
}

GenerationProcess* HotRestart::process_of(uint32_t epoch) {
    Member* const member = find(epoch);
    return member != nullptr ? member->process.get() : nullptr;
}

void HotRestart::on_hello(Generation& generation) {
    send_ticket_keys(generation);
    report_->phase("initializing", {{"epoch", generation.epoch()}, {"version", generation.version()}});
    publish_status();
}

void HotRestart::on_ready(Generation& generation, const shm::proto::Ready& ready) {
    report_->phase("ready",
                   {{"epoch", generation.epoch()}, {"listeners", ready.listeners()}, {"clusters", ready.clusters()}});
    shm::proto::Message go;
    go.mutable_go_live();
    generation.link().send(go);
    generation.set_deadline(parts_.options.acknowledge_timeout, [this, &generation] {
        generation.reason =
            "ready, but did not take over within " + std::to_string(parts_.options.acknowledge_timeout.count()) + " s";
        kill(generation, generation.reason);
    });
}

void HotRestart::on_live_ack(Generation& generation) { promote(generation); }

void HotRestart::drain(Generation& generation, std::chrono::seconds bound, bool immediate, uint32_t drain_time_s) {
    shm::proto::Message message;
    message.mutable_drain()->set_immediate(immediate);
    message.mutable_drain()->set_drain_time_s(drain_time_s);
    generation.link().send(message);
    generation.drain_bound = Generation::Clock::now() + bound;
    generation.set_deadline(parts_.options.acknowledge_timeout, [this, &generation] {
        kill(generation,
             "did not stop accepting within " + std::to_string(parts_.options.acknowledge_timeout.count()) + " s");
    });
}

void HotRestart::on_drain_ack(Generation& generation) {
    spdlog::info("{} accepts nothing any more, {} connections left", generation.label(), generation.active_connections);
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(
        generation.drain_bound.value_or(Generation::Clock::now()) - Generation::Clock::now());
    generation.set_deadline(std::max(left, std::chrono::milliseconds(0)),
                            [this, &generation] { terminate(generation, parts_.options.terminate_grace); });
    if (stopping_ != Stopping::no) close_unwanted();
    if (old_.get() != &generation) return;
    if (report_ && !report_->is_finished()) {
        report_->phase("draining",
                       {{"epoch", generation.epoch()}, {"active_connections", generation.active_connections}});
    }
    succeed_transaction();
}

void HotRestart::on_drained(Generation& generation, uint64_t connections_cut) {
    spdlog::info("{} is empty{}", generation.label(),
                 connections_cut == 0 ? "" : ", " + std::to_string(connections_cut) + " connections were cut");
    generation.set_deadline(parts_.options.terminate_grace,
                            [this, &generation] { kill(generation, "is empty but did not exit"); });
}

void HotRestart::terminate(Generation& generation, std::chrono::milliseconds grace) {
    if (!generation.is_terminating) {
        spdlog::info("{} is asked to exit, {} connections are cut", generation.label(), generation.active_connections);
        generation.is_terminating = true;
    }
    shm::proto::Message message;
    message.mutable_terminate()->set_grace_ms(to_ms(grace));
    generation.link().send(message);
    generation.set_deadline(grace + std::chrono::seconds(1),
                            [this, &generation] { kill(generation, "did not exit when asked to"); });
}

void HotRestart::kill(Generation& generation, const std::string& why) {
    spdlog::warn("{} is killed: {}", generation.label(), why);
    generation.is_killed = true;
    generation.clear_deadline();
    parts_.stats.add(SupervisorStat::generations_killed);
    generation.link().signal(SIGKILL);
}

void HotRestart::on_stop_request(Generation& generation) {
    spdlog::info("{} was asked to quit: the service stops", generation.label());
    // Not from inside of its message: stopping may end this object.
    boost::asio::post(parts_.io, [this] { stop_now(); });
}

void HotRestart::on_misbehaviour(Generation& generation, const std::string& what) {
    parts_.stats.add(SupervisorStat::protocol_errors);
    spdlog::error("{} (pid {}) {}", generation.label(), generation.link().pid(), what);
    if (generation.reason.empty()) generation.reason = "broke the protocol: " + what;
    if (GenerationProcess* const process = process_of(generation.epoch())) process->close_channel();
    kill(generation, "broke the protocol");
}

void HotRestart::on_channel_end(Generation& generation, const Error& error) {
    if (error.code != EPIPE) return on_misbehaviour(generation, error.text);
    if (generation.state() == State::draining && generation.drain_acknowledged) return;  // its bound stands
    generation.set_deadline(kChannelGrace, [this, &generation] {
        if (generation.reason.empty()) generation.reason = "closed its channel and did not exit";
        kill(generation, "closed its channel");
    });
}

void HotRestart::on_exit(uint32_t epoch, ExitStatus status) {
    Member* const member = find(epoch);
    if (member == nullptr) return;
    // Held until the end of this function; the numbers move first, so that whoever sees the state sees them too.
    const std::shared_ptr<Generation> generation = member->generation;
    std::erase_if(members_, [epoch](const Member& each) { return each.generation->epoch() == epoch; });
    generation->clear_deadline();
    const bool was_next = generation == next_;
    const bool was_live = generation == live_;
    const bool was_old = generation == old_;
    if (was_next) {
        on_exit_before_live(*generation, status);
    } else {
        const bool expected = stopping_ != Stopping::no || generation->is_terminating || generation->is_killed ||
                              (generation->state() == State::draining && status.is_clean());
        generation->transition(State::exited, status.to_string());
        if (!expected) {
            parts_.stats.add(SupervisorStat::generations_crashed);
            const std::string words = generation->link().last_words();
            spdlog::error("{} died: {}{}", generation->label(), status.to_string(),
                          words.empty() ? "" : ", last words: " + words);
        }
    }
    generation->fold();
    if (was_live) live_.reset();
    if (was_old) old_.reset();
    publish_status();
    if (stopping_ != Stopping::no) return end_if_empty();
    const bool in_transaction = report_ && !report_->is_finished();
    if (was_live && !in_transaction) return schedule_restart();
    if (was_live && !next_ && !waits_for_room_)
        return fail_transaction("died as soon as it was live: " +
                                (generation->reason.empty() ? status.to_string() : generation->reason));
    // The old one is gone before it could acknowledge: nothing is left to drain (unless closing sockets still waits).
    if (was_old && in_transaction && generation->drain_bound) return succeed_transaction();
    if (waits_for_room_ && members_.size() < kMostGenerations) spawn_next();
}

void HotRestart::on_exit_before_live(Generation& generation, ExitStatus status) {
    std::string reason = generation.reason;
    if (reason.empty()) {
        const std::string words = generation.link().last_words();
        reason = status.to_string();
        if (!words.empty()) reason = status.by_signal ? reason + ", last words: " + words : words + " (" + reason + ")";
    }
    generation.transition(State::failed, reason);
    if (status.by_signal && !generation.is_killed && !generation.is_terminating) {
        parts_.stats.add(SupervisorStat::generations_crashed);
    }
    next_.reset();
    // A first start that fails keeps what it adopted or bound: the next try finds it.
    if (was_ever_live_) parts_.store.forget(generation.epoch());
    generation.fold();
    fail_transaction(reason);
}

void HotRestart::watch_heartbeats() {
    const auto timeout = std::chrono::milliseconds(parts_.options.heartbeat_timeout);
    heartbeat_timer_.expires_after(std::max(timeout / 6, std::chrono::milliseconds(200)));
    heartbeat_timer_.async_wait([this, timeout](const boost::system::error_code& error) {
        if (error) return;
        if (live_) {
            const int64_t silence = ms_since(live_->last_heartbeat);
            const bool is_silent = silence > timeout.count();
            if (is_silent && !live_->is_silent) {
                parts_.stats.add(SupervisorStat::heartbeats_lost);
                spdlog::error("{} gave no sign of life for {} s", live_->label(), silence / 1000);
            }
            if (!is_silent && live_->is_silent) spdlog::info("{} is back", live_->label());
            live_->is_silent = is_silent;
            if (is_silent && parts_.options.kill_unresponsive) kill(*live_, "gave no sign of life");
        }
        publish_status();
        watch_heartbeats();
    });
}

void HotRestart::stop() {
    if (stopping_ != Stopping::no) return stop_now();
    stopping_ = Stopping::draining;
    spdlog::info("stopping: connections may finish for {} s", parts_.options.stop_drain_time.count());
    parts_.notify.stopping();
    restart_timer_.cancel();
    for (const Member& member : members_) {
        if (!is_before_live(member.generation->state())) continue;
        member.generation->reason = "the service is stopping";
        terminate(*member.generation, std::chrono::milliseconds(0));
    }
    publish_status();
    // Without a service manager that keeps them nobody will ever answer a connect again: let none in, finish the
    // queues.
    if (parts_.notify.is_enabled()) return drain_all();
    parts_.store.retire_all();
    when_quiet(Generation::Clock::now(), [this] { drain_all(); });
}

void HotRestart::drain_all() {
    const auto bound = parts_.options.stop_drain_time;
    for (const Member& member : members_) {
        Generation& generation = *member.generation;
        if (is_before_live(generation.state()) || stopping_ == Stopping::now) continue;
        if (generation.state() == State::live) generation.transition(State::draining, "the service stops");
        drain(generation, bound, true, static_cast<uint32_t>(std::max<int64_t>(bound.count(), 1)));
        if (!generation.drain_acknowledged) continue;
        generation.set_deadline(bound, [this, &generation] { terminate(generation, parts_.options.terminate_grace); });
    }
    publish_status();
    end_if_empty();
}

void HotRestart::stop_now() {
    if (stopping_ == Stopping::no) parts_.notify.stopping();
    stopping_ = Stopping::now;
    restart_timer_.cancel();
    for (const Member& member : members_) {
        if (is_before_live(member.generation->state())) member.generation->reason = "the service is stopping";
        member.generation->is_terminating = true;
        terminate(*member.generation, std::chrono::milliseconds(0));
        member.generation->set_deadline(kStopNowGrace, [this, generation = member.generation.get()] {
            kill(*generation, "did not exit when asked to");
        });
    }
    end_if_empty();
}

void HotRestart::end_if_empty() {
    if (has_ended_ || !members_.empty()) return;
    has_ended_ = true;
    step_timer_.cancel();
    heartbeat_timer_.cancel();
    restart_timer_.cancel();
    if (report_ && !report_->is_finished()) report_->fail("the service is stopping");
    for (const ReloadListener& listener : std::exchange(waiting_, {})) {
        listener({{"result", "error"}, {"reason", "the service is stopping"}}, true);
    }
    on_end_(0);
}

void HotRestart::reopen_logs() {
    shm::proto::Message message;
    message.mutable_reopen_logs();
    for (const Member& member : members_) {
        if (member.generation->state() != State::spawned) member.generation->link().send(message);
    }
}

void HotRestart::send_ticket_keys() {
    for (const Member& member : members_) send_ticket_keys(*member.generation);
}

void HotRestart::send_ticket_keys(Generation& generation) {
    if (!generation.takes_ticket_keys || parts_.ticket_keys.ring().keys().empty()) return;
    generation.link().send(parts_.ticket_keys.ring().to_message());
}

bool HotRestart::reap(pid_t pid) {
    for (const Member& member : members_) {
        if (member.process->pid() != pid) continue;
        const std::shared_ptr<GenerationProcess> process = member.process;
        process->reap_if_dead();
        return true;
    }
    return false;
}

void HotRestart::publish_status() {
    if (on_change) on_change();
    std::string text;
    if (stopping_ != Stopping::no) {
        text = "Stopping, " + std::to_string(members_.size()) + " generations left";
    } else if (live_) {
        text = "Epoch " + std::to_string(live_->epoch()) + " is live (pid " + std::to_string(live_->link().pid()) + ")";
        const size_t draining = members_.size() - 1 - (next_ ? 1 : 0);
        if (next_)
            text += ", epoch " + std::to_string(next_->epoch()) + " is " + std::string(shm::name_of(next_->state()));
        if (draining != 0) text += ", " + std::to_string(draining) + " draining";
        if (live_->is_silent) text += ", gives no sign of life";
        if (!failure_.empty()) text = "Reload failed: " + failure_ + ". " + text;
    } else if (next_) {
        text = (was_ever_live_ ? "Restarting: epoch " : "Starting: epoch ") + std::to_string(next_->epoch()) + " is " +
               std::string(shm::name_of(next_->state()));
    } else {
        text = "No generation is live: " + (failure_.empty() ? std::string("the last one died") : failure_);
    }
    parts_.notify.status(text);
}

std::vector<pid_t> HotRestart::pids() const {
    std::vector<pid_t> list;
    for (const Member& member : members_) list.push_back(member.process->pid());
    return list;
}

boost::json::object HotRestart::last_report() const { return report_ ? report_->to_json() : boost::json::object(); }

boost::json::array HotRestart::generations_json() const {
    boost::json::array list;
    for (const Member& member : members_) {
        const Generation& generation = *member.generation;
        const size_t shards = generation.state() == State::draining ? 0 : parts_.store.shards_of(generation.epoch());
        uint64_t connections = generation.active_connections;
        for (const shm::GenerationInfo& info : parts_.segment.generations()) {
            if (info.epoch == generation.epoch()) connections = info.active_connections;
        }
        list.push_back(boost::json::object{{"epoch", generation.epoch()},
                                           {"pid", generation.link().pid()},
                                           {"version", generation.version()},
                                           {"state", shm::name_of(generation.state())},
                                           {"age_ms", ms_since(generation.started())},
                                           {"state_age_ms", ms_since(generation.state_since())},
                                           {"active_connections", connections},
                                           {"concurrency", generation.concurrency()},
                                           {"shards", shards},
                                           {"heartbeat_age_ms", ms_since(generation.last_heartbeat)}});
    }
    return list;
}

}  // namespace heirloom::supervisor
