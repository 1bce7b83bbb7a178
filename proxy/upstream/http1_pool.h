// SPDX-License-Identifier: Apache-2.0
// Http1Pool: one worker's HTTP/1.1 connections to one endpoint. One request at a time per connection; the connection
// that became idle last is used first, so that the surplus reaches its idle timeout. A request that finds none waits
// here while a new connection is made; a connection that ends its request meanwhile takes it over.
//
// A removed endpoint's pool closes what is idle, lets the rest finish and reports on_pool_finished() when nothing is
// left.
#pragma once

#include <memory>

#include "proxy/config/snapshot.h"
#include "proxy/network/event_loop.h"
#include "proxy/upstream/circuit_breaker.h"
#include "proxy/upstream/cluster_stats.h"
#include "proxy/upstream/connection_pool.h"
#include "proxy/upstream/endpoint.h"
#include "proxy/upstream/intrusive_list.h"
#include "proxy/upstream/pooled_connection.h"
#include "proxy/upstream/thread_pooled.h"

namespace heirloom::upstream {

class Http1Pool;

// What the pools of one cluster on one worker have in common.
struct PoolContext {
    network::EventLoop& loop;
    const config::ClusterConfig& config;
    const ClusterStats& stats;
    WorkerLimit connections;
    WorkerLimit pending;
    WorkerLimit requests;
};

class PoolOwner {
  public:
    virtual ~PoolOwner() = default;
    // A removed pool holds nothing any more; the owner hands it to destroy_later().
    virtual void on_pool_finished(Http1Pool& pool) = 0;
};

class Http1Pool final : public EndpointUse, public network::Deferred {
  public:
    Http1Pool(PoolContext& context, PoolOwner& owner, std::shared_ptr<const Endpoint> endpoint);
    ~Http1Pool() override;

    Acquired acquire(http::ResponseDecoder& decoder, PoolCallbacks& callbacks, bool fresh);
    void close_idle();
    // The endpoint left the cluster.
    void remove();
    // The cluster ends: everything is closed, what waits fails. The pool then lives until its last lease is returned.
    static void shut_down(std::unique_ptr<Http1Pool> pool);

    size_t idle_connections() const { return idle_.size(); }
    size_t connections() const { return all_.size(); }
    size_t pending_requests() const { return pending_.size(); }

  private:
    friend class PooledConnection;
    class PendingRequest final : public PoolTicket, public ThreadPooled<PendingRequest> {
      public:
        PendingRequest(Http1Pool& in, http::ResponseDecoder& to, PoolCallbacks& notified)
            : pool(in), decoder(to), callbacks(notified) {}
        void cancel() override;
        Http1Pool& pool;
        http::ResponseDecoder& decoder;
        PoolCallbacks& callbacks;
        ListHook<PendingRequest> hook;
    };
    using PendingList = IntrusiveList<PendingRequest, &PendingRequest::hook>;

    // From the connections.
    void on_connected(PooledConnection& connection);
    void on_connection_available(PooledConnection& connection);
    void on_connection_closed(PooledConnection& connection, bool was_connecting, network::CloseReason reason);

    void connect_for_pending();
    void serve_or_keep(PooledConnection& connection);
    Acquired attach(PooledConnection& connection, http::ResponseDecoder& decoder);
    void take_off(PendingRequest& request);
    void fail_pending(http::StreamReset reason, std::string_view transport_failure);
    void on_last_lease_returned() override;
    void report_if_finished();

    PoolContext* context_;  // null after shut_down()
    PoolOwner* owner_;
    IntrusiveList<PooledConnection, &PooledConnection::pool_hook> all_;
    IntrusiveList<PooledConnection, &PooledConnection::idle_hook> idle_;  // last used first
    PendingList pending_;
    uint32_t connecting_ = 0;
    bool removed_ = false;
    bool reported_ = false;
};

}  // namespace heirloom::upstream
