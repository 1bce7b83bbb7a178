// SPDX-License-Identifier: Apache-2.0
#include "proxy/router/raw_upstream.h"

#include <utility>

namespace heirloom::router {

upstream::Acquired RawUpstream::acquire(network::EventLoop& loop, upstream::WorkerCluster& cluster,
                                        const upstream::EndpointLease& endpoint, http::ResponseDecoder& decoder,
                                        upstream::PoolCallbacks& callbacks, const upstream::StreamNeeds& needs,
                                        std::string preface) {
    upstream::Acquired result;
    std::unique_ptr<RawUpstream> raw(new RawUpstream(loop, decoder, callbacks, std::move(preface)));
    upstream::TcpAcquired acquired = cluster.connect_tcp(upstream::EndpointLease(*endpoint.use()), *raw, needs);
    result.failure = acquired.failure;
    if (acquired.failure) return result;
    raw->upstream_ = std::move(acquired.upstream);
    result.ticket = raw.release();
    return result;
}

void RawUpstream::on_connected() { callbacks_.on_pool_ready(*this, *this); }

void RawUpstream::on_tcp_failure(http::StreamReset reason, std::string_view transport_failure) {
    leave();
    callbacks_.on_pool_failure(reason, transport_failure);
}

void RawUpstream::cancel() { close(); }

// --- the request: bytes to the endpoint ------------------------------------------------------------------------------

void RawUpstream::encode_headers(const http::HeaderMap&, bool end_stream) {
    connection().write_buffer().append(preface_);
    if (end_stream) {
        finish_request();
    } else if (!preface_.empty()) {
        connection().flush();  // the endpoint may wait for it and speak first
    }
    response_.add_copy(http::HeaderId::status, "200");
    decoder_->on_response_headers(response_, false);
}

void RawUpstream::encode_body(network::Buffer& data, bool end_stream) {
    connection().write_buffer().move_from(data);
    if (end_stream) return finish_request();
    connection().flush_later();
}

void RawUpstream::encode_trailers(const http::HeaderMap&) { finish_request(); }

void RawUpstream::finish_request() {
    request_ended_ = true;
    if (response_ended_) return end();
    connection().finish_writing();
}

void RawUpstream::on_write_buffer_high() {
    if (decoder_) decoder_->on_request_flow_high();
}

void RawUpstream::on_write_buffer_low() {
    if (decoder_) decoder_->on_request_flow_low();
}

// --- the response: bytes from the endpoint ---------------------------------------------------------------------------

void RawUpstream::on_data() { decoder_->on_response_body(connection().read_buffer(), false); }

void RawUpstream::on_end_of_stream() {
    response_ended_ = true;
    http::ResponseDecoder& decoder = *decoder_;
    if (request_ended_) end();
    network::Buffer nothing;
    decoder.on_response_body(nothing, true);
}

void RawUpstream::pause_reading() {
    if (pauses_++ == 0) connection().set_reading(false);
}

void RawUpstream::resume_reading() {
    if (--pauses_ == 0) connection().set_reading(true);
}

// --- end -------------------------------------------------------------------------------------------------------------

// Both sides are finished. What the endpoint has not taken is still sent.
void RawUpstream::end() {
    decoder_ = nullptr;
    if (connection().pending_write_bytes() == 0) return close();
    connection().close_after_flush(std::chrono::milliseconds(0));
}

void RawUpstream::reset(http::StreamReset) {
    decoder_ = nullptr;
    close();
}

void RawUpstream::close() {
    upstream_->close();
    leave();
}

void RawUpstream::on_closed(network::CloseReason) {
    leave();
    if (http::ResponseDecoder* const decoder = std::exchange(decoder_, nullptr)) {
        decoder->on_stream_reset(http::StreamReset::connection_terminated);
    }
}

}  // namespace heirloom::router
