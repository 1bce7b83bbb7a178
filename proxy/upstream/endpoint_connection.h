// SPDX-License-Identifier: Apache-2.0
// EndpointConnection: what every connection to an endpoint has, whatever runs over it: its transport, its unit of
// max_connections and its numbers (`upstream_cx_*`, /clusters).
#pragma once

#include <chrono>
#include <memory>
#include <span>
#include <string>

#include "proxy/network/connection.h"
#include "proxy/upstream/pool_context.h"
#include "proxy/upstream/transport.h"

namespace heirloom::upstream {

class EndpointPools;

class EndpointConnection : protected network::ConnectionCallbacks {
  public:
    int socket_error() const { return connection_->socket_error(); }  // errno

  protected:
    // `counted`: it took a unit of the cluster's connection limit and gives it back.
    EndpointConnection(EndpointPools& endpoint, bool counted);
    ~EndpointConnection() override;

    // The outcome comes later: on_connected() or on_closed().
    void start_connecting(const TransportOptions& options, std::span<const std::string> alpn);
    void count_connected();
    // Once, first thing in on_closed(). `requests`: served until now.
    void count_closed(network::CloseReason reason, bool was_connecting, bool busy, uint64_t requests);
    void count_bytes();
    void count_request_begin();
    void count_request_end();
    // Why there is no connection, as the log has it; "" for a timeout.
    std::string connect_failure(network::CloseReason reason) const;
    const shm::SocketAddress* connected_to() const { return connected_to_; }

    EndpointPools& endpoint_;
    std::unique_ptr<network::Connection> connection_;

  private:
    std::chrono::steady_clock::time_point started_;
    const shm::SocketAddress* connected_to_ = nullptr;
    uint64_t counted_received_ = 0;  // already in the stats
    uint64_t counted_sent_ = 0;
    bool counted_;
};

inline http::StreamReset connect_reset(network::CloseReason reason) {
    return reason == network::CloseReason::connect_timeout ? http::StreamReset::connection_timeout
                                                           : http::StreamReset::connection_failed;
}

}  // namespace heirloom::upstream
