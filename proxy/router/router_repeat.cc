// SPDX-License-Identifier: Apache-2.0
// RouterFilter: what is kept for another attempt, and repetitions that nobody has configured.
#include <algorithm>

#include "proxy/router/router_filter.h"

namespace heirloom::router {

using http::HeaderId;
using http::ResponseFlag;
using http::StreamReset;

namespace {

constexpr size_t kMostReplayBytes = 1024 * 1024;  // where the listener has no limit, or a greater one
constexpr size_t kSpread = 2;                     // memory that the bytes may take up, as pieces of shared blocks
constexpr uint32_t kMostMoves = 10;

bool is_idempotent(std::string_view method) {  // RFC 9110 9.2.2
    return method == "GET" || method == "HEAD" || method == "OPTIONS" || method == "TRACE" || method == "PUT" ||
           method == "DELETE";
}

}  // namespace

// Holds on to the bytes for the repetition; only a re-used connection or a shared one may need it.
void RouterFilter::remember(const network::Buffer& data) {
    if (!replayable_ || data.empty()) return;
    const bool wanted = retry_.enabled() || action_->internal_redirect;
    const bool needed = wanted || transport_->reused() || transport_->protocol() == http::Protocol::http2;
    const size_t limit = std::min(stream_.buffer_limit(), kMostReplayBytes);
    if (needed && replay_.size() + data.size() <= limit) {
        replay_memory_ += replay_.share(data);
        if (replay_memory_ <= std::max(kSpread * limit, size_t{kSpread * network::kBlockBytes})) return;
    }
    replayable_ = false;
    replay_.clear();
    if (wanted) cluster_->stats().retry_or_shadow_abandoned.add();
}

// What was sent of the body, and behind it what was not yet, is to be sent again.
void RouterFilter::hold_again() {
    if (tunnel_ != Tunnel::none) return;  // nothing of it was sent
    replay_.move_from(held_);
    held_.move_from(replay_);
    replay_memory_ = 0;
}

// For a policy that wants others than those that were tried: after so many choices the last one stands.
upstream::EndpointLease RouterFilter::choose_untried() {
    upstream::EndpointLease chosen = cluster_->choose(hash_);
    const auto was_tried = [this](const upstream::EndpointLease& lease) {
        return std::find(tried_.begin(), tried_.end(), &lease.endpoint()) != tried_.end();
    };
    for (uint32_t more = 0; more < retry_.more_choices() && chosen && was_tried(chosen); ++more)
        chosen = cluster_->choose(hash_ ? std::optional(*hash_ ^ ~uint64_t{more}) : hash_);
    if (chosen) tried_.push_back(&chosen.endpoint());
    return chosen;
}

bool RouterFilter::may_repeat(StreamReset reason) const {
    if (response_started_ || !transport_ || !replayable_) return false;
    if (reason == StreamReset::unprocessed) return attempt_ <= kMostMoves;
    if (attempt_ > 1) return false;
    if (reason == StreamReset::remote_refused) return true;
    if (reason != StreamReset::connection_terminated) return false;
    if (!transport_->reused() || !transport_->nothing_received()) return false;
    return is_idempotent(headers_->get(HeaderId::method)) || transport_->nothing_sent();
}

// False: the cluster has enough retries under way.
bool RouterFilter::repeat(StreamReset reason) {
    if (reason != StreamReset::unprocessed) {
        if (!cluster_->take_retry()) {
            cluster_->stats().upstream_rq_retry_overflow.add();
            stream_.info().set_flag(ResponseFlag::upstream_overflow);
            return false;
        }
        holds_retry_ = true;
    }
    retrying_ = true;
    retry_timer_.cancel();  // per_try_timeout of the one that ends here
    leave_upstream();
    cluster_->stats().upstream_rq_retry.add();
    hold_again();
    start_attempt(reason != StreamReset::remote_refused);
    return true;
}

void RouterFilter::end_retry() {
    retrying_ = false;
    if (std::exchange(holds_retry_, false)) cluster_->give_back_retry();
}

}  // namespace heirloom::router
