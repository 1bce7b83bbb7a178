// SPDX-License-Identifier: Apache-2.0
#include "proxy/connection_manager/connection_manager.h"

#include <algorithm>

#include "proxy/connection_manager/connection_set.h"
#include "proxy/connection_manager/local_reply.h"

namespace heirloom::connection_manager {

using std::chrono::milliseconds;

ConnectionManager::ConnectionManager(ConnectionSet& set, network::AcceptedConnection accepted, bool keep_peer)
    : set_(set),
      connection_(set.config().loop, std::move(accepted.fd), *this),
      codec_(http::make_http1_server(connection_, *this, set.codec_settings())) {
    if (keep_peer) connection_.set_remote_address(shm::from_sockaddr(accepted.peer, accepted.peer_length));
    connection_.set_high_watermark(set.config().buffer_limit_bytes);
    if (accepted.client) {
        const shm::SocketAddress target = accepted.client_target ? *accepted.client_target : shm::SocketAddress{};
        proxied_ = std::make_unique<const Proxied>(Proxied{*accepted.client, target});
    }
    if (accepted.transport) {
        connection_.set_transport_socket(std::move(accepted.transport));
        connection_.set_handshake_timeout(accepted.handshake_timeout);
    }
    if (!accepted.unread.empty()) connection_.prepend_input(std::move(accepted.unread));
}

const ConnectionManagerConfig& ConnectionManager::config() const { return set_.config(); }

bool ConnectionManager::start() {
    if (!connection_.start()) return false;
    const ConnectionManagerStats& stats = config().stats;
    stats.http.downstream_cx_total.add();
    stats.http.downstream_cx_http1_total.add();
    stats.http.downstream_cx_active.add();
    stats.http.downstream_cx_http1_active.add();
    stats.listener.downstream_cx_total.add();
    stats.listener.downstream_cx_active.add();
    stats.worker.downstream_cx_total.add();
    stats.worker.downstream_cx_active.add();
    stats.total_connections.add();
    start_ = config().loop.now();
    wait_for_next_request();
    if (const milliseconds limit = config().http->max_connection_duration; limit.count() > 0) {
        duration_timer_ = std::make_unique<network::Timer>(&ConnectionManager::on_max_duration, this);
        duration_timer_->arm(config().loop.timers(), limit);
    }
    return true;
}

const shm::SocketAddress* ConnectionManager::local_address() {
    if (proxied_ && proxied_->target.length != 0) return &proxied_->target;
    // Asking the kernel is needed only where the listener's address says too little.
    return set_.listens_on_any() ? &connection_.local_address() : &config().listen_address;
}

// --- requests --------------------------------------------------------------------------------------------------------

http::RequestDecoder& ConnectionManager::on_new_stream(http::ResponseEncoder& encoder) {
    ++requests_;
    stream_ = &set_.acquire_stream();
    stream_->begin(*this, &encoder);
    return *stream_;
}

bool ConnectionManager::decide_close(bool request_complete) {
    const ConnectionManagerConfig& shared = config();
    if (!closing_ && shared.drain.may_close() && shared.drain.should_close(shared.loop.now(), shared.random.next())) {
        shared.stats.http.downstream_cx_drain_close.add();
        closing_ = true;
    }
    const uint32_t limit = shared.http->max_requests_per_connection;
    if (!closing_ && limit != 0 && requests_ >= limit) {
        shared.stats.http.downstream_cx_max_requests_reached.add();
        closing_ = true;
    }
    return closing_ || !request_complete;
}

void ConnectionManager::on_stream_complete(bool reusable) {
    if (Stream* stream = std::exchange(stream_, nullptr)) stream->complete();
    count_bytes();
    if (connection_.closing()) return;
    // With more bytes at hand the answer to what they begin will be the last one.
    if (!reusable || (closing_ && codec_->idle())) return close_after_response();
    wait_for_next_request();
    if (!connection_.read_buffer().empty()) codec_->dispatch();
}

void ConnectionManager::on_codec_error(const http::CodecError& error) {
    // Well-formed, says Envoy, so no protocol error; only nobody knows whom it is for.
    if (error.details == "missing_host_header") {
        if (stream_) stream_->send_local_reply(error.status, "", error.details, nullptr);
        return;
    }
    config().stats.http.downstream_cx_protocol_error.add();
    if (stream_) stream_->refuse(error.status, text_of_refusal(error.status), error.details);
}

void ConnectionManager::close_after_response() {
    stream_ = nullptr;
    connection_.close_after_flush(config().http->delayed_close_timeout);
}

// --- waiting ---------------------------------------------------------------------------------------------------------

void ConnectionManager::wait_for(Wait what, milliseconds delay) {
    waiting_for_ = what;
    if (delay.count() > 0) {
        timer_.arm(config().loop.timers(), delay);
    } else {
        timer_.cancel();
    }
}

void ConnectionManager::wait_for_next_request() {
    if (soft_draining_) {
        wait_for(Wait::soft_drain, config().http->drain_timeout);
    } else {
        wait_for(Wait::idle, config().http->idle_timeout);
    }
}

void ConnectionManager::on_data() {
    codec_->dispatch();
    if (stream_ || connection_.closing() || waiting_for_ == Wait::head || codec_->idle()) return;
    // A part of a head. Its clock runs from its first byte and is not moved by further ones.
    const config::HttpConnectionManagerConfig& http = *config().http;
    milliseconds limit{0};
    for (const milliseconds one : {http.request_headers_timeout, http.request_timeout, http.stream_idle_timeout}) {
        if (one.count() > 0 && (limit.count() == 0 || one < limit)) limit = one;
    }
    wait_for(Wait::head, limit);
}

void ConnectionManager::on_timer(void* self) {
    auto& connection = *static_cast<ConnectionManager*>(self);
    if (connection.stream_ || connection.connection_.closing()) return;
    switch (connection.waiting_for_) {
        case Wait::idle:
            connection.config().stats.http.downstream_cx_idle_timeout.add();
            return connection.begin_soft_drain();
        case Wait::soft_drain:
            return connection.close_after_response();
        case Wait::head:
            return connection.refuse_slow_head();
    }
}

void ConnectionManager::on_max_duration(void* self) {
    auto& connection = *static_cast<ConnectionManager*>(self);
    if (connection.connection_.closing()) return;
    connection.config().stats.http.downstream_cx_max_duration_reached.add();
    connection.begin_soft_drain();
}

// A client that was served may be sending its next request just now: that one is answered.
void ConnectionManager::begin_soft_drain() {
    if (requests_ == 0 && codec_->idle()) return close_after_response();
    closing_ = true;
    if (!std::exchange(soft_draining_, true)) config().stats.http.downstream_cx_http1_soft_drain.add();
    if (!stream_ && waiting_for_ != Wait::head) wait_for(Wait::soft_drain, config().http->drain_timeout);
    if (!stream_ && config().http->drain_timeout.count() == 0) close_after_response();
}

void ConnectionManager::refuse_slow_head() {
    const config::HttpConnectionManagerConfig& http = *config().http;
    const auto shortest = [&http](milliseconds one) {
        return one.count() > 0 && (http.request_headers_timeout.count() == 0 || one <= http.request_headers_timeout) &&
               (http.request_timeout.count() == 0 || one <= http.request_timeout);
    };
    Stream& stream = set_.acquire_stream();
    stream.begin(*this, nullptr);
    if (shortest(http.request_headers_timeout)) {
        config().stats.http.downstream_rq_header_timeout.add();
        stream.refuse_without_codec(408, "request header timeout", "request_header_timeout");
    } else if (shortest(http.request_timeout)) {
        config().stats.http.downstream_rq_timeout.add();
        stream.refuse_without_codec(408, "request timeout", "request_overall_timeout");
    } else {
        config().stats.http.downstream_rq_idle_timeout.add();
        stream.info().set_flag(http::ResponseFlag::stream_idle_timeout);
        stream.refuse_without_codec(408, "stream timeout", "stream_idle_timeout");
    }
    close_after_response();
}

void ConnectionManager::close_idle() {
    if (!stream_ && !connection_.closing() && codec_->idle()) close_after_response();
}

// --- connection ------------------------------------------------------------------------------------------------------

void ConnectionManager::on_end_of_stream() {
    if (codec_->on_end_of_stream()) return;
    // A client that has gone half way does not wait for answers, says Envoy; what was answered still goes out.
    if (!stream_ && connection_.pending_write_bytes() > 0) return close_after_response();
    connection_.close(network::CloseReason::remote);
}

void ConnectionManager::on_write_buffer_high() {
    codec_->on_write_buffer_high();
    if (stream_) stream_->on_write_buffer_high();
}

void ConnectionManager::on_write_buffer_low() {
    codec_->on_write_buffer_low();
    if (stream_) stream_->on_write_buffer_low();
}

void ConnectionManager::count_bytes() {
    const HttpStats& stats = config().stats.http;
    stats.downstream_cx_rx_bytes_total.add(connection_.bytes_received() - counted_received_);
    stats.downstream_cx_tx_bytes_total.add(connection_.bytes_sent() - counted_sent_);
    counted_received_ = connection_.bytes_received();
    counted_sent_ = connection_.bytes_sent();
}

void ConnectionManager::on_closed(network::CloseReason reason) {
    const bool remote = reason == network::CloseReason::remote || reason == network::CloseReason::reset;
    const ConnectionManagerStats& stats = config().stats;
    stats.http.downstream_cx_destroy.add();
    (remote ? stats.http.downstream_cx_destroy_remote : stats.http.downstream_cx_destroy_local).add();
    if (Stream* stream = std::exchange(stream_, nullptr)) {
        stats.http.downstream_cx_destroy_active_rq.add();
        (remote ? stats.http.downstream_cx_destroy_remote_active_rq : stats.http.downstream_cx_destroy_local_active_rq)
            .add();
        stream->disconnected(!remote);
    }
    codec_->on_connection_closed();
    count_bytes();
    const auto lived = std::chrono::duration_cast<milliseconds>(config().loop.now() - start_);
    stats.http.downstream_cx_length_ms.record(static_cast<uint64_t>(lived.count()));
    stats.http.downstream_cx_active.sub();
    stats.http.downstream_cx_http1_active.sub();
    if (soft_draining_) stats.http.downstream_cx_http1_soft_drain.sub();
    stats.listener.downstream_cx_destroy.add();
    stats.listener.downstream_cx_active.sub();
    stats.listener.downstream_cx_length_ms.record(static_cast<uint64_t>(lived.count()));
    stats.worker.downstream_cx_active.sub();
    stats.total_connections.sub();
    timer_.cancel();
    duration_timer_.reset();
    set_.remove(*this);
}

}  // namespace heirloom::connection_manager
