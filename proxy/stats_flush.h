// SPDX-License-Identifier: Apache-2.0
// StatsFlush: the sinks of the configuration, the timers that tell them, and the logs of single values. Main thread.
// Without sinks there is none.
#pragma once

#include <memory>
#include <vector>

#include "proxy/config/stats_config.h"
#include "proxy/network/event_loop.h"
#include "proxy/stats/flusher.h"
#include "proxy/upstream/cluster_manager.h"

namespace heirloom::server {

class StatsFlush {
  public:
    struct Setting {
        network::EventLoop& loop;
        stats::Registrar& registrar;
        upstream::ClusterManager& clusters;
        std::shared_ptr<const config::StatsConfig> config;
        std::chrono::milliseconds interval;
        uint32_t generation_slot;
        uint32_t workers;
    };
    // REQUIRES: every other name is registered. The main thread's histograms leave their values here from now on.
    explicit StatsFlush(Setting setting);
    ~StatsFlush();

    // Where the histograms of a worker leave each value; the last one is the main thread's.
    stats::ValueLog* values_of(uint32_t index) { return values_[index].get(); }
    // This generation is live.
    void begin();
    void flush();
    // It drains or ends: what there is is told. Values of histograms are told on.
    void end();

  private:
    static void on_interval(void* self);
    static void on_values(void* self);
    std::unique_ptr<stats::LineWriter> make_writer(const config::StatsSinkConfig& sink);

    const Setting setting_;
    stats::Counter lines_dropped_;
    std::vector<std::unique_ptr<stats::ValueLog>> values_;
    std::vector<uint64_t> values_dropped_;                // counted already
    std::unique_ptr<upstream::WorkerClusters> clusters_;  // the main thread's, for sinks behind a cluster
    std::unique_ptr<stats::Flusher> flusher_;
    network::Timer interval_timer_{&StatsFlush::on_interval, this};
    network::Timer values_timer_{&StatsFlush::on_values, this};
    bool live_ = false;
};

}  // namespace heirloom::server
