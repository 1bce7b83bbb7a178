// SPDX-License-Identifier: Apache-2.0
#include "proxy/connection_manager/connection_manager.h"

#include <algorithm>

#include "proxy/connection_manager/client_certificate.h"
#include "proxy/connection_manager/connection_set.h"
#include "proxy/connection_manager/local_reply.h"

namespace heirloom::connection_manager {

using std::chrono::milliseconds;

ConnectionManager::ConnectionManager(ConnectionSet& set, network::AcceptedConnection accepted, bool keep_peer)
    : set_(set),
      ticket_(std::move(accepted.ticket)),
      connection_(set.config().loop, std::move(accepted.fd), *this),
      secure_(accepted.transport != nullptr) {
    if (keep_peer) connection_.set_remote_address(shm::from_sockaddr(accepted.peer, accepted.peer_length));
    connection_.set_high_watermark(set.config().buffer_limit_bytes);
    connection_.close_on_reset();
    if (accepted.client) {
        const shm::SocketAddress target = accepted.client_target ? *accepted.client_target : shm::SocketAddress{};
        extras().proxied = std::make_unique<const Proxied>(Proxied{*accepted.client, target});
    }
    if (secure_) {
        connection_.set_transport_socket(std::move(accepted.transport));
        connection_.set_handshake_timeout(accepted.handshake_timeout);
    } else if (!accepted.server_name.empty()) {
        extras().server_name = std::move(accepted.server_name);
    }
    if (!accepted.unread.empty()) connection_.prepend_input(std::move(accepted.unread));
}

const ConnectionManagerConfig& ConnectionManager::config() const { return set_.config(); }

ConnectionManager::Extras& ConnectionManager::extras() {
    if (!extras_) extras_ = std::make_unique<Extras>();
    return *extras_;
}

bool ConnectionManager::start() {
    if (!connection_.start()) return false;
    const ConnectionManagerStats& stats = config().stats;
    stats.http.downstream_cx_total.add();
    stats.http.downstream_cx_active.add();
    if (secure_) {
        stats.http.downstream_cx_ssl_total.add();
        stats.http.downstream_cx_ssl_active.add();
    }
    stats.listener.downstream_cx_total.add();
    stats.listener.downstream_cx_active.add();
    stats.worker.downstream_cx_total.add();
    stats.worker.downstream_cx_active.add();
    stats.total_connections.add();
    start_ = config().loop.now();
    if (config().listener_log) local_address();  // not known any more when it is closed
    if (!secure_) choose_codec();
    wait_for_next_request();
    if (const milliseconds limit = config().http->max_connection_duration; limit.count() > 0) {
        extras().duration_timer = std::make_unique<network::Timer>(&ConnectionManager::on_max_duration, this);
        extras_->duration_timer->arm(config().loop.timers(), limit);
    }
    return true;
}

// --- protocol --------------------------------------------------------------------------------------------------------

void ConnectionManager::speak(http::Protocol protocol) {
    const HttpStats& stats = config().stats.http;
    if (protocol == http::Protocol::http2) {
        multiplexed_ = true;
        codec_ = http::make_http2_server(connection_, *this, set_.http2_settings(), &config().stats.http2);
        stats.downstream_cx_http2_total.add();
        stats.downstream_cx_http2_active.add();
        if (closing_ || goaway_ == Goaway::wanted) begin_goaway();
    } else {
        codec_ = http::make_http1_server(connection_, *this, set_.http1_settings());
        stats.downstream_cx_http1_total.add();
        stats.downstream_cx_http1_active.add();
    }
}

// False: more bytes must come first.
bool ConnectionManager::choose_codec() {
    using CodecType = config::HttpConnectionManagerConfig::CodecType;
    switch (config().http->codec_type) {
        case CodecType::http1:
            speak(http::Protocol::http11);
            return true;
        case CodecType::http2:
            speak(http::Protocol::http2);
            return true;
        case CodecType::automatic:
            break;
    }
    const network::TlsSession* const tls = connection_.tls();
    if (tls && !tls->alpn().empty()) {
        speak(tls->alpn() == "h2" ? http::Protocol::http2 : http::Protocol::http11);
        return true;
    }
    network::Buffer& input = connection_.read_buffer();
    switch (http::find_http2_preface(input.linearize(std::min(input.size(), http::kHttp2PrefaceBytes)))) {
        case http::Preface::incomplete:
            return false;
        case http::Preface::yes:
            speak(http::Protocol::http2);
            return true;
        case http::Preface::no:
            speak(http::Protocol::http11);
            return true;
    }
    return true;
}

void ConnectionManager::on_connected() {
    if (!codec_) choose_codec();
}

const std::string& ConnectionManager::client_certificate() {
    std::string& known = extras().client_certificate;
    if (known.empty()) known = describe_client_certificate(*connection_.tls(), config().http->client_cert_details);
    return known;
}

const shm::SocketAddress* ConnectionManager::local_address() {
    if (proxied() && extras_->proxied->target.length != 0) return &extras_->proxied->target;
    // Asking the kernel is needed only where the listener's address says too little.
    return set_.listens_on_any() ? &connection_.local_address() : &config().listen_address;
}

// --- requests --------------------------------------------------------------------------------------------------------

http::RequestDecoder& ConnectionManager::on_new_stream(http::ResponseEncoder& encoder) {
    ++requests_;
    Stream& stream = set_.acquire_stream();
    stream.begin(*this, &encoder);
    if (multiplexed_ && max_requests_reached()) begin_goaway();
    return stream;
}

void ConnectionManager::remove(Stream& stream) {
    streams_.remove(stream);
    if (multiplexed_ && streams_.empty() && !connection_.closing()) wait_without_streams();
}

bool ConnectionManager::max_requests_reached() {
    const uint32_t limit = config().http->max_requests_per_connection;
    if (closing_ || limit == 0 || requests_ < limit) return false;
    config().stats.http.downstream_cx_max_requests_reached.add();
    closing_ = true;
    return true;
}

bool ConnectionManager::decide_close(bool request_complete) {
    const ConnectionManagerConfig& shared = config();
    if (!closing_ && shared.drain.may_close() && shared.drain.should_close(shared.loop.now(), shared.random.next())) {
        shared.stats.http.downstream_cx_drain_close.add();
        closing_ = true;
        if (multiplexed_) begin_goaway();
    }
    max_requests_reached();
    return closing_ || !request_complete;
}

void ConnectionManager::on_stream_complete(bool reusable) {
    if (!multiplexed_ && !streams_.empty()) streams_.front()->complete();
    count_bytes();
    if (connection_.closing()) return;
    if (multiplexed_) {
        if (codec_->idle() && goaway_ == Goaway::last) return close_after_response();
        if (streams_.empty()) wait_without_streams();
        return;
    }
    // With more bytes at hand the answer to what they begin will be the last one.
    if (!reusable || (closing_ && codec_->idle())) return close_after_response();
    if (connection_.read_buffer().empty()) return wait_for_next_request();
    wait_for_head();
    codec_->dispatch();
}

void ConnectionManager::on_codec_error(const http::CodecError& error) {
    Stream* const stream = streams_.front();
    // Well-formed, says Envoy, so no protocol error; only nobody knows whom it is for.
    if (error.details == "missing_host_header") {
        if (stream) stream->send_local_reply(error.status, "", error.details, nullptr);
        return;
    }
    config().stats.http.downstream_cx_protocol_error.add();
    if (stream) stream->refuse(error.status, text_of_refusal(error.status), error.details);
}

void ConnectionManager::on_connection_error(std::string_view details) {
    const HttpStats& stats = config().stats.http;
    if (details == http::kTooManyPrematureResets) stats.downstream_rq_too_many_premature_resets.add();
    if (details == "http2.codec_error") stats.downstream_cx_protocol_error.add();
    close_after_response();
}

void ConnectionManager::on_broken_head(http::StreamReset reason, std::string_view details) {
    ++requests_;
    Stream& stream = set_.acquire_stream();
    stream.begin(*this, nullptr);
    if (extras_ && !extras_->slow_head.empty()) {
        const std::string_view timeout = extras_->slow_head;
        if (timeout == "stream_idle_timeout") stream.info().set_flag(http::ResponseFlag::stream_idle_timeout);
        return stream.end_without_head(http::StreamReset::local, timeout);
    }
    stream.end_without_head(reason, details);
}

void ConnectionManager::on_goaway() {
    closing_ = true;
    goaway_ = Goaway::last;
    if (codec_->idle()) return close_after_response();
    if (streams_.empty()) wait_without_streams();
}

void ConnectionManager::close_after_response() { connection_.close_after_flush(config().http->delayed_close_timeout); }

// --- waiting ---------------------------------------------------------------------------------------------------------

void ConnectionManager::wait_for(Wait what, milliseconds delay) {
    if (goaway_ == Goaway::notice) return;  // the timer is the last GOAWAY's
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

// HTTP/2. The codec may not be done: with a head that has begun while others were answered, or with a stream whose
// client takes nothing, not even its reset.
void ConnectionManager::wait_without_streams() {
    if (codec_->reading_head() || goaway_ == Goaway::last) {
        wait_for_head();
    } else {
        wait_for_next_request();
    }
}

void ConnectionManager::on_data() {
    if (codec_ || choose_codec()) {
        codec_->dispatch();
        if (!streams_.empty() || connection_.closing() || !codec_->reading_head()) return;
    }
    if (waiting_for_ != Wait::head) wait_for_head();
}

void ConnectionManager::wait_for_head() {
    local_address();  // for the log of a head that never ends: not known any more when the connection is closed
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
    if (connection.connection_.closing()) return;
    if (connection.waiting_for_ == Wait::last_goaway) return connection.finish_goaway();
    if (!connection.streams_.empty()) return;
    switch (connection.waiting_for_) {
        case Wait::idle:
            connection.config().stats.http.downstream_cx_idle_timeout.add();
            return connection.begin_soft_drain();
        case Wait::soft_drain:
            return connection.close_after_response();
        case Wait::head:
            return connection.refuse_slow_head();
        case Wait::last_goaway:
            break;
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
    if (multiplexed_) return begin_goaway();
    if (requests_ == 0 && between_requests()) return close_after_response();
    closing_ = true;
    if (!std::exchange(soft_draining_, true)) config().stats.http.downstream_cx_http1_soft_drain.add();
    if (streams_.empty() && waiting_for_ != Wait::head) wait_for(Wait::soft_drain, config().http->drain_timeout);
    if (streams_.empty() && config().http->drain_timeout.count() == 0) close_after_response();
}

void ConnectionManager::begin_goaway() {
    if (goaway_ == Goaway::notice || goaway_ == Goaway::last) return;
    closing_ = true;
    const milliseconds delay = config().http->drain_timeout;
    codec_->start_draining();
    if (delay.count() == 0) return finish_goaway();
    wait_for(Wait::last_goaway, delay);
    goaway_ = Goaway::notice;
}

void ConnectionManager::finish_goaway() {
    goaway_ = Goaway::last;
    codec_->finish_draining();
    if (connection_.closing()) return;
    if (codec_->idle()) return close_after_response();
    if (streams_.empty()) wait_without_streams();
}

void ConnectionManager::announce_drain() {
    if (closing_ || connection_.closing() || (codec_ && !multiplexed_)) return;
    if (!codec_) {
        goaway_ = Goaway::wanted;
        return;
    }
    config().stats.http.downstream_cx_drain_close.add();
    begin_goaway();
}

void ConnectionManager::announce_close() {
    closing_ = true;
    if (multiplexed_ && !connection_.closing()) begin_goaway();
}

// Which of the timeouts came first; returns what the log says of it.
std::string_view ConnectionManager::count_slow_head() {
    const config::HttpConnectionManagerConfig& http = *config().http;
    const auto shortest = [&http](milliseconds one) {
        return one.count() > 0 && (http.request_headers_timeout.count() == 0 || one <= http.request_headers_timeout) &&
               (http.request_timeout.count() == 0 || one <= http.request_timeout);
    };
    if (shortest(http.request_headers_timeout)) {
        config().stats.http.downstream_rq_header_timeout.add();
        return "request_header_timeout";
    }
    if (shortest(http.request_timeout)) {
        config().stats.http.downstream_rq_timeout.add();
        return "request_overall_timeout";
    }
    config().stats.http.downstream_rq_idle_timeout.add();
    return "stream_idle_timeout";
}

void ConnectionManager::refuse_slow_head() {
    if (codec_ && !codec_->reading_head()) {
        // HTTP/1: nothing is read on, as the client does not take what it was answered.
        return multiplexed_ ? close_after_response() : wait_for_next_request();
    }
    const std::string_view timeout = count_slow_head();
    if (multiplexed_) {
        extras().slow_head = timeout;
        // A block of fields that does not end is in everybody's way; no answer can tell this one stream.
        codec_->finish_draining();
        return close_after_response();
    }
    Stream& stream = set_.acquire_stream();
    stream.begin(*this, nullptr);
    if (timeout == "request_header_timeout") {
        stream.refuse_without_codec(408, "request header timeout", timeout);
    } else if (timeout == "request_overall_timeout") {
        stream.refuse_without_codec(408, "request timeout", timeout);
    } else {
        stream.info().set_flag(http::ResponseFlag::stream_idle_timeout);
        stream.refuse_without_codec(408, "stream timeout", timeout);
    }
    close_after_response();
}

void ConnectionManager::close_idle() {
    if (connection_.closing()) return;
    if (multiplexed_) return finish_goaway();
    if (streams_.empty() && between_requests()) close_after_response();
}

void ConnectionManager::cut() {
    if (connection_.closing()) return;
    if (!multiplexed_) close_after_response();
    cut_requests_ = !streams_.empty();
    while (Stream* const stream = streams_.front()) stream->cut();
    if (!multiplexed_) return;
    // The frames that say so go out before the connection ends.
    if (goaway_ != Goaway::last) return finish_goaway();
    if (codec_->idle()) close_after_response();
}

// --- connection ------------------------------------------------------------------------------------------------------

void ConnectionManager::on_end_of_stream() {
    if (codec_ && codec_->on_end_of_stream()) return;
    // A client that has gone half way does not wait for answers, says Envoy; what was answered still goes out.
    if (streams_.empty() && connection_.pending_write_bytes() > 0) return close_after_response();
    connection_.close(network::CloseReason::remote);
}

void ConnectionManager::on_write_buffer_high() {
    count_buffered();
    if (!codec_) return;
    codec_->on_write_buffer_high();
    if (!multiplexed_ && !streams_.empty()) streams_.front()->on_write_buffer_high();
}

void ConnectionManager::on_write_buffer_drained() {
    // For its gauges.
    if (multiplexed_ && codec_) codec_->on_write_buffer_low();
}

void ConnectionManager::on_write_buffer_low() {
    count_buffered();
    if (!codec_) return;
    if (!multiplexed_ && streams_.empty() && !connection_.closing()) wait_for_next_request();
    codec_->on_write_buffer_low();
    if (!multiplexed_ && !streams_.empty()) streams_.front()->on_write_buffer_low();
}

void ConnectionManager::count_bytes() {
    const HttpStats& stats = config().stats.http;
    stats.downstream_cx_rx_bytes_total.add(connection_.bytes_received());
    stats.downstream_cx_tx_bytes_total.add(connection_.bytes_sent());
    if (config().listener_log) {
        extras().received += connection_.bytes_received();
        extras().sent += connection_.bytes_sent();
    }
    connection_.forget_bytes();
    count_buffered();
}

void ConnectionManager::log_connection(network::CloseReason reason) {
    http::StreamInfo info;
    if (codec_) info.protocol = codec_->protocol();
    info.bytes_received = extras().received;
    info.bytes_sent = extras().sent;
    if (reason == network::CloseReason::connect_timeout)
        info.connection_termination_details = "transport socket timeout was reached";
    set_.log(*this, info, start_);
}

void ConnectionManager::count_buffered() {
    const auto tell = [](const stats::Gauge& gauge, size_t bytes, uint32_t& told) {
        const auto now = static_cast<uint32_t>(std::min<size_t>(bytes, UINT32_MAX));
        if (now != told) gauge.add(static_cast<int64_t>(now) - static_cast<int64_t>(told));
        told = now;
    };
    tell(config().stats.http.downstream_cx_rx_bytes_buffered, connection_.read_buffer().size(), buffered_in_);
    tell(config().stats.http.downstream_cx_tx_bytes_buffered, connection_.pending_write_bytes(), buffered_out_);
}

void ConnectionManager::on_closed(network::CloseReason reason) {
    const bool remote = reason == network::CloseReason::remote || reason == network::CloseReason::reset;
    const ConnectionManagerStats& stats = config().stats;
    stats.http.downstream_cx_destroy.add();
    (remote ? stats.http.downstream_cx_destroy_remote : stats.http.downstream_cx_destroy_local).add();
    if (reason == network::CloseReason::connect_timeout) {
        stats.listener.downstream_cx_transport_socket_connect_timeout.add();
    }
    if (connection_.cut_after_delay()) stats.http.downstream_cx_delayed_close_timeout.add();
    if (cut_requests_ || !streams_.empty()) {
        stats.http.downstream_cx_destroy_active_rq.add();
        (remote ? stats.http.downstream_cx_destroy_remote_active_rq : stats.http.downstream_cx_destroy_local_active_rq)
            .add();
        while (Stream* stream = streams_.front()) stream->disconnected(!remote);
    }
    if (codec_) {
        codec_->on_connection_closed();
        (multiplexed_ ? stats.http.downstream_cx_http2_active : stats.http.downstream_cx_http1_active).sub();
    }
    if (secure_) stats.http.downstream_cx_ssl_active.sub();
    count_bytes();
    const auto lived = std::chrono::duration_cast<milliseconds>(config().loop.now() - start_);
    stats.http.downstream_cx_length_ms.record(static_cast<uint64_t>(lived.count()));
    stats.http.downstream_cx_active.sub();
    if (soft_draining_) stats.http.downstream_cx_http1_soft_drain.sub();
    stats.listener.downstream_cx_destroy.add();
    stats.listener.downstream_cx_active.sub();
    if (config().listener_log) log_connection(reason);
    stats.listener.downstream_cx_length_ms.record(static_cast<uint64_t>(lived.count()));
    stats.worker.downstream_cx_active.sub();
    stats.total_connections.sub();
    timer_.cancel();
    if (extras_) extras_->duration_timer.reset();
    set_.remove(*this);
}

}  // namespace heirloom::connection_manager
