// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/http2_callbacks.h"

#include <algorithm>
#include <utility>

namespace heirloom::http {
namespace {

// Behind others that wait pieces up to this size are copied, so that what the windows allow holds no more than four
// times as much in blocks: the rest of a block may be frames that no window counts.
constexpr size_t kCopiedPiece = network::kBlockBytes / 4;
constexpr size_t kFrameHead = 9;

}  // namespace

const nghttp2_session_callbacks* Http2Session::Callbacks::table() {
    static const nghttp2_session_callbacks* const callbacks = [] {
        nghttp2_session_callbacks* made = nullptr;
        if (nghttp2_session_callbacks_new(&made) != 0) throw std::bad_alloc();
        nghttp2_session_callbacks_set_on_begin_frame_callback(made, &on_begin_frame);
        nghttp2_session_callbacks_set_on_begin_headers_callback(made, &on_begin_headers);
        nghttp2_session_callbacks_set_on_header_callback(made, &on_header);
        nghttp2_session_callbacks_set_on_invalid_header_callback(made, &on_invalid_header);
        nghttp2_session_callbacks_set_on_frame_recv_callback(made, &on_frame);
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(made, &on_data_chunk);
        nghttp2_session_callbacks_set_on_frame_not_send_callback(made, &on_frame_not_sent);
        nghttp2_session_callbacks_set_on_stream_close_callback(made, &on_stream_close);
        nghttp2_session_callbacks_set_send_data_callback(made, &send_data);
        return made;
    }();
    return callbacks;
}

nghttp2_data_provider Http2Session::provider_of(Http2Stream& stream) const {
    nghttp2_data_provider provider{};
    provider.source.ptr = &stream;
    provider.read_callback = &Callbacks::read_body;
    return provider;
}

// --- receiving -------------------------------------------------------------------------------------------------------

int Http2Session::Callbacks::on_begin_frame(nghttp2_session*, const nghttp2_frame_hd* head, void* user_data) {
    Http2Session& session = of(user_data);
    if (session.over()) return NGHTTP2_ERR_CALLBACK_FAILURE;
    const std::string_view stat = session.limits_.note_received(head->type, head->flags, head->length);
    if (!stat.empty()) return session.fail_by(stat, NGHTTP2_ENHANCE_YOUR_CALM);
    if (head->type != NGHTTP2_HEADERS) return 0;
    if (const uint32_t error = session.judge_closed(head->type, head->stream_id); error != NGHTTP2_NO_ERROR) {
        return session.fail_by("http2.codec_error", error);
    }
    session.last_remote_id_ = std::max(session.last_remote_id_, head->stream_id);
    return 0;
}

int Http2Session::Callbacks::on_begin_headers(nghttp2_session* library, const nghttp2_frame* frame, void* user_data) {
    Http2Session& session = of(user_data);
    session.collecting_ = nullptr;
    if (frame->hd.type != NGHTTP2_HEADERS) return 0;
    if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
        Http2Stream* stream = session.make_stream(frame->hd.stream_id);
        nghttp2_session_set_stream_user_data(library, frame->hd.stream_id, stream);
        session.collecting_ = stream;
        session.collector_.begin(stream->headers);
        return 0;
    }
    Http2Stream* stream = find(library, frame->hd.stream_id);
    if (!stream) return 0;
    session.collecting_ = stream;
    session.collector_.begin(stream->head_received ? stream->trailers : stream->headers);
    return 0;
}

