// SPDX-License-Identifier: Apache-2.0
// ListenerFilters: looks into connections that were just accepted, before a filter chain is chosen: the PROXY header in
// front of everything (consumed), then whether TLS follows, for which server and protocols (left to be read again). For
// one listener on one worker; worker's thread.
//
// Reads no more than the filters need: at most a PROXY header and kMostHelloBytes are kept of a connection, nothing of
// one that is silent. Each ends, at the latest after listener_filters_timeout: handed over, or closed and counted. A
// connection that is looked into belongs to this generation: when the listener stops it goes on.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "proxy/config/snapshot.h"
#include "proxy/listener/inspection.h"
#include "proxy/listener/listener_stats.h"
#include "proxy/listener/refusal_log.h"
#include "proxy/upstream/intrusive_list.h"

namespace heirloom::listener {

// What the filters found; for the call. `accepted` has the PROXY header's addresses, the server name, and the bytes
// that were read.
struct Inspected {
    network::AcceptedConnection accepted;
    bool tls = false;
    const std::vector<std::string>& application_protocols;  // offered by ALPN
    std::chrono::steady_clock::time_point start;
};

class ListenerFilters {
  public:
    using Sink = std::function<void(Inspected)>;

    // `config` and `refusals` outlive this. `sink` takes each connection that is not closed here.
    ListenerFilters(network::EventLoop& loop, const config::ListenerConfig& config, const ListenerStats& stats,
                    const ListenerFilterStats& filter_stats, RefusalLog& refusals, Sink sink);
    ~ListenerFilters();  // close_now()
    ListenerFilters(const ListenerFilters&) = delete;
    ListenerFilters& operator=(const ListenerFilters&) = delete;

    static bool wanted(const config::ListenerConfig& config) { return config.tls_inspector || config.proxy_protocol; }

    // What has arrived already is looked at before this returns.
    void inspect(network::AcceptedConnection accepted);
    size_t size() const { return inspections_.size(); }
    // Called when one begins (+1) and, after it was handed over, ends (-1).
    void on_change(std::function<void(int)> callback) { on_change_ = std::move(callback); }
    // Closes those that sent nothing yet.
    void close_silent();
    void close_now();

  private:
    friend class Inspection;
    void remove(Inspection& one);

    network::EventLoop& loop_;
    const config::ListenerConfig& config_;
    const ListenerStats stats_;
    const ListenerFilterStats filter_stats_;
    RefusalLog& refusals_;
    const Sink sink_;
    std::function<void(int)> on_change_;
    upstream::IntrusiveList<Inspection, &Inspection::hook> inspections_;
};

}  // namespace heirloom::listener
