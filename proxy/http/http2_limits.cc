// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/http2_limits.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>

namespace heirloom::http {

std::string_view Http2Limits::note_received(uint8_t type, uint8_t flags, size_t length) {
    switch (type) {
        case NGHTTP2_DATA:
        case NGHTTP2_HEADERS:
        case NGHTTP2_CONTINUATION:
            if (length > 0 || (flags & NGHTTP2_FLAG_END_STREAM) != 0) {
                empty_frames_ = 0;
                return {};
            }
            return ++empty_frames_ > settings_.max_consecutive_inbound_frames_with_empty_payload
                       ? "inbound_empty_frames_flood"
                       : std::string_view();
        case NGHTTP2_PRIORITY:
            return ++priority_frames_ > settings_.max_inbound_priority_frames_per_stream * (1 + streams_)
                       ? "inbound_priority_frames_flood"
                       : std::string_view();
        case NGHTTP2_WINDOW_UPDATE: {
            const uint64_t per_data = settings_.max_inbound_window_update_frames_per_data_frame_sent;
            return ++window_updates_ > 5 + 2 * (streams_ + per_data * data_sent_) ? "inbound_window_update_frames_flood"
                                                                                  : std::string_view();
        }
        default:
            return {};
    }
}

std::string_view Http2Limits::note_request_ended(bool premature) {
    const uint64_t limit = settings_.premature_reset_total_stream_count;
    ++requests_ended_;
    if (premature) ++premature_resets_;
    if (limit == 0 || !premature) return {};
    // Before `limit` requests only what no good behaviour could make up for any more.
    const uint64_t seen = std::max(requests_ended_, limit);
    return premature_resets_ * 2 >= seen ? kTooManyPrematureResets : std::string_view();
}

void Http2Limits::note_sent(uint8_t type, uint8_t flags, uint64_t written, size_t pending) {
    if (type == NGHTTP2_DATA) ++data_sent_;
    forget(written - pending);
    const bool control = type == NGHTTP2_PING || type == NGHTTP2_RST_STREAM ||
                         (type == NGHTTP2_SETTINGS && (flags & NGHTTP2_FLAG_ACK) != 0);
    younger_.end = written;
    ++younger_.frames;
    if (control) ++younger_.control;
}

void Http2Limits::forget(uint64_t gone) {
    if (gone < older_.end) return;
    older_ = younger_;
    younger_ = {};
    if (gone >= older_.end) older_ = {};
}

Http2Limits::Outbound Http2Limits::outbound(uint64_t written, size_t pending) {
    forget(written - pending);
    return {older_.frames + younger_.frames, older_.control + younger_.control};
}

std::string_view Http2Limits::check_outbound(size_t queued) const {
    // What the library queues of its own accord (answers to PING and SETTINGS) it bounds itself.
    if (older_.control + younger_.control > settings_.max_outbound_control_frames) return "outbound_control_flood";
    if (older_.frames + younger_.frames + queued > settings_.max_outbound_frames) return "outbound_flood";
    return {};
}

size_t DataFrameFinder::find(std::string_view bytes, int32_t& stream) {
    stream = 0;
    for (size_t at = 0;;) {
        const size_t passed = std::min(skip_, bytes.size() - at);
        at += passed;
        skip_ -= passed;
        if (at == bytes.size()) return at;
        const size_t begin = at;
        while (have_ < kHeadBytes && at < bytes.size()) head_[have_++] = static_cast<uint8_t>(bytes[at++]);
        if (have_ < kHeadBytes) return at;
        have_ = 0;
        skip_ = size_t{head_[0]} << 16 | size_t{head_[1]} << 8 | head_[2];
        if (head_[3] != NGHTTP2_DATA) continue;
        stream = static_cast<int32_t>((uint32_t{head_[5]} & 0x7f) << 24 | uint32_t{head_[6]} << 16 |
                                      uint32_t{head_[7]} << 8 | head_[8]);
        skip_ += at - begin;  // the caller goes on from `begin`
        return begin;
    }
}

void ClosedStreams::add(int32_t id, bool reset_here) {
    Entry& entry = ring_[next_++ % ring_.size()];
    if (entry.reset_here) forgiven_ = std::max(forgiven_, entry.id);
    entry = {id, reset_here};
}

ClosedStreams::Fate ClosedStreams::find(int32_t id) const {
    for (const Entry& entry : ring_) {
        if (entry.id == id) return entry.reset_here ? Fate::reset_here : Fate::closed;
    }
    return Fate::unknown;
}

}  // namespace heirloom::http
