// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/http2_session.h"

#include <array>
#include <utility>

#include "proxy/http/http2_callbacks.h"
#include "proxy/http/http2_memory.h"

namespace heirloom::http {
namespace {

// Written between two looks at the socket; at most what one stream may hold, so that a small limit means little here.
constexpr size_t kBatchBytes = 128 * 1024;
constexpr size_t kFrameHead = 9;
constexpr uint32_t kDefaultTable = 4096;

nghttp2_option* make_options(const Http2Settings& settings) {
    nghttp2_option* option = nullptr;
    if (nghttp2_option_new(&option) != 0) return nullptr;
    nghttp2_option_set_no_auto_window_update(option, 1);
    nghttp2_option_set_no_closed_streams(option, 1);
    nghttp2_option_set_max_deflate_dynamic_table_size(option, settings.hpack_table_size);
    nghttp2_option_set_max_outbound_ack(option, settings.max_outbound_control_frames);
    // Far above what Http2Limits lets pass.
    nghttp2_option_set_stream_reset_rate_limit(option, 10'000, 1'000);
    // One field may be as large as a head.
    nghttp2_option_set_max_send_header_block_length(option, 1024 * 1024);
    return option;
}

uint32_t read32(const uint8_t* at) {
    return uint32_t{at[0]} << 24 | uint32_t{at[1]} << 16 | uint32_t{at[2]} << 8 | uint32_t{at[3]};
}

struct NamedCounter {
    std::string_view name;
    stats::Counter Http2Stats::*counter;
};
constexpr std::array kLimitCounters{
    NamedCounter{"inbound_empty_frames_flood", &Http2Stats::inbound_empty_frames_flood},
    NamedCounter{"inbound_priority_frames_flood", &Http2Stats::inbound_priority_frames_flood},
    NamedCounter{"inbound_window_update_frames_flood", &Http2Stats::inbound_window_update_frames_flood},
    NamedCounter{"outbound_control_flood", &Http2Stats::outbound_control_flood},
    NamedCounter{"outbound_flood", &Http2Stats::outbound_flood},
};

}  // namespace

Http2Stats make_http2_stats(stats::Registrar& registrar, const std::string& prefix) {
    HEIRLOOM_PREFETCH(registrar, prefix, HEIRLOOM_HTTP2_STATS)
    return {HEIRLOOM_HTTP2_STATS(HEIRLOOM_MAKE_COUNTER, HEIRLOOM_MAKE_GAUGE, HEIRLOOM_MAKE_HISTOGRAM)};
}

Preface find_http2_preface(std::string_view bytes) {
    constexpr std::string_view kPreface("PRI * HTTP/2");
    static_assert(kPreface.size() == kHttp2PrefaceBytes);
    const size_t size = std::min(bytes.size(), kPreface.size());
    if (bytes.substr(0, size) != kPreface.substr(0, size)) return Preface::no;
    return size == kPreface.size() ? Preface::yes : Preface::incomplete;
}

Http2Session::Http2Session(network::Connection& connection, const Http2Settings& settings, const Http2Stats* stats,
                           Side side)
    : connection_(connection),
      loop_(connection.loop()),
      settings_(settings),
      stats_(stats),
      side_(side),
      limits_(settings_),
      collector_(settings_) {
    nghttp2_option* option = make_options(settings_);
    const nghttp2_session_callbacks* callbacks = Callbacks::table();
    nghttp2_mem* const memory = http2_memory();
    const int failed = side == Side::server ? nghttp2_session_server_new3(&session_, callbacks, this, option, memory)
                                            : nghttp2_session_client_new3(&session_, callbacks, this, option, memory);
    nghttp2_option_del(option);
    if (failed != 0) throw std::bad_alloc();
    submit_settings();
    if (const Http2Keepalives& asked = settings_.keepalive;
        asked.interval.count() > 0 || asked.idle_interval.count() > 0) {
        Http2Keepalive::Peer& peer = *this;
        keepalive_ = std::make_unique<Http2Keepalive>(loop_, asked, connection.id(), peer);
    }
}

Http2Session::~Http2Session() {
    if (scheduled_) loop_.forget(this);
    busy_ = true;
    while (Http2Stream* stream = first_open_) retire(*stream);
    sweep();
    tell_outbound(0);
    nghttp2_session_del(session_);
}

void Http2Session::submit_settings() {
    std::array<nghttp2_settings_entry, 4> entries;
    size_t count = 0;
    if (side_ == Side::server) {
        entries[count++] = {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, settings_.max_concurrent_streams};
        if (settings_.allow_connect) entries[count++] = {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1};
    } else {
        entries[count++] = {NGHTTP2_SETTINGS_ENABLE_PUSH, 0};
    }
    entries[count++] = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, settings_.initial_stream_window_size};
    if (settings_.hpack_table_size != kDefaultTable) {
        entries[count++] = {NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, settings_.hpack_table_size};
    }
    nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, entries.data(), count);
    nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0,
                                          static_cast<int32_t>(settings_.initial_connection_window_size));
    wake();
}

