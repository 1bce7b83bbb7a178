// SPDX-License-Identifier: Apache-2.0
#include "supervisor/generation.h"

#include <cassert>

namespace heirloom::supervisor {

bool may_follow(State from, State to) {
    switch (from) {
        case State::none:
            return to == State::spawned;
        case State::spawned:
            return to == State::initializing || to == State::failed;
        case State::initializing:
            return to == State::ready || to == State::failed;
        case State::ready:
            return to == State::live || to == State::failed;
        case State::live:
            return to == State::draining || to == State::exited;
        case State::draining:
            return to == State::exited;
        case State::exited:
        case State::failed:
            return false;
    }
    return false;
}

bool is_before_live(State state) {
    return state == State::spawned || state == State::initializing || state == State::ready;
}

Generation::Generation(boost::asio::io_context& io, uint32_t epoch, std::shared_ptr<GenerationLink> link,
                       shm::Segment& segment, SupervisorStats& stats)
    : epoch_(epoch), link_(std::move(link)), segment_(segment), stats_(stats), started_(Clock::now()), deadline_(io) {
    last_heartbeat = started_;
    transition(State::spawned, "pid " + std::to_string(link_->pid()));
}

void Generation::transition(State to, std::string_view why) {
    assert(may_follow(state_, to));
    const State from = std::exchange(state_, to);
    state_since_ = Clock::now();
    spdlog::log(to == State::failed ? spdlog::level::err : spdlog::level::info, "generation {}: {} -> {}{}{}", epoch_,
                shm::name_of(from), shm::name_of(to), why.empty() ? "" : ": ", why);
    stats_.count_transition(to);
    if (slot_) segment_.set_generation(*slot_, to, link_->pid(), version_);
}

Status Generation::claim_slot(uint32_t concurrency, std::string_view version) {
    const auto slot = segment_.claim_generation(epoch_, concurrency);
    if (!slot.ok()) return slot.error();
    slot_ = *slot;
    concurrency_ = concurrency;
    version_ = version;
    segment_.set_generation(*slot_, state_, link_->pid(), version_);
    return Ok{};
}

void Generation::fold() {
    if (slot_) segment_.fold_generation(*slot_);
    slot_.reset();
}

void Generation::set_deadline(std::chrono::milliseconds after, std::function<void()> on_expiry) {
    const uint64_t number = ++deadline_number_;
    deadline_.expires_after(after);
    deadline_.async_wait([weak = weak_from_this(), number, on_expiry = std::move(on_expiry)](const auto& error) {
        const auto self = weak.lock();
        if (!error && self && self->deadline_number_ == number) on_expiry();
    });
}

void Generation::clear_deadline() {
    ++deadline_number_;
    deadline_.cancel();
}

}  // namespace heirloom::supervisor
