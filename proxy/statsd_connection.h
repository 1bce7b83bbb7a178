// SPDX-License-Identifier: Apache-2.0
// StatsdConnection: lines over TCP to an endpoint of a cluster, under its circuit breakers and with its TLS, on the
// main thread. The connection is made at the first line and again after it broke; what was on its way is lost then, and
// what cannot be taken is dropped and counted: `stats_sinks.lines_dropped`, `statsd.cx_overflow`.
#pragma once

#include <string>

#include "proxy/network/event_loop.h"
#include "proxy/stats/line_writer.h"
#include "proxy/upstream/cluster_manager.h"

namespace heirloom::server {

class StatsdConnection final : public stats::LineWriter, private upstream::TcpCallbacks {
  public:
    // `clusters` is of the thread of `loop`.
    StatsdConnection(network::EventLoop& loop, upstream::WorkerClusters& clusters, std::string cluster,
                     stats::Registrar& registrar, stats::Counter dropped);
    ~StatsdConnection() override;

    void write(std::string_view line) override;
    void flush() override;
    bool would_send(size_t bytes) const override;

  private:
    bool connect();
    void drop();
    size_t unsent() const;
    void on_connected() override;
    void on_tcp_failure(http::StreamReset reason, std::string_view transport_failure) override;
    void on_data() override;
    void on_end_of_stream() override;
    void on_closed(network::CloseReason reason) override;

    network::EventLoop& loop_;
    upstream::WorkerClusters& clusters_;
    const std::string cluster_;
    const stats::Counter overflow_, dropped_;
    std::unique_ptr<upstream::TcpUpstream> upstream_;  // null: none, not even on its way
    bool connected_ = false;
    std::chrono::steady_clock::time_point retry_at_{};
    std::string kept_;      // lines that are not flushed, or wait for the connection
    uint64_t lines_ = 0;    // in `kept_`
    size_t unflushed_ = 0;  // bytes at the end of `kept_` that are not flushed
};

}  // namespace heirloom::server