// --- streams ---------------------------------------------------------------------------------------------------------

Http2Stream& Http2Session::open(Http2Stream& stream, int32_t id) {
    stream.begin(*this, id);
    stream.start = connection_.loop().now();
    stream.previous = nullptr;
    stream.next = first_open_;
    if (first_open_) first_open_->previous = &stream;
    first_open_ = &stream;
    ++open_count_;
    limits_.note_stream_opened();
    if (stats_) stats_->streams_active.add();
    return stream;
}

void Http2Session::retire(Http2Stream& stream) {
    if (std::exchange(stream.retired, true)) return;
    (stream.previous ? stream.previous->next : first_open_) = stream.next;
    if (stream.next) stream.next->previous = stream.previous;
    --open_count_;
    if (stats_) stats_->streams_active.sub();
    if (partial_ == &stream) partial_ = nullptr;
    if (collecting_ == &stream) collecting_ = nullptr;
    if (stream.queued) std::erase(waiting_, &stream);
    // What was never delivered still counts against the connection's window.
    if (!stream.in.empty() && !over()) nghttp2_session_consume_connection(session_, stream.in.size());
    retired_.push_back(&stream);
    // The owner looks at its maps while the end is told; they go when the work at hand is done.
    if (!busy_) wake();
}

void Http2Session::sweep() {
    for (Http2Stream* stream : retired_) stream->recycle();
    retired_.clear();
}

void Http2Session::count_consumed(const Http2Stream& stream, size_t bytes) {
    if (over()) return;
    if (stream.closed || stream.remote_ended) {
        // Nothing more comes on it: only the connection's window is of use to the peer.
        nghttp2_session_consume_connection(session_, bytes);
    } else {
        nghttp2_session_consume(session_, stream.id, bytes);
    }
}

void Http2Session::deliver_later(Http2Stream& stream) {
    if (std::exchange(stream.queued, true)) return;
    waiting_.push_back(&stream);
    wake();
}

void Http2Session::refuse_later(Http2Stream& stream) {
    stream.refused = true;
    deliver_later(stream);
}

void Http2Session::deliver_waiting() {
    while (!waiting_.empty()) {
        Http2Stream& stream = *waiting_.back();
        waiting_.pop_back();
        stream.queued = false;
        if (stream.refused) {
            stream_closed(stream, NGHTTP2_REFUSED_STREAM);
            continue;
        }
        stream.deliver();
        end_if_delivered(stream);
    }
}

void Http2Session::submit_last_goaway() {
    last_accepted_id_ = nghttp2_session_get_last_proc_stream_id(session_);
    nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE, last_accepted_id_, NGHTTP2_NO_ERROR, nullptr, 0);
}

// The library has let go of it: complete, or one side took it back.
void Http2Session::stream_closed(Http2Stream& stream, uint32_t error_code) {
    stream.closed = true;
    closed_streams_.add(stream.id, !stream.remote_ended && !stream.remote_reset);
    const std::string_view passed = note_stream_end(stream);
    const bool orderly = error_code == NGHTTP2_NO_ERROR && !stream.remote_reset;
    const bool complete = side_ == Side::server ? stream.local_end_sent || orderly : stream.remote_ended;
    if (complete && !stream.reset_here) {
        if (side_ == Side::server) stream.end_delivered = true;  // nobody waits for the rest of the request
        end_if_delivered(stream);
    } else {
        if (!stream.reset_here) {
            const bool refused = error_code == NGHTTP2_REFUSED_STREAM && !stream.no_connect;
            if (refused) count(&Http2Stats::stream_refused_errors);
            if (!stream.remote_reset && !refused && !stream.oversized && !stream.no_connect)
                count(&Http2Stats::rx_messaging_error);
            stream.end_delivered = true;
            // A peer that ends connections for what is sent on them shall not get it again and again.
            const bool orderly_goaway = !stream.remote_reset && goaway_error_ == NGHTTP2_NO_ERROR;
            stream.on_reset(refused ? orderly_goaway ? StreamReset::unprocessed : StreamReset::remote_refused
                            : stream.no_connect   ? StreamReset::no_connect
                            : stream.remote_reset ? StreamReset::remote
                                                  : StreamReset::protocol_error);
        }
        retire(stream);
        on_stream_gone(stream);
    }
    if (!passed.empty() && failure_.empty()) {
        failure_ = passed;
        nghttp2_session_terminate_session(session_, NGHTTP2_ENHANCE_YOUR_CALM);
        wake();
    }
}

