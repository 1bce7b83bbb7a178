// SPDX-License-Identifier: Apache-2.0
#include "proxy/stats_flush.h"

#include "proxy/statsd_connection.h"

namespace heirloom::server {

using std::chrono::milliseconds;

namespace {

constexpr milliseconds kValuesInterval{50};
constexpr milliseconds kTakeOverPause{50};  // until an older generation that still tells is asked again
constexpr size_t kValues = 1u << 15;        // of a thread in that time; more are dropped

}  // namespace

StatsFlush::StatsFlush(Setting setting)
    : setting_(std::move(setting)), lines_dropped_(setting_.registrar.counter("stats_sinks.lines_dropped")) {
    for (uint32_t i = 0; i <= setting_.workers; ++i) values_.push_back(std::make_unique<stats::ValueLog>(kValues));
    values_dropped_.resize(values_.size());
    std::vector<stats::Sink> sinks;
    for (const config::StatsSinkConfig& sink : setting_.config->sinks) {
        sinks.push_back({sink.prefix, sink.form == config::StatsSinkConfig::Form::dog_statsd, make_writer(sink)});
    }
    flusher_ = std::make_unique<stats::Flusher>(setting_.registrar, setting_.generation_slot, setting_.config->rules,
                                                std::move(sinks));
    flusher_->prepare();
    stats::set_thread_log(values_of(setting_.workers));
    values_timer_.arm(setting_.loop.timers(), kValuesInterval);
}

StatsFlush::~StatsFlush() { stats::set_thread_log(nullptr); }

std::unique_ptr<stats::LineWriter> StatsFlush::make_writer(const config::StatsSinkConfig& sink) {
    if (sink.address) return stats::make_datagram_writer(*sink.address, sink.max_bytes_per_datagram, lines_dropped_);
    if (!clusters_) clusters_ = setting_.clusters.make_worker(setting_.loop, setting_.workers);
    return std::make_unique<StatsdConnection>(setting_.loop, *clusters_, sink.tcp_cluster, setting_.registrar,
                                              lines_dropped_);
}

void StatsFlush::begin() {
    live_ = true;
    flusher_->begin();
    if (!setting_.config->flush_on_admin) interval_timer_.arm(setting_.loop.timers(), setting_.interval);
}

void StatsFlush::flush() {
    if (live_) flusher_->flush();
}

void StatsFlush::end() {
    live_ = false;
    interval_timer_.cancel();
    on_values(this);
    flusher_->end();
}

void StatsFlush::on_interval(void* self) {
    auto& flush = *static_cast<StatsFlush*>(self);
    const bool told = flush.flusher_->flush();
    flush.interval_timer_.arm(flush.setting_.loop.timers(),
                              told ? flush.setting_.interval : std::min(flush.setting_.interval, kTakeOverPause));
}

void StatsFlush::on_values(void* self) {
    auto& flush = *static_cast<StatsFlush*>(self);
    for (size_t i = 0; i < flush.values_.size(); ++i) {
        flush.flusher_->tell_values(*flush.values_[i]);
        const uint64_t dropped = flush.values_[i]->dropped();
        flush.lines_dropped_.add(dropped - std::exchange(flush.values_dropped_[i], dropped));
    }
    flush.values_timer_.arm(flush.setting_.loop.timers(), kValuesInterval);
}

}  // namespace heirloom::server