int Http2Session::Callbacks::on_header(nghttp2_session*, const nghttp2_frame*, const uint8_t* name, size_t name_length,
                                       const uint8_t* value, size_t value_length, uint8_t flags, void* user_data) {
    Http2Session& session = of(user_data);
    if (!session.collecting_) return 0;
    if (session.collector_.add({reinterpret_cast<const char*>(name), name_length},
                               {reinterpret_cast<const char*>(value), value_length},
                               (flags & NGHTTP2_NV_FLAG_NO_INDEX) != 0)) {
        return 0;
    }
    // The library resets the stream and only keeps its HPACK state up to date with the rest of the block.
    session.count(&Http2Stats::header_overflow);
    session.collecting_->oversized = true;
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

int Http2Session::Callbacks::on_invalid_header(nghttp2_session*, const nghttp2_frame*, const uint8_t*, size_t,
                                               const uint8_t*, size_t, uint8_t, void*) {
    // Not to be dropped in silence: who sent it means something by it.
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

int Http2Session::Callbacks::on_head_complete(Http2Session& session, Http2Stream& stream, bool end_stream) {
    stream.remote_ended = end_stream;
    if (stream.head_received) {
        stream.trailers_received = true;
        session.count(&Http2Stats::trailers);
        stream.deliver();
        return session.over() ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
    }
    if (!stream.on_head(end_stream)) {
        stream.remote_ended = false;  // what has ended is no message
        nghttp2_submit_rst_stream(session.session_, NGHTTP2_FLAG_NONE, stream.id, NGHTTP2_PROTOCOL_ERROR);
    }
    return session.over() ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

int Http2Session::Callbacks::on_frame(nghttp2_session* library, const nghttp2_frame* frame, void* user_data) {
    Http2Session& session = of(user_data);
    if (session.over()) return NGHTTP2_ERR_CALLBACK_FAILURE;
    const bool end_stream = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    switch (frame->hd.type) {
        case NGHTTP2_HEADERS: {
            Http2Stream* stream = std::exchange(session.collecting_, nullptr);
            if (stream && stream->id == frame->hd.stream_id) return on_head_complete(session, *stream, end_stream);
            return 0;
        }
        case NGHTTP2_DATA: {
            Http2Stream* stream = std::exchange(session.partial_, nullptr);
            if (!stream || stream->id != frame->hd.stream_id) stream = find(library, frame->hd.stream_id);
            if (!stream) return 0;
            if (end_stream) stream->remote_ended = true;
            stream->deliver();
            return session.over() ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
        }
        case NGHTTP2_RST_STREAM:
            session.count(&Http2Stats::rx_reset);
            if (Http2Stream* stream = find(library, frame->hd.stream_id)) stream->remote_reset = true;
            return 0;
        case NGHTTP2_PUSH_PROMISE:
            // Sent before the peer knew that push is off; later ones end the connection.
            nghttp2_submit_rst_stream(library, NGHTTP2_FLAG_NONE, frame->push_promise.promised_stream_id,
                                      NGHTTP2_REFUSED_STREAM);
            return 0;
        case NGHTTP2_PING:
            if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0 && session.keepalive_) session.keepalive_->on_answer();
            return 0;
        case NGHTTP2_GOAWAY:
            session.goaway_error_ = frame->goaway.error_code;
            session.on_goaway_received();
            return 0;
        case NGHTTP2_SETTINGS:
            if ((frame->hd.flags & NGHTTP2_FLAG_ACK) == 0) session.on_settings_received();
            return 0;
        default:
            return 0;
    }
}

int Http2Session::Callbacks::on_data_chunk(nghttp2_session* library, uint8_t, int32_t id, const uint8_t* data,
                                           size_t length, void* user_data) {
    Http2Session& session = of(user_data);
    if (session.over()) return NGHTTP2_ERR_CALLBACK_FAILURE;
    Http2Stream* stream = session.partial_ && session.partial_->id == id ? session.partial_ : find(library, id);
    if (!stream || stream->end_delivered || stream->reset_here) {
        nghttp2_session_consume(library, id, length);
        return 0;
    }
    const std::string_view piece(reinterpret_cast<const char*>(data), length);
    if (length <= kCopiedPiece && !stream->in.empty()) {
        stream->in.append(piece);
    } else {
        stream->in.append(session.slice_, piece);
    }
    session.partial_ = stream;
    return 0;
}

int Http2Session::Callbacks::on_stream_close(nghttp2_session* library, int32_t id, uint32_t error_code,
                                             void* user_data) {
    Http2Session& session = of(user_data);
    Http2Stream* stream = find(library, id);
    if (!stream) return 0;
    if (session.over()) return 0;
    if (error_code == NGHTTP2_REFUSED_STREAM && !stream->remote_reset && session.ends_by_error()) {
        // The library does not begin what it has not begun; the stream is told of the error (fail()).
        stream->closed = true;
        return 0;
    }
    session.stream_closed(*stream, error_code);
    return 0;
}

// --- sending ---------------------------------------------------------------------------------------------------------

int Http2Session::Callbacks::on_frame_not_sent(nghttp2_session*, const nghttp2_frame* frame, int, void* user_data) {
    Http2Session& session = of(user_data);
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST || session.over()) return 0;
    if (session.ends_by_error()) return 0;
    // A request that was never begun: the peer has said GOAWAY meanwhile, or the stream was given up here.
    for (Http2Stream* stream = session.first_open_; stream; stream = stream->next) {
        if (stream->id != frame->hd.stream_id) continue;
        session.stream_closed(*stream, NGHTTP2_REFUSED_STREAM);
        break;
    }
    return 0;
}

ssize_t Http2Session::Callbacks::read_body(nghttp2_session* library, int32_t id, uint8_t*, size_t length,
                                           uint32_t* flags, nghttp2_data_source* source, void*) {
    auto& stream = *static_cast<Http2Stream*>(source->ptr);
    const size_t waiting = stream.out.size();
    if (waiting == 0 && !stream.local_ended) {
        stream.deferred = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    const size_t taken = std::min(waiting, length);
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (stream.local_ended && taken == waiting) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        if (stream.has_trailers_to_send) {
            *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
            FieldList& fields = stream.session_->fields_;
            list_trailers(stream.trailers_out_, fields);
            nghttp2_submit_trailer(library, id, fields.data(), fields.size());
        }
    }
    return static_cast<ssize_t>(taken);
}

int Http2Session::Callbacks::send_data(nghttp2_session*, nghttp2_frame* frame, const uint8_t* head, size_t length,
                                       nghttp2_data_source* source, void* user_data) {
    Http2Session& session = of(user_data);
    if (session.over()) return NGHTTP2_ERR_CALLBACK_FAILURE;
    auto& stream = *static_cast<Http2Stream*>(source->ptr);
    network::Buffer& out = session.connection_.write_buffer();
    out.append({reinterpret_cast<const char*>(head), kFrameHead});
    out.move_from(stream.out, length);
    session.note_gone(length);
    session.written_ += kFrameHead + length;
    session.limits_.note_sent(NGHTTP2_DATA, frame->hd.flags, session.written_, out.size());
    if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) session.note_end_sent(stream);
    stream.update_flow();
    if (session.over()) return NGHTTP2_ERR_CALLBACK_FAILURE;
    if (out.size() < session.batch_end_) return 0;
    // The connection's write buffer has its turn; the library goes on where it was.
    session.batch_full_ = true;
    return NGHTTP2_ERR_PAUSE;
}

}  // namespace heirloom::http
