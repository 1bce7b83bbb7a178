// SPDX-License-Identifier: Apache-2.0
#include "proxy/connection_manager/connection_set.h"

#include "proxy/connection_manager/local_reply_mapper.h"
#include "proxy/runtime/table.h"

namespace heirloom::connection_manager {
namespace {

constexpr size_t kFreeStreams = 256;  // what a burst leaves behind is given back

}  // namespace

ConnectionSet::ConnectionSet(ConnectionManagerConfig config) : config_(std::move(config)) {
    const config::HttpConnectionManagerConfig& http = *config_.http;
    http1_settings_.max_headers_bytes = http.max_request_headers_kb * 1024;
    http1_settings_.max_headers_count = http.max_headers_count;
    http1_settings_.enable_trailers = http.enable_trailers;
    http1_settings_.proper_case_names = http.proper_case_names;
    http1_settings_.preserve_case = http.preserve_case.on;
    http1_settings_.capitalize_added = http.preserve_case.capitalize_added;
    http1_settings_.accept_http10 = http.accept_http10;
    http1_settings_.default_host_for_http10 = http.default_host_for_http10;
    http1_settings_.allow_absolute_url = http.allow_absolute_url;
    const config::Http2Config& http2 = http.http2;
    http2_settings_.max_headers_bytes = http.max_request_headers_kb * 1024;
    http2_settings_.max_headers_count = http.max_headers_count;
    http2_settings_.max_concurrent_streams = http2.max_concurrent_streams;
    http2_settings_.initial_stream_window_size = http2.initial_stream_window_size;
    http2_settings_.initial_connection_window_size = http2.initial_connection_window_size;
    http2_settings_.hpack_table_size = http2.hpack_table_size;
    http2_settings_.allow_connect = http2.allow_connect;
    http2_settings_.stream_buffer_bytes = std::min(http2_settings_.stream_buffer_bytes, config_.buffer_limit_bytes);
    http2_settings_.max_outbound_frames = http2.max_outbound_frames;
    http2_settings_.max_outbound_control_frames = http2.max_outbound_control_frames;
    http2_settings_.max_consecutive_inbound_frames_with_empty_payload =
        http2.max_consecutive_inbound_frames_with_empty_payload;
    http2_settings_.max_inbound_priority_frames_per_stream = http2.max_inbound_priority_frames_per_stream;
    http2_settings_.max_inbound_window_update_frames_per_data_frame_sent =
        http2.max_inbound_window_update_frames_per_data_frame_sent;
    // No idle interval: a client that begins a stream is there.
    http2_settings_.keepalive = {.interval = http2.keepalive_interval,
                                 .timeout = http2.keepalive_timeout,
                                 .jitter_percent = http2.keepalive_jitter_percent};
    listens_on_any_ = config_.listen_address.is_any();
    wants_peer_ = http.use_remote_address || !config_.access_log.empty() || config_.listener_log || http.local_reply;
    if (http.local_reply) local_replies_ = std::make_unique<LocalReplyMapper>(config_.loop, http.local_reply);
}

const http::Http2Settings& ConnectionSet::http2_settings() {
    static const auto count = config::RuntimeKey::of("overload.premature_reset_total_stream_count");
    static const auto lifetime = config::RuntimeKey::of("overload.premature_reset_min_stream_lifetime_seconds");
    static const http::Http2Settings usual;
    http2_settings_.premature_reset_total_stream_count =
        runtime::integer32(count, usual.premature_reset_total_stream_count);
    http2_settings_.premature_reset_min_stream_lifetime = std::chrono::seconds(
        runtime::integer32(lifetime, static_cast<uint32_t>(usual.premature_reset_min_stream_lifetime.count())));
    return http2_settings_;
}

ConnectionSet::~ConnectionSet() {
    close_now();
    put_streams_away();
}

void ConnectionSet::accept(network::AcceptedConnection accepted) {
    auto connection = std::make_unique<ConnectionManager>(*this, std::move(accepted), wants_peer_);
    if (!connection->start()) return;
    ConnectionManager& one = *connection.release();  // owned by the list until remove()
    connections_.push_back(one);
    if (on_change_) on_change_(1);
    if (drain_announced_) one.announce_drain();
    if (close_announced_) one.announce_close();
}

void ConnectionSet::remove(ConnectionManager& connection) {
    connections_.remove(connection);
    connection.count_no_longer();
    config_.loop.destroy_later(std::unique_ptr<network::Deferred>(&connection));
    if (on_change_) on_change_(-1);
}

void ConnectionSet::log(ConnectionManager& connection, http::StreamInfo& info,
                        std::chrono::steady_clock::time_point start) {
    info.start = start;
    info.end = config_.loop.now();
    info.start_wall = config_.loop.wall_now() - (*info.end - start);
    info.connection_id = connection.connection().id();
    info.downstream_direct_remote = connection.peer_address();
    info.downstream_local = connection.local_address();
    if (connection.proxied()) info.downstream_remote = connection.client_address()->to_string();
    info.downstream_tls = connection.connection().tls();
    info.requested_server_name = connection.server_name();
    info.filter_chain_name = config_.filter_chain_name;
    const http::HeaderMap none;
    config_.listener_log->log({info, none, nullptr, nullptr, config::LogType::not_set});
}

void ConnectionSet::announce_drain() {
    drain_announced_ = true;
    for (auto* one = connections_.front(); one; one = connections_.next(*one)) one->announce_drain();
}

void ConnectionSet::announce_close() {
    close_announced_ = true;
    for (auto* one = connections_.front(); one; one = connections_.next(*one)) one->announce_close();
}

void ConnectionSet::close_idle() {
    for (auto* one = connections_.front(); one;) {
        auto* const next = connections_.next(*one);
        one->close_idle();
        one = next;
    }
}

void ConnectionSet::cut() {
    for (auto* one = connections_.front(); one;) {
        auto* const next = connections_.next(*one);
        one->cut();
        one = next;
    }
}

void ConnectionSet::close_now() {
    while (ConnectionManager* one = connections_.front()) one->close_now();
}

Stream& ConnectionSet::acquire_stream() {
    if (free_.empty()) return *new Stream();
    Stream& stream = *free_.back().release();
    free_.pop_back();
    return stream;
}

void ConnectionSet::release_stream(Stream& stream) {
    if (over_.empty()) {
        config_.loop.run_later([this] { put_streams_away(); });
    }
    over_.push_back(&stream);
}

void ConnectionSet::put_streams_away() {
    for (size_t i = 0; i < over_.size(); ++i) {  // a handler's end may end another stream
        std::unique_ptr<Stream> stream(over_[i]);
        stream->put_away();
        if (free_.size() < kFreeStreams) free_.push_back(std::move(stream));
    }
    over_.clear();
}

}  // namespace heirloom::connection_manager
