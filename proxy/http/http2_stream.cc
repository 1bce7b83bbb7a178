// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/http2_stream.h"

#include <utility>

#include "proxy/http/http2_session.h"

namespace heirloom::http {

void Http2Stream::begin(Http2Session& session, int32_t stream_id) {
    session_ = &session;
    id = stream_id;
    head_received = trailers_received = remote_ended = end_delivered = false;
    head_sent = local_ended = local_end_sent = has_trailers_to_send = deferred = false;
    connect = tunnel_open = remote_reset = reset_here = oversized = closed = retired = queued = false;
    refused = no_connect = false;
    pauses_ = 0;
    over_limit_ = false;
}

void Http2Stream::recycle() {
    headers.clear();
    trailers.clear();
    trailers_out_.clear();
    in.clear();
    session_->note_gone(out.size());
    out.clear();
    session_ = nullptr;
    give_back();
}

void Http2Stream::resume_reading() {
    if (pauses_ == 0 || --pauses_ > 0 || retired) return;
    // Not from here: the receiver is in the middle of its own work.
    if (!in.empty() || (remote_ended && !end_delivered)) session_->deliver_later(*this);
}

void Http2Stream::deliver(bool all) {
    if (!head_received || end_delivered || (pauses_ > 0 && !all)) return;
    const size_t bytes = in.size();
    const bool last = remote_ended && !trailers_received;
    if (last || bytes > 0) {
        end_delivered = last;
        on_body(in, last);
        in.clear();
        if (bytes > 0) session_->count_consumed(*this, bytes);
    }
    if (trailers_received && !end_delivered && !retired && (pauses_ == 0 || all)) {
        end_delivered = true;
        on_trailers();
    }
}

void Http2Stream::send_head(FieldList& fields, bool end_stream) {
    head_sent = true;
    local_ended = end_stream;
    nghttp2_data_provider provider = session_->provider_of(*this);
    nghttp2_data_provider* const body = end_stream ? nullptr : &provider;
    if (id > 0) {
        nghttp2_submit_response(session_->library(), id, fields.data(), fields.size(), body);
    } else {
        id = nghttp2_submit_request(session_->library(), nullptr, fields.data(), fields.size(), body, this);
        // No ids or no memory left: told from the loop, not inside the caller.
        if (id < 0) session_->refuse_later(*this);
    }
    session_->wake();
}

void Http2Stream::send_body(network::Buffer& data, bool end_stream) {
    if (!head_sent || local_ended || reset_here || closed || session_->over()) return data.clear();
    session_->note_waiting(data.size());
    out.move_from(data);
    data.clear();
    local_ended = end_stream;
    if (std::exchange(deferred, false)) nghttp2_session_resume_data(session_->library(), id);
    session_->wake();
    update_flow();
}

void Http2Stream::send_trailers(const HeaderMap& map) {
    if (!head_sent || local_ended || reset_here || closed || session_->over()) return;
    FieldList& fields = session_->field_list();
    list_trailers(map, fields);
    local_ended = true;
    if (fields.size() > 0) {
        // Queued behind the body: the library sends it when the last DATA frame says that the end is not in it.
        has_trailers_to_send = true;
        trailers_out_.clear();
        for (const nghttp2_nv& field : fields.all()) {
            HeaderField& copied = trailers_out_.add_copy({reinterpret_cast<const char*>(field.name), field.namelen},
                                                         {reinterpret_cast<const char*>(field.value), field.valuelen});
            copied.never_indexed = (field.flags & NGHTTP2_NV_FLAG_NO_INDEX) != 0;
        }
    }
    if (std::exchange(deferred, false)) nghttp2_session_resume_data(session_->library(), id);
    session_->wake();
}

void Http2Stream::send_reset(uint32_t error_code) {
    if (retired || reset_here || session_->over()) return;
    reset_here = true;
    session_->note_gone(out.size());
    out.clear();
    if (closed || id < 0) {
        // Whole, but not taken yet; or the peer never heard of it. No frame will tell the session of its end.
        closed = end_delivered = true;
        return session_->deliver_later(*this);
    }
    session_->count(&Http2Stats::tx_reset);
    nghttp2_submit_rst_stream(session_->library(), NGHTTP2_FLAG_NONE, id, error_code);
    session_->wake();
}

void Http2Stream::update_flow() {
    const size_t limit = session_->settings().stream_buffer_bytes;
    if (!over_limit_ && out.size() > limit) {
        over_limit_ = true;
        on_flow(true);
    } else if (over_limit_ && out.size() <= limit / 2) {
        over_limit_ = false;
        on_flow(false);
    }
}

}  // namespace heirloom::http
