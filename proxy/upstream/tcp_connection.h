// SPDX-License-Identifier: Apache-2.0
// TcpConnection: a TcpUpstream on a connection to an endpoint. It counts as one request of the cluster from the moment
// it is connected, as in Envoy.
#pragma once

#include "proxy/upstream/endpoint.h"
#include "proxy/upstream/endpoint_connection.h"
#include "proxy/upstream/intrusive_list.h"
#include "proxy/upstream/tcp_upstream.h"

namespace heirloom::upstream {

class TcpConnection final : public TcpUpstream, public EndpointConnection {
  public:
    // Connects. It owns a unit each of connections, pending (the endpoint counted it) and requests.
    TcpConnection(EndpointPools& endpoint, EndpointLease lease, TcpCallbacks& callbacks,
                  const TransportOptions& options);
    ~TcpConnection() override;

    network::Connection& connection() override { return *connection_; }
    void close() override;
    void count_bytes() override { EndpointConnection::count_bytes(); }
    // The cluster ends: closes and tells.
    void end();

    ListHook<TcpConnection> hook;

  private:
    enum class State : uint8_t { connecting, connected, closed };
    void on_data() override;
    void on_end_of_stream() override { callbacks_->on_end_of_stream(); }
    void on_connected() override;
    void on_closed(network::CloseReason reason) override;
    void on_write_buffer_high() override;
    void on_write_buffer_low() override;
    void on_write_buffer_drained() override;

    EndpointLease lease_;
    TcpCallbacks* callbacks_;  // null: the owner closed it
    State state_ = State::connecting;
};

}  // namespace heirloom::upstream
