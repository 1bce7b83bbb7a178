// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/outlier_detector.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace heirloom::upstream {

using std::chrono::milliseconds;

namespace {

constexpr double kRounding = 1e-9;  // of a mean of percentages

}  // namespace

OutlierDetector::OutlierDetector(network::EventLoop& loop, const Cluster& cluster, ClusterHosts& hosts,
                                 const OutlierStats& stats)
    : loop_(loop),
      cluster_(cluster),
      config_(*cluster.config.outlier_detection),
      values_(config_),
      hosts_(hosts),
      stats_(stats),
      timer_(&on_interval, this) {
    timer_.arm(loop_.timers(), interval());
}

// An interval of 0 by the runtime would never let go of the thread.
milliseconds OutlierDetector::interval() const { return std::max(values_.interval(), milliseconds(1)); }

void OutlierDetector::follow() {
    auto old = std::exchange(hosts_known_, {});
    active_ = 0;
    for (const auto& endpoint : hosts_.hosts().endpoints) {
        const auto known = old.find(&endpoint->state());
        Host host = known == old.end() ? begin(endpoint) : std::move(known->second);
        host.endpoint = endpoint;
        if (host.ejected) ++active_;
        hosts_known_.emplace(&endpoint->state(), std::move(host));
    }
    show_active();
}

// One that was here before has numbers: what it did then counts for nothing now.
OutlierDetector::Host OutlierDetector::begin(const std::shared_ptr<const Endpoint>& endpoint) {
    const EndpointNumbers numbers = endpoint->numbers();
    Host host;
    host.endpoint = endpoint;
    host.total = numbers.outlier_total;
    host.success = numbers.outlier_success;
    return host;
}

void OutlierDetector::on_event(const Endpoint& endpoint, EndpointEvent event) {
    const auto found = hosts_known_.find(&endpoint.state());
    if (found == hosts_known_.end()) return;
    FailureStreaks& streaks = endpoint.streaks();
    switch (event) {
        case EndpointEvent::told_to_leave:
            return;
        case EndpointEvent::consecutive_5xx:
            detect(found->second, Reason::consecutive_5xx);
            streaks.responses_5xx.store(0, std::memory_order_relaxed);
            return;
        case EndpointEvent::consecutive_gateway_failure:
            detect(found->second, Reason::gateway_failure);
            streaks.gateway.store(0, std::memory_order_relaxed);
            return;
        case EndpointEvent::consecutive_local_origin_failure:
            detect(found->second, Reason::local_origin_failure);
            streaks.local_origin.store(0, std::memory_order_relaxed);
            return;
    }
}

void OutlierDetector::on_check_passed(const Endpoint& endpoint) {
    if (!config_.successful_active_health_check_uneject_host) return;
    const auto found = hosts_known_.find(&endpoint.state());
    if (found != hosts_known_.end() && found->second.ejected) uneject(found->second);
}

void OutlierDetector::hide() {
    hidden_ = true;
    stats_.ejections_active.set(0);
}

void OutlierDetector::detect(Host& host, Reason reason) {
    if (host.ejected) return;
    count(reason, false);
    const double percent = 100.0 * static_cast<double>(active_ + 1) / static_cast<double>(hosts_known_.size());
    const bool room = percent <= values_.max_ejection_percent() || (config_.always_eject_one_host && active_ == 0);
    if (!room) return stats_.ejections_overflow.add();
    if (reason == Reason::consecutive_5xx || reason == Reason::success_rate) stats_.ejections_total.add();
    if (random_.below(100) < enforcing(reason)) eject(host, reason);
}

void OutlierDetector::eject(Host& host, Reason reason) {
    count(reason, true);
    stats_.ejections_enforced_total.add();
    host.ejected = true;
    host.ejected_at = loop_.now();
    const auto most_jitter = static_cast<uint64_t>(values_.max_ejection_time_jitter().count());
    host.jitter = milliseconds(most_jitter == 0 ? 0 : static_cast<int64_t>(random_.below(most_jitter)));
    if (values_.base_ejection_time() * host.backoff < values_.max_ejection_time() + values_.base_ejection_time())
        ++host.backoff;
    ++active_;
    show_active();
    spdlog::info("cluster {}: endpoint {} is ejected as an outlier", cluster_.config.name,
                 host.endpoint->address().to_string());
    hosts_.change(*host.endpoint, health_flag::failed_outlier_check, 0);
}

void OutlierDetector::uneject(Host& host) {
    host.ejected = false;
    --active_;
    show_active();
    // A row that was almost long enough must not eject it again at its first failure.
    FailureStreaks& streaks = host.endpoint->streaks();
    for (auto* streak : {&streaks.responses_5xx, &streaks.gateway, &streaks.local_origin})
        streak->store(0, std::memory_order_relaxed);
    spdlog::info("cluster {}: endpoint {} is no longer ejected", cluster_.config.name,
                 host.endpoint->address().to_string());
    hosts_.change(*host.endpoint, 0, health_flag::failed_outlier_check);
}

