// SPDX-License-Identifier: Apache-2.0
// HttpPool: one worker's connections of one kind (protocol, transport options) to one endpoint, and the requests that
// wait for them. HTTP/1: one request at a time per connection; the connection that became idle last is used first, so
// that the surplus reaches its idle timeout. HTTP/2: requests share a connection until its peer, or we, allow no more;
// then another one is made. Where the handshake chooses, the first connection tells how many are needed; until then
// one is made and the others wait for it. So do those that a connection cannot take before its peer has told how many
// it allows.
//
// A request that finds no room waits here while a new connection is made; a connection that ends a request meanwhile
// takes it over. A repetition waits for the new one: those that are there may end as the one did that it comes from.
#pragma once

#include <memory>

#include "proxy/upstream/connection_pool.h"
#include "proxy/upstream/intrusive_list.h"
#include "proxy/upstream/pool_context.h"
#include "proxy/upstream/pooled_connection.h"
#include "proxy/upstream/thread_pooled.h"
#include "proxy/upstream/transport.h"

namespace heirloom::upstream {

class EndpointPools;

enum class PoolProtocol : uint8_t { http1, http2, negotiated };

class HttpPool final : public network::Deferred {
  public:
    // `endpoint` owns it.
    HttpPool(EndpointPools& endpoint, PoolProtocol protocol, TransportOptions options);
    ~HttpPool() override;

    // `fresh`: a repetition, not for a connection that is there.
    Acquired acquire(http::ResponseDecoder& decoder, PoolCallbacks& callbacks, bool fresh);
    void close_idle();
    // Connections that are there take no new request.
    void drain();
    // True: there was one, and it was closed.
    bool close_one_idle();
    // The cluster ends: everything is closed, what waits fails.
    void shut_down();

    // How many requests a connection may take before its peer has told how many it allows: as many as the one before it
    // did, or a few. What it would refuse could not all be repeated.
    size_t blind_streams() const { return told_streams_ != 0 ? told_streams_ : kBlindStreams; }
    bool empty() const { return all_.empty() && waiting() == 0; }
    PoolProtocol protocol() const { return protocol_; }
    const TransportOptions& options() const { return options_; }
    EndpointPools& endpoint_pools() { return endpoint_; }

  private:
    friend class PooledConnection;
    class PendingRequest final : public PoolTicket, public ThreadPooled<PendingRequest> {
      public:
        PendingRequest(HttpPool& in, http::ResponseDecoder& to, PoolCallbacks& notified, bool repeated)
            : pool(in), decoder(to), callbacks(notified), fresh(repeated) {}
        void cancel() override;
        HttpPool& pool;
        http::ResponseDecoder& decoder;
        PoolCallbacks& callbacks;
        const bool fresh;
        ListHook<PendingRequest> hook;
    };
    using PendingList = IntrusiveList<PendingRequest, &PendingRequest::hook>;

    // From the connections.
    void on_connected(PooledConnection& connection);
    void on_connection_available(PooledConnection& connection);
    void on_settings(PooledConnection& connection);
    void on_room_changed(PooledConnection& connection, bool made_now);
    void on_connection_drains(PooledConnection& connection);
    void on_connection_closed(PooledConnection& connection, bool was_connecting, network::CloseReason reason);

    size_t waiting() const { return pending_.size() + repeated_.size(); }
    PendingList& list_of(const PendingRequest& request) { return request.fresh ? repeated_ : pending_; }
    // No connection is being made.
    bool none_comes() const { return connecting_ == 0 && settling_ == 0; }
    // Who is next on a connection; null: nobody. `made_now`: it has just been made.
    PendingRequest* next_pending(bool made_now) const;
    void connect_for_pending();
    void expect_streams(size_t at_once);
    size_t expected_requests() const;
    void serve_or_keep(PooledConnection& connection, bool made_now);
    void set_available(PooledConnection& connection, bool wanted);
    void set_settling(PooledConnection& connection, bool wanted);
    bool has_available() const;
    // REQUIRES: has_available().
    Acquired take_available(http::ResponseDecoder& decoder);
    Acquired attach(PooledConnection& connection, http::ResponseDecoder& decoder);
    void take_off(PendingRequest& request);
    void fail_pending(http::StreamReset reason, std::string_view transport_failure);

    EndpointPools& endpoint_;
    const PoolProtocol protocol_;
    const TransportOptions options_;
    IntrusiveList<PooledConnection, &PooledConnection::pool_hook> all_;
    IntrusiveList<PooledConnection, &PooledConnection::available_hook> available_;  // last used first
    PendingList pending_;
    PendingList repeated_;  // fresh
    uint32_t connecting_ = 0;
    uint32_t settling_ = 0;
    static constexpr size_t kBlindStreams = 4;
    size_t told_streams_ = 0;            // by the last peer; 0: none has yet
    size_t streams_per_connection_ = 0;  // that a new connection is expected to take; 0: nobody knows yet
};

}  // namespace heirloom::upstream
