// SPDX-License-Identifier: Apache-2.0
// ConnectionSet: the connections of one filter chain on one worker, and the streams they use in turn. Belongs to the
// worker's thread; outlives its connections.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "proxy/connection_manager/connection_manager.h"
#include "proxy/network/connection_acceptor.h"

namespace heirloom::connection_manager {

class LocalReplyMapper;

class ConnectionSet final : public network::ConnectionAcceptor {
  public:
    explicit ConnectionSet(ConnectionManagerConfig config);
    // REQUIRES: the loop does not run any more, or close_now() was called and the iteration has ended.
    ~ConnectionSet() override;
    ConnectionSet(const ConnectionSet&) = delete;
    ConnectionSet& operator=(const ConnectionSet&) = delete;

    void accept(network::AcceptedConnection accepted) override;
    size_t size() const override { return connections_.size(); }
    void on_change(std::function<void(int)> callback) override { on_change_ = std::move(callback); }

    // See ConnectionManager for the order of a polite end. What was announced holds for connections that come later
    // too.
    void announce_drain() override;
    void announce_close() override;
    void close_idle() override;
    void cut() override;
    void close_now() override;

    // For connections and streams.
    const ConnectionManagerConfig& config() const { return config_; }
    const http::Http1Settings& http1_settings() const { return http1_settings_; }
    const http::Http2Settings& http2_settings();  // for a new connection
    // The listener's address is no address of this host: each connection has its own.
    bool listens_on_any() const { return listens_on_any_; }
    LocalReplyMapper* local_replies() const { return local_replies_.get(); }  // null: not configured
    Stream& acquire_stream();
    // The stream is over; it is re-used after this iteration.
    void release_stream(Stream& stream);
    void remove(ConnectionManager& connection);
    // The listener's record of a connection that has ended.
    // `info` has what the connection alone knows.
    void log(ConnectionManager& connection, http::StreamInfo& info, std::chrono::steady_clock::time_point start);

  private:
    void put_streams_away();

    ConnectionManagerConfig config_;
    http::Http1Settings http1_settings_;
    http::Http2Settings http2_settings_;
    bool wants_peer_;
    bool drain_announced_ = false;
    bool close_announced_ = false;
    bool listens_on_any_;
    upstream::IntrusiveList<ConnectionManager, &ConnectionManager::hook> connections_;
    std::function<void(int)> on_change_;
    std::vector<std::unique_ptr<Stream>> free_;
    std::vector<Stream*> over_;
    std::unique_ptr<LocalReplyMapper> local_replies_;
};

}  // namespace heirloom::connection_manager
