// SPDX-License-Identifier: Apache-2.0
// TcpUpstream: one raw connection to an endpoint, for tunnels: under the cluster's circuit breakers, counted in its
// stats, with TLS and PROXY header as the cluster has them. Never shared, never re-used. Worker's thread.
//
//   WorkerCluster::connect_tcp() -> on_connected() | on_tcp_failure();  then bytes, then on_closed()
//
// The owner reads and writes by connection(), as with any network::Connection, and hands the object to
// EventLoop::destroy_later() after the last callback; earlier it calls close() first. It holds the endpoint's lease.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "proxy/http/codec.h"
#include "proxy/network/connection.h"

namespace heirloom::upstream {

// on_connected() comes when bytes may flow; on_closed() only after it.
class TcpCallbacks : public network::ConnectionCallbacks {
  public:
    // There will be no connection: connection_failed (`transport_failure`: why), connection_timeout, overflow, or
    // connection_terminated (the cluster is gone). Last callback.
    virtual void on_tcp_failure(http::StreamReset reason, std::string_view transport_failure) = 0;
};

class TcpUpstream : public network::Deferred {
  public:
    virtual network::Connection& connection() = 0;
    // At any time; no callback follows, not even on_closed().
    virtual void close() = 0;
    // What was sent and received until now becomes part of the cluster's numbers: it may last for days. What arrives or
    // drains is counted before its callback.
    virtual void count_bytes() = 0;
};

// Exactly one of the two.
struct TcpAcquired {
    std::unique_ptr<TcpUpstream> upstream;
    std::optional<http::StreamReset> failure;  // overflow: max_connections, max_pending_requests or max_requests
};

}  // namespace heirloom::upstream