void Http2Session::end_if_delivered(Http2Stream& stream) {
    if (!stream.closed || stream.retired || !stream.end_delivered) return;
    stream.on_complete();
    retire(stream);
    on_stream_gone(stream);
}

void Http2Session::close_streams(StreamReset reason) {
    connection_gone_ = true;
    while (Http2Stream* stream = first_open_) {
        if (side_ == Side::client && stream->closed && stream->remote_ended && !stream->end_delivered) {
            // All of it is here; a slow receiver is no reason to lose it.
            stream->deliver(true);
            stream->on_complete();
        } else {
            stream->on_reset(reason);
        }
        retire(*stream);
    }
}

// --- work ------------------------------------------------------------------------------------------------------------

void Http2Session::wake() {
    if (busy_) {
        again_ = true;
    } else if (!std::exchange(scheduled_, true)) {
        loop_.call_again(this);
    }
}

void Http2Session::on_io(uint32_t) {
    scheduled_ = false;
    write_now();
}

void Http2Session::write_now() {
    if (busy_) {
        again_ = true;
        return;
    }
    busy_ = true;
    finish_work();
    busy_ = false;
}

void Http2Session::send_ping() {
    if (over()) return;
    nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr);
    wake();
}

void Http2Session::on_peer_lost() {
    if (over() || connection_.closing()) return;
    count(&Http2Stats::keepalive_timeout);
    connection_.close();
}

void Http2Session::dispatch_input() {
    if (busy_ || over()) return;
    busy_ = true;
    if (keepalive_) keepalive_->on_input();
    network::Buffer& input = connection_.read_buffer();
    while (!input.empty() && !over() && !failing_) {
        slice_ = input.pin_front();
        const std::string_view bytes = input.front();
        if (!read_slice(bytes) || connection_.closing()) break;  // then the input is gone
        input.consume(bytes.size());
        if (partial_) partial_->deliver();
        // Answers of the library must not pile up while a long input is read.
        if (!pull_batch()) check_outbound();
    }
    if (failing_ || !failure_.empty()) input.clear();
    partial_ = nullptr;
    slice_.reset();
    finish_work();
    busy_ = false;
}

// False: the end of it is not worth reading.
bool Http2Session::read_slice(std::string_view bytes) {
    if (side_ == Side::client) return feed(bytes);
    while (!bytes.empty()) {
        int32_t stream = 0;
        const size_t before = data_frames_.find(bytes, stream);
        if (before > 0 && !feed(bytes.substr(0, before))) return false;
        bytes.remove_prefix(before);
        if (stream == 0) continue;
        if (const uint32_t error = judge_closed(NGHTTP2_DATA, stream); error != NGHTTP2_NO_ERROR) {
            fail_by("http2.codec_error", error);
            return false;
        }
    }
    return true;
}

