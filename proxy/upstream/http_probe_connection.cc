// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/http_probe_connection.h"

#include <utility>

#include "proxy/http/http1_codec.h"
#include "proxy/http/http2_codec.h"

namespace heirloom::upstream {

HttpProbeConnection::HttpProbeConnection(const ProbeSetting& setting, bool http2, Owner& owner)
    : loop_(setting.loop), http2_(http2), owner_(&owner) {
    connection_ = network::Connection::connect(loop_, setting.address, std::chrono::milliseconds(0), *this);
    if (auto socket = setting.callbacks.make_probe_transport(http2 ? "h2" : "http/1.1")) {
        secure_ = true;
        connection_->set_transport_socket(std::move(socket));
    }
}

void HttpProbeConnection::on_connected() {
    if (http2_) {
        http::Http2Settings settings;
        settings.secure = secure_;
        codec_ = http::make_http2_client(*connection_, *this, settings);
    } else {
        codec_ = http::make_http1_client(*connection_, *this, {});
    }
    if (owner_) owner_->on_probe_connected();
}

void HttpProbeConnection::send(const http::HeaderMap& headers, std::string_view body) {
    exchanging_ = true;
    complete_ = false;
    http::RequestEncoder& encoder = codec_->new_stream(*this);
    encoder.encode_headers(headers, body.empty());
    if (body.empty() || !exchanging_) return;
    network::Buffer bytes;
    bytes.append(body);
    encoder.encode_body(bytes, true);
}

void HttpProbeConnection::close() {
    owner_ = nullptr;
    if (!closed_) connection_->close();
}

void HttpProbeConnection::on_data() { codec_->dispatch(); }

void HttpProbeConnection::on_end_of_stream() {
    if (codec_ && codec_->on_end_of_stream()) return;
    if (!closed_) connection_->close(network::CloseReason::remote);
}

void HttpProbeConnection::on_closed(network::CloseReason) {
    closed_ = true;
    loop_.destroy_later(std::unique_ptr<network::Deferred>(this));
    if (codec_) codec_->on_connection_closed(http::StreamReset::connection_terminated);
    if (Owner* const owner = std::exchange(owner_, nullptr)) owner->on_probe_connection_gone(ask_again_);
}

void HttpProbeConnection::on_protocol_error() {
    if (!closed_) connection_->close();
}

void HttpProbeConnection::on_response_headers(http::HeaderMap& headers, bool end_stream) {
    complete_ = end_stream;
    if (owner_) owner_->on_probe_head(headers);
}

void HttpProbeConnection::on_response_body(network::Buffer& data, bool end_stream) {
    complete_ = end_stream;
    std::string bytes = data.to_string();
    data.clear();
    if (owner_) owner_->on_probe_body(std::move(bytes));
}

void HttpProbeConnection::on_response_trailers(http::HeaderMap& trailers) {
    complete_ = true;
    if (owner_) owner_->on_probe_trailers(trailers);
}

void HttpProbeConnection::on_stream_reset(http::StreamReset reason) {
    exchanging_ = false;
    ask_again_ = served_ && reason == http::StreamReset::unprocessed;
    // Its end is told by on_closed().
    if (!closed_ && !connection_->closing()) connection_->close();
}

void HttpProbeConnection::on_stream_complete(bool reusable) {
    if (!reusable) reusable_ = false;
    if (!http2_) end_exchange();
}

void HttpProbeConnection::end_exchange() {
    if (!exchanging_ || !complete_) return;
    exchanging_ = false;
    served_ = true;
    if (owner_) owner_->on_probe_response_end(reusable_);
}

}  // namespace heirloom::upstream