void OutlierDetector::on_interval(void* self) {
    auto& detector = *static_cast<OutlierDetector*>(self);
    detector.judge_now();
    detector.timer_.arm(detector.loop_.timers(), detector.interval());
}

void OutlierDetector::judge_now() {
    end_ejections();
    judge_rates();
}

void OutlierDetector::end_ejections() {
    for (auto& [state, host] : hosts_known_) {
        if (!host.ejected) {
            if (host.backoff > 0) --host.backoff;
            continue;
        }
        const milliseconds time = std::min(values_.base_ejection_time() * host.backoff, values_.max_ejection_time());
        if (loop_.now() - host.ejected_at >= time + host.jitter) uneject(host);
    }
}

// Of those that had at least `volume` requests in the interval.
std::vector<OutlierDetector::Rate> OutlierDetector::rates_of(uint32_t volume) const {
    std::vector<Rate> rates;
    for (const auto& [state, host] : hosts_known_) {
        const EndpointNumbers now = host.endpoint->numbers();
        const uint64_t total = now.outlier_total - host.total;
        if (host.ejected || total == 0 || total < volume) continue;
        const auto success = static_cast<double>(now.outlier_success - host.success);
        rates.push_back({const_cast<Host*>(&host), 100.0 * success / static_cast<double>(total)});
    }
    return rates;
}

void OutlierDetector::judge_rates() {
    const std::vector<Rate> by_rate = rates_of(values_.success_rate_request_volume());
    if (by_rate.size() >= std::max(values_.success_rate_minimum_hosts(), 1u)) {
        const auto count = static_cast<double>(by_rate.size());
        double sum = 0, variance = 0;
        for (const Rate& rate : by_rate) sum += rate.percent;
        const double mean = sum / count;
        for (const Rate& rate : by_rate) variance += (rate.percent - mean) * (rate.percent - mean) / count;
        const double threshold = mean - std::sqrt(variance) * values_.success_rate_stdev_factor() / 1000.0;
        for (const Rate& rate : by_rate) {
            if (rate.percent < threshold - kRounding) detect(*rate.host, Reason::success_rate);
        }
    }
    const std::vector<Rate> by_failures = rates_of(values_.failure_percentage_request_volume());
    if (by_failures.size() >= std::max(values_.failure_percentage_minimum_hosts(), 1u)) {
        for (const Rate& rate : by_failures) {
            if (100.0 - rate.percent >= values_.failure_percentage_threshold())
                detect(*rate.host, Reason::failure_percentage);
        }
    }
    for (auto& [state, host] : hosts_known_) {
        const EndpointNumbers now = host.endpoint->numbers();
        host.total = now.outlier_total;
        host.success = now.outlier_success;
    }
}

uint32_t OutlierDetector::enforcing(Reason reason) const {
    switch (reason) {
        case Reason::consecutive_5xx:
            return values_.enforcing_consecutive_5xx();
        case Reason::gateway_failure:
            return values_.enforcing_consecutive_gateway_failure();
        case Reason::local_origin_failure:
            return values_.enforcing_consecutive_local_origin_failure();
        case Reason::success_rate:
            return values_.enforcing_success_rate();
        case Reason::failure_percentage:
            return values_.enforcing_failure_percentage();
    }
    return 0;
}

void OutlierDetector::count(Reason reason, bool enforced) const {
    switch (reason) {
        case Reason::consecutive_5xx:
            if (enforced) stats_.ejections_consecutive_5xx.add();
            (enforced ? stats_.ejections_enforced_consecutive_5xx : stats_.ejections_detected_consecutive_5xx).add();
            return;
        case Reason::gateway_failure:
            (enforced ? stats_.ejections_enforced_consecutive_gateway_failure
                      : stats_.ejections_detected_consecutive_gateway_failure)
                .add();
            return;
        case Reason::local_origin_failure:
            (enforced ? stats_.ejections_enforced_consecutive_local_origin_failure
                      : stats_.ejections_detected_consecutive_local_origin_failure)
                .add();
            return;
        case Reason::success_rate:
            if (enforced) stats_.ejections_success_rate.add();
            (enforced ? stats_.ejections_enforced_success_rate : stats_.ejections_detected_success_rate).add();
            return;
        case Reason::failure_percentage:
            (enforced ? stats_.ejections_enforced_failure_percentage : stats_.ejections_detected_failure_percentage)
                .add();
            return;
    }
}

void OutlierDetector::show_active() const {
    if (!hidden_) stats_.ejections_active.set(active_);
}

}  // namespace heirloom::upstream
