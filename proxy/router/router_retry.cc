// SPDX-License-Identifier: Apache-2.0
// RouterFilter: attempts by a retry policy, and the clocks of a request.
#include <algorithm>

#include "proxy/router/router_filter.h"
#include "proxy/runtime/table.h"

namespace heirloom::router {

using http::ResponseFlag;
using http::StreamReset;
using std::chrono::milliseconds;

// True: nobody sees this response, another attempt comes.
bool RouterFilter::retry_response(uint16_t status, const http::HeaderMap& headers, bool end_stream) {
    if (!retry_.enabled() || !retry_.wants(status, headers) || !schedule_retry(&headers)) return false;
    endpoint_.numbers().rq_error.add();
    cluster_->stats().retry.count(status);
    // Over on both sides, its connection serves others. Envoy does not count this reset.
    // A tunnel has not sent what it holds: its stream would wait for that, and for us.
    if (!end_stream || !request_complete_ || tunnel_ != Tunnel::none) encoder_->reset(StreamReset::local);
    leave_upstream();
    return true;
}

// `sent`: something of the request may have reached the upstream.
bool RouterFilter::retry_failure(StreamReset reason, bool sent) {
    if (response_started_ || !retry_.enabled() || !retry_.wants(reason, sent) || !schedule_retry(nullptr)) return false;
    // Others that are as old may have ended, too.
    retry_fresh_ = reason == StreamReset::connection_terminated;
    if (endpoint_) endpoint_.numbers().rq_error.add();
    leave_upstream();
    return true;
}

// False: it stays as it is. `response`: that is tried again; null: there was none.
bool RouterFilter::schedule_retry(const http::HeaderMap* response) {
    end_retry();  // the one before was no success
    if (!replayable_ || stream_.response_started()) return false;
    const upstream::ClusterStats& stats = cluster_->stats();
    if (!retry_.take()) {
        stats.upstream_rq_retry_limit_exceeded.add();
        stream_.info().set_flag(ResponseFlag::upstream_retry_limit_exceeded);
        return false;
    }
    if (!cluster_->take_retry()) {
        stats.upstream_rq_retry_overflow.add();
        stream_.info().set_flag(ResponseFlag::upstream_overflow);
        return false;
    }
    static const auto use_retry = config::RuntimeKey::of("upstream.use_retry");
    if (!runtime::includes_percent(use_retry, 100, context_.random.next())) {
        cluster_->give_back_retry();
        return false;
    }
    holds_retry_ = retrying_ = waiting_ = true;
    stats.upstream_rq_retry.add();
    std::optional<milliseconds> wait;
    if (response && retry_.is_told_when()) {
        const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
        wait = retry_.asked_wait(*response, std::chrono::duration_cast<std::chrono::seconds>(since_1970),
                                 context_.wait_random());
    }
    (wait ? stats.upstream_rq_retry_backoff_ratelimited : stats.upstream_rq_retry_backoff_exponential).add();
    hold_again();
    retry_timer_.arm(stream_.loop().timers(),
                     std::max(wait ? *wait : retry_.wait(context_.wait_random()), milliseconds(1)));
    return true;
}

// --- time
// ------------------------------------------------------------------------------------------------------------------

void RouterFilter::arm_route_timer() {
    if (route_timeout_.count() > 0) route_timer_.arm(stream_.loop().timers(), route_timeout_);
}

// Run from the moment when the request is complete and has a connection.
void RouterFilter::arm_per_try_timers() {
    if (retry_.per_try_idle_timeout().count() > 0)
        idle_try_timer_.arm(stream_.loop().timers(), retry_.per_try_idle_timeout());
    if (response_started_ || retry_.per_try_timeout().count() == 0) return;
    retry_timer_.arm(stream_.loop().timers(), retry_.per_try_timeout());
}

// Runs from the moment when the attempt has a connection.
void RouterFilter::arm_long_try_timer() {
    const milliseconds most = upstream_duration_.value_or(cluster_->config().max_stream_duration);
    if (most.count() > 0) long_try_timer_.arm(stream_.loop().timers(), most);
}

void RouterFilter::note_activity() {
    if (idle_try_timer_.armed()) idle_try_timer_.arm(stream_.loop().timers(), retry_.per_try_idle_timeout());
}

void RouterFilter::stop_timers() {
    route_timer_.cancel();
    retry_timer_.cancel();
    waiting_ = false;
}

milliseconds RouterFilter::since_request() const {
    return std::chrono::duration_cast<milliseconds>(stream_.loop().now() - request_complete_at_);
}

// What the upstream may expect; 0: no limit. At least 1 ms, as 0 would mean none.
milliseconds RouterFilter::time_for_attempt() const {
    const milliseconds per_try = retry_.per_try_timeout();
    if (route_timeout_.count() == 0) return per_try;
    const milliseconds used = request_complete_ ? since_request() : milliseconds(0);
    const milliseconds left = std::max(route_timeout_ - used, milliseconds(1));
    return per_try.count() > 0 ? std::min(per_try, left) : left;
}

void RouterFilter::on_retry_timer(void* self) {
    auto& router = *static_cast<RouterFilter*>(self);
    if (std::exchange(router.waiting_, false)) return router.start_attempt(std::exchange(router.retry_fresh_, false));
    router.end_try_in_time(router.cluster_->stats().upstream_rq_per_try_timeout, "upstream_per_try_timeout");
}

void RouterFilter::on_idle_try(void* self) {
    auto& router = *static_cast<RouterFilter*>(self);
    router.end_try_in_time(router.cluster_->stats().upstream_rq_per_try_idle_timeout, "upstream_per_try_idle_timeout");
}

void RouterFilter::end_try_in_time(const stats::Counter& counter, std::string_view details) {
    counter.add();
    endpoint_.numbers().rq_timeout.add();
    if (response_started_) return break_off(ResponseFlag::upstream_request_timeout, details);
    report(upstream::LocalOrigin::timeout);
    abandon_upstream();
    if (retry_failure(StreamReset::local, true)) return;
    leave_upstream();
    time_out(details);
}

// max_stream_duration of the cluster
void RouterFilter::on_long_try(void* self) {
    auto& router = *static_cast<RouterFilter*>(self);
    constexpr std::string_view kDetails = "upstream_max_stream_duration_reached";
    router.cluster_->stats().upstream_rq_max_duration_reached.add();
    if (router.response_started_) return router.break_off(ResponseFlag::upstream_max_stream_duration_reached, kDetails);
    router.abandon_upstream();
    if (router.retry_failure(StreamReset::local, true)) return;
    router.leave_upstream();
    router.stream_.info().set_flag(ResponseFlag::upstream_max_stream_duration_reached);
    router.reply(router.request_complete_ ? 504 : 408, "upstream max stream duration reached", kDetails);
}

// The client has a part of the response, and gets no more.
void RouterFilter::break_off(ResponseFlag flag, std::string_view details) {
    stream_.info().set_flag(flag);
    count_broken_response();
    stream_.info().response_code_details = details;
    stream_.reset(StreamReset::local);  // on_destroy() leaves the upstream
}

void RouterFilter::on_route_timeout(void* self) {
    auto& router = *static_cast<RouterFilter*>(self);
    // Between two attempts no upstream is to blame.
    if (router.cluster_ && !router.waiting_) router.cluster_->stats().upstream_rq_timeout.add();
    if (router.endpoint_ && !router.waiting_) router.endpoint_.numbers().rq_timeout.add();
    if (router.response_started_) return router.break_off(ResponseFlag::upstream_request_timeout, "response_timeout");
    if (!router.waiting_) router.report(upstream::LocalOrigin::timeout);
    router.abandon_upstream();
    router.leave_upstream();
    router.time_out("response_timeout");
}

void RouterFilter::time_out(std::string_view details) {
    stream_.info().set_flag(ResponseFlag::upstream_request_timeout);
    const uint16_t status = timeout_is_204_ ? 204 : 504;
    if (!waiting_) count_response(status);
    reply(status, timeout_is_204_ ? std::string_view() : "upstream request timeout", details);
}

}  // namespace heirloom::router
