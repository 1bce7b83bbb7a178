// SPDX-License-Identifier: Apache-2.0
// EndpointPools: one worker's connections to one endpoint: its HTTP pools, by protocol and transport options, and its
// raw connections. Most endpoints have exactly one pool; a pool of its own kind (SNI or PROXY header of the request) is
// gone when it is empty.
//
// When the endpoint leaves the cluster, what is idle is closed, the rest finishes, and on_endpoint_finished() tells
// when nothing is left.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <unordered_map>

#include "proxy/upstream/connection_pool.h"
#include "proxy/upstream/endpoint.h"
#include "proxy/upstream/http_pool.h"
#include "proxy/upstream/intrusive_list.h"
#include "proxy/upstream/pool_context.h"
#include "proxy/upstream/tcp_connection.h"

namespace heirloom::upstream {

class EndpointPools;

class PoolOwner {
  public:
    virtual ~PoolOwner() = default;
    // A removed endpoint holds nothing any more; the owner hands it to destroy_later().
    virtual void on_endpoint_finished(EndpointPools& pools) = 0;
};

class EndpointPools final : public EndpointUse, public network::Deferred {
  public:
    EndpointPools(PoolContext& context, PoolOwner& owner, std::shared_ptr<const Endpoint> endpoint);
    ~EndpointPools() override;

    Acquired acquire(http::ResponseDecoder& decoder, PoolCallbacks& callbacks, const StreamNeeds& needs);
    TcpAcquired connect_tcp(EndpointLease lease, TcpCallbacks& callbacks, const StreamNeeds& needs);
    void close_idle();
    // The endpoint has failed: its connections end with the requests that are on them; new ones may be made.
    void drain();
    // The endpoint left the cluster.
    void remove();
    // The same endpoint, maybe at another address: for connections from now on.
    void move_to(const std::shared_ptr<const Endpoint>& endpoint) { move_endpoint(endpoint); }
    // The cluster ends: everything is closed, what waits fails. The object then lives until its last lease is returned.
    static void shut_down(std::unique_ptr<EndpointPools> pools);

    // For pools and connections.
    PoolContext& context() { return *context_; }  // not after shut_down()
    bool removed() const { return removed_; }
    void on_connection_made() { ++connections_; }
    void on_connection_gone() { --connections_; }
    void count_pending();
    void uncount_pending();
    // It may have become empty.
    void on_pool_smaller(HttpPool& pool);
    void report_if_finished();
    // Makes room for a connection of `wanting` by closing one that idles in another pool.
    bool close_one_idle(const HttpPool& wanting);
    void on_tcp_made(TcpConnection& connection) { tcp_.push_back(connection); }
    void on_tcp_gone(TcpConnection& connection);

  private:
    template <class Do>
    void each_pool(Do&& work);
    HttpPool& plain_pool(PoolProtocol protocol);
    Acquired acquire_special(PoolProtocol protocol, http::ResponseDecoder& decoder, PoolCallbacks& callbacks,
                             const StreamNeeds& needs);
    PoolProtocol protocol_for(http::Protocol downstream) const;
    void on_last_lease_returned() override;

    PoolContext* context_;  // null after shut_down()
    PoolOwner* owner_;
    std::array<std::unique_ptr<HttpPool>, 3> plain_;                      // by PoolProtocol
    std::unordered_map<std::string, std::unique_ptr<HttpPool>> special_;  // by key_of()
    IntrusiveList<TcpConnection, &TcpConnection::hook> tcp_;
    TransportOptions options_;  // scratch, keeps its memory
    std::string key_;           // likewise
    size_t connections_ = 0;
    size_t pending_ = 0;
    const bool has_options_;
    bool removed_ = false;
    bool reported_ = false;
};

}  // namespace heirloom::upstream