bool Http2Session::feed(std::string_view bytes) {
    // Takes all, as no callback pauses it.
    const ssize_t taken =
        nghttp2_session_mem_recv(session_, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
    if (over()) return false;
    if (taken < 0 && failure_.empty()) {
        const bool flooded = taken == NGHTTP2_ERR_FLOODED;
        fail_by(flooded ? "outbound_control_flood" : "http2.codec_error",
                flooded ? NGHTTP2_ENHANCE_YOUR_CALM : NGHTTP2_PROTOCOL_ERROR);
    }
    return failure_.empty();
}

void Http2Session::finish_work() {
    do {
        again_ = false;
        deliver_waiting();
        if (!over()) pull();
        if (!over()) check_outbound();
        // GOAWAY is written, or there is no room for it.
        if (!over() && (failing_ || !failure_.empty())) fail();
        if (!over()) on_work_done();
    } while (again_ && !over());
    sweep();
    if (!connection_.closing()) tell_outbound(connection_.pending_write_bytes());
}

// Most turns end as they began, with nothing that waits: then nothing is stored.
void Http2Session::tell_outbound(size_t pending) {
    if (!stats_) return;
    const auto tell = [](const stats::Gauge& gauge, auto now, auto& told) {
        if (now != told) gauge.add(static_cast<int64_t>(now) - static_cast<int64_t>(told));
        told = now;
    };
    const Http2Limits::Outbound now = limits_.outbound(written_, pending);
    tell(stats_->outbound_frames_active, now.frames, told_frames_.frames);
    tell(stats_->outbound_control_frames_active, now.control, told_frames_.control);
    tell(stats_->pending_send_bytes, waiting_bytes_, told_bytes_);
}

// Moves frames from the library to the write buffer until there are no more or the batch is full. False: the
// connection has more than enough to write.
bool Http2Session::pull_batch() {
    if (connection_.closing() || connection_.above_high_watermark()) return false;
    network::Buffer& out = connection_.write_buffer();
    batch_end_ = out.size() + std::min<size_t>(kBatchBytes, settings_.stream_buffer_bytes);
    batch_full_ = false;
    while (out.size() < batch_end_) {
        const uint8_t* frame = nullptr;
        const ssize_t length = nghttp2_session_mem_send(session_, &frame);
        if (over()) return true;
        if (length < 0) {
            failing_ = true;
            return true;
        }
        if (length == 0) return true;
        out.append({reinterpret_cast<const char*>(frame), static_cast<size_t>(length)});
        written_ += static_cast<size_t>(length);
        note_frame(frame, static_cast<size_t>(length));
    }
    batch_full_ = true;
    return true;
}

void Http2Session::pull() {
    while (pull_batch()) {
        if (over()) return;
        if (!connection_.write_buffer().empty()) connection_.flush();
        if (!batch_full_ || over()) return;
    }
}

void Http2Session::note_frame(const uint8_t* frame, size_t length) {
    if (length < kFrameHead) return;
    const uint8_t type = frame[3];
    const uint8_t flags = frame[4];
    limits_.note_sent(type, flags, written_, connection_.pending_write_bytes());
    if (type == NGHTTP2_HEADERS && (flags & NGHTTP2_FLAG_END_STREAM) != 0) {
        const auto id = static_cast<int32_t>(read32(frame + 5) & 0x7fffffff);
        auto* stream = static_cast<Http2Stream*>(nghttp2_session_get_stream_user_data(session_, id));
        if (stream) note_end_sent(*stream);
    } else if (type == NGHTTP2_GOAWAY && length >= kFrameHead + 8) {
        count(&Http2Stats::goaway_sent);
        if (read32(frame + kFrameHead + 4) != NGHTTP2_NO_ERROR) failing_ = true;
    }
}

void Http2Session::note_end_sent(Http2Stream& stream) {
    stream.local_end_sent = true;
    if (side_ == Side::server && !stream.remote_ended && !stream.tunnel_open) {
        nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream.id, NGHTTP2_NO_ERROR);
    }
}

// --- errors ----------------------------------------------------------------------------------------------------------

void Http2Session::count_by_name(std::string_view stat) const {
    for (const NamedCounter& one : kLimitCounters) {
        if (one.name == stat) count(one.counter);
    }
}

int Http2Session::fail_by(std::string_view stat, uint32_t error_code) {
    if (failure_.empty()) {
        failure_ = stat;
        count_by_name(stat);
        nghttp2_session_terminate_session(session_, error_code);
    }
    return NGHTTP2_ERR_CALLBACK_FAILURE;
}

void Http2Session::check_outbound() {
    if (!failure_.empty()) return;
    const std::string_view stat = limits_.check_outbound(nghttp2_session_get_outbound_queue_size(session_));
    if (stat.empty()) return;
    failure_ = stat;
    count_by_name(stat);
}

void Http2Session::fail() {
    failed_ = true;
    while (Http2Stream* stream = first_open_) {
        stream->on_reset(StreamReset::protocol_error);
        retire(*stream);
    }
    on_failed(failure_.empty() ? std::string_view("http2.codec_error") : failure_);
}

uint32_t Http2Session::judge_closed(uint8_t type, int32_t id) const {
    if (side_ == Side::client || id % 2 == 0) return NGHTTP2_NO_ERROR;
    if (id > last_remote_id_ || id > last_accepted_id_ || id <= closed_streams_.forgiven_up_to())
        return NGHTTP2_NO_ERROR;
    if (nghttp2_session_get_stream_user_data(session_, id)) return NGHTTP2_NO_ERROR;
    switch (closed_streams_.find(id)) {
        case ClosedStreams::Fate::reset_here:
            return NGHTTP2_NO_ERROR;  // was under way
        case ClosedStreams::Fate::closed:
            return NGHTTP2_STREAM_CLOSED;
        case ClosedStreams::Fate::unknown:
            // Skipped, or closed long ago.
            return type == NGHTTP2_HEADERS ? NGHTTP2_PROTOCOL_ERROR : NGHTTP2_STREAM_CLOSED;
    }
    return NGHTTP2_NO_ERROR;
}

}  // namespace heirloom::http
