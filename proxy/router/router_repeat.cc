// SPDX-License-Identifier: Apache-2.0
// RouterFilter: repetitions that nobody has configured.
#include <sys/uio.h>

#include <array>

#include "proxy/router/router_filter.h"

namespace heirloom::router {

using http::HeaderId;
using http::ResponseFlag;
using http::StreamReset;

namespace {

constexpr size_t kReplayBytes = 16 * 1024;
constexpr uint32_t kMostMoves = 10;

bool is_idempotent(std::string_view method) {  // RFC 9110 9.2.2
    return method == "GET" || method == "HEAD" || method == "OPTIONS" || method == "TRACE" || method == "PUT" ||
           method == "DELETE";
}

}  // namespace

// Keeps a copy for the repetition; only a re-used connection or a shared one may need it.
void RouterFilter::remember(const network::Buffer& data) {
    if (!replayable_ || data.empty()) return;
    std::array<iovec, 16> pieces;
    const int count = data.fill_iovec(pieces.data(), static_cast<int>(pieces.size()));
    size_t bytes = 0;
    for (int i = 0; i < count; ++i) bytes += pieces[static_cast<size_t>(i)].iov_len;
    const bool needed = transport_->reused() || transport_->protocol() == http::Protocol::http2;
    if (!needed || replay_.size() + data.size() > kReplayBytes || bytes != data.size()) {
        replayable_ = false;
        replay_.clear();
        return;
    }
    for (int i = 0; i < count; ++i) {
        const iovec& piece = pieces[static_cast<size_t>(i)];
        replay_.append(std::string_view(static_cast<const char*>(piece.iov_base), piece.iov_len));
    }
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
    leave_upstream();
    cluster_->stats().upstream_rq_retry.add();
    if (tunnel_ == Tunnel::none) {
        held_.clear();
        held_.move_from(replay_);
    }
    start_attempt(reason != StreamReset::remote_refused);
    return true;
}

void RouterFilter::end_retry() {
    retrying_ = false;
    if (std::exchange(holds_retry_, false)) cluster_->give_back_retry();
}

}  // namespace heirloom::router
