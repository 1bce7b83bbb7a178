// SPDX-License-Identifier: Apache-2.0
// Connection of storm_http2: one HTTP/2 connection with its streams, and the judge of what is a loss.
//
// After the notice of a GOAWAY half of the connections open no stream any more, as they should; the other half go on
// until the last GOAWAY, as they may. Then a new connection takes over while the old one finishes what it has.
//
// A loss is: a stream at or below the last-stream-id of the last GOAWAY that is not answered in full; any stream that
// ends unanswered without that GOAWAY; a GOAWAY with an error; an end without GOAWAY; a wrong answer. A stream above
// the last-stream-id is `retried`. A gRPC stream may be `cut` (RST_STREAM) once S seconds have gone since the notice,
// not before, and not by the end of the connection.
#pragma once

#include <nghttp2/nghttp2.h>

#include <charconv>
#include <cstring>
#include <iterator>
#include <map>
#include <memory>

#include "tests/harness/storm_report.h"

namespace storm {

using std::chrono::milliseconds;

inline constexpr auto kAnswerDeadline = std::chrono::seconds(15);
inline constexpr auto kRest = milliseconds(1000);
inline constexpr auto kMessagePause = milliseconds(20);
inline constexpr auto kBoundTolerance = milliseconds(300);  // the notice may come that much after the drain began
inline constexpr int kMessages = 40;
inline constexpr size_t kMessageBytes = 100;
inline constexpr size_t kFrameHead = 9;
inline constexpr uint32_t kNotice = 0x7fffffff;

struct Options {
    uint16_t port = 0;
    int connections = 4, streams = 16;
    double seconds = 0, bound = 0;
    bool tls = false, grpc = false, progress = false;
    std::string path = "/bytes/100";
};

struct Figures {
    uint64_t requests = 0, heads = 0, retried = 0, cut = 0, messages = 0;
    uint64_t connections = 0, notices = 0, last_goaways = 0, after_notice = 0;
    Failures failures;
    Handshakes handshakes;
    Latencies latencies;
};

inline nghttp2_nv field(std::string_view name, std::string_view value) {
    return {reinterpret_cast<uint8_t*>(const_cast<char*>(name.data())),
            reinterpret_cast<uint8_t*>(const_cast<char*>(value.data())), name.size(), value.size(),
            NGHTTP2_NV_FLAG_NONE};
}

inline uint32_t read32(std::string_view bytes) {
    uint32_t value = 0;
    for (const char byte : bytes.substr(0, 4)) value = value << 8 | static_cast<uint8_t>(byte);
    return value;
}

struct Stream {
    Clock::time_point started, due;  // due: of the next message
    std::string input, output;       // output: not sent yet
    std::string last_message;
    int sent = 0;  // messages
    bool endless = false, owed = false, finish = false, finished = false;
    bool head = false, ended = false, wrong_status = false;
    std::string grpc_status;
};

class Connection {
  public:
    Connection(const Options& options, Figures& figures, int epoll, Tls* tls, int number);
    ~Connection() { nghttp2_session_del(session_); }
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    void on_event();
    void tick(Clock::time_point now, bool stopping);
    void give_up();
    bool gone() const { return transport_.closed(); }
    // It begins no stream any more: another connection is wanted in its place.
    bool retired() const { return gone() || last_goaway_ || (noticed() && polite_); }

  private:
    static nghttp2_session_callbacks* table();
    bool noticed() const { return notice_ != Clock::time_point(); }
    void fail(Failure failure, uint64_t count = 1) { figures_.failures.add(failure, count); }
    void take(std::string_view bytes);
    void on_goaway(std::string_view frame);
    void on_field(int32_t id, std::string_view name, std::string_view value);
    void on_data(int32_t id, std::string_view bytes);
    void on_stream_end(int32_t id, uint32_t error);
    void lose(int32_t id, Failure failure);
    void end(Transport::Io how);
    bool right_answer(const Stream& stream) const;
    void fill(Clock::time_point now);
    void begin_stream(Clock::time_point now);
    void say(int32_t id, Stream& stream, Clock::time_point now);
    void send();
    static ssize_t read_body(nghttp2_session*, int32_t id, uint8_t* to, size_t room, uint32_t* flags,
                             nghttp2_data_source* source, void*);

    const Options& options_;
    Figures& figures_;
    Transport transport_;
    nghttp2_session* session_ = nullptr;
    std::map<int32_t, Stream> streams_;
    std::string input_;
    Clock::time_point started_ = Clock::now();
    Clock::time_point notice_{}, rest_until_{};
    uint32_t last_stream_ = kNotice;
    int begun_ = 0;
    bool last_goaway_ = false, stopping_ = false;
    const bool polite_, bursts_;
};

inline nghttp2_session_callbacks* Connection::table() {
    static nghttp2_session_callbacks* const table = [] {
        nghttp2_session_callbacks* made = nullptr;
        nghttp2_session_callbacks_new(&made);
        nghttp2_session_callbacks_set_on_header_callback(
            made, [](nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name, size_t name_size,
                     const uint8_t* value, size_t value_size, uint8_t, void* self) {
                static_cast<Connection*>(self)->on_field(frame->hd.stream_id,
                                                         {reinterpret_cast<const char*>(name), name_size},
                                                         {reinterpret_cast<const char*>(value), value_size});
                return 0;
            });
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
            made, [](nghttp2_session*, uint8_t, int32_t id, const uint8_t* data, size_t size, void* self) {
                static_cast<Connection*>(self)->on_data(id, {reinterpret_cast<const char*>(data), size});
                return 0;
            });
        nghttp2_session_callbacks_set_on_frame_recv_callback(
            made, [](nghttp2_session*, const nghttp2_frame* frame, void* self) {
                const auto& head = frame->hd;
                if ((head.type == NGHTTP2_DATA || head.type == NGHTTP2_HEADERS) &&
                    (head.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
                    auto& streams = static_cast<Connection*>(self)->streams_;
                    if (const auto found = streams.find(head.stream_id); found != streams.end())
                        found->second.ended = true;
                }
                return 0;
            });
        nghttp2_session_callbacks_set_on_stream_close_callback(
            made, [](nghttp2_session*, int32_t id, uint32_t error, void* self) {
                static_cast<Connection*>(self)->on_stream_end(id, error);
                return 0;
            });
        return made;
    }();
    return table;
}

inline Connection::Connection(const Options& options, Figures& figures, int epoll, Tls* tls, int number)
    : options_(options), figures_(figures), polite_(number % 2 == 0), bursts_(!options.grpc && number % 4 == 3) {
    ++figures_.connections;
    nghttp2_session_client_new(&session_, table(), this);
    const nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_ENABLE_PUSH, 0}};
    nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings, std::size(settings));
    if (!transport_.begin(epoll, options.port, tls, this))
        fail(errno == ECONNREFUSED ? Failure::refused : Failure::connect_error);
}

inline void Connection::on_event() {
    if (gone()) return;
    if (!transport_.open()) {
        const uint64_t missed = figures_.handshakes.not_resumed;
        const auto how = transport_.advance();
        if (how == Transport::Io::again) return;
        if (how != Transport::Io::bytes) return end(how);
        fail(Failure::not_resumed, figures_.handshakes.not_resumed - missed);
        return tick(Clock::now(), stopping_);
    }
    char block[65536];
    while (transport_.open()) {
        size_t count = 0;
        const auto how = transport_.read(block, sizeof block, count);
        if (how == Transport::Io::again) break;
        if (how != Transport::Io::bytes) return end(how);
        take({block, count});
    }
    tick(Clock::now(), stopping_);
}

// The library is told nothing of a notice: after one it would begin no stream.
inline void Connection::take(std::string_view bytes) {
    input_.append(bytes);
    size_t done = 0;
    while (transport_.open() && input_.size() - done >= kFrameHead) {
        const std::string_view rest = std::string_view(input_).substr(done);
        const size_t length = kFrameHead + (read32(rest) >> 8);
        if (rest.size() < length) break;
        const std::string_view frame = rest.substr(0, length);
        done += length;
        if (frame[3] == NGHTTP2_GOAWAY) {
            on_goaway(frame.substr(kFrameHead));
            if (!last_goaway_) continue;
        }
        if (nghttp2_session_mem_recv(session_, reinterpret_cast<const uint8_t*>(frame.data()), frame.size()) < 0) {
            fail(Failure::bad_response);
            return end(Transport::Io::error);
        }
    }
    input_.erase(0, done);
}

inline void Connection::on_goaway(std::string_view frame) {
    const uint32_t last = read32(frame) & kNotice;
    if (read32(frame.substr(4)) != NGHTTP2_NO_ERROR) fail(Failure::goaway_error);
    if (!noticed()) notice_ = Clock::now();
    if (last == kNotice) {
        ++figures_.notices;
        return;
    }
    ++figures_.last_goaways;
    last_goaway_ = true;
    last_stream_ = last;
}

inline void Connection::on_field(int32_t id, std::string_view name, std::string_view value) {
    const auto found = streams_.find(id);
    if (found == streams_.end()) return;
    if (name == ":status") {
        found->second.head = true;
        found->second.wrong_status = value != "200";
        ++figures_.heads;
    } else if (name == "grpc-status") {
        found->second.grpc_status = value;
    }
}

inline void Connection::on_data(int32_t id, std::string_view bytes) {
    const auto found = streams_.find(id);
    if (found == streams_.end()) return;
    Stream& stream = found->second;
    stream.input.append(bytes);
    if (!options_.grpc || stream.input.size() < stream.last_message.size()) return;
    if (!stream.owed || stream.input != stream.last_message) {
        nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL);
        stream.wrong_status = true;
        return;
    }
    const auto now = Clock::now();
    ++figures_.messages;
    figures_.latencies.add(now - stream.started);
    stream.input.clear();
    stream.owed = false;
    stream.due = now + kMessagePause;
}

inline bool Connection::right_answer(const Stream& stream) const {
    if (!stream.ended || !stream.head || stream.wrong_status) return false;
    if (options_.grpc) return stream.grpc_status == "0" && stream.finished && !stream.owed;
    size_t expected = 0;
    std::from_chars(options_.path.data() + 7, options_.path.data() + options_.path.size(), expected);
    const std::string& body = stream.input;
    return body.size() == expected &&
           (expected == 0 || (body.front() == 'a' && body.back() == static_cast<char>('a' + (expected - 1) % 26)));
}

inline void Connection::on_stream_end(int32_t id, uint32_t error) {
    const auto found = streams_.find(id);
    if (found == streams_.end()) return;
    const Stream& stream = found->second;
    if (right_answer(stream)) {
        ++figures_.requests;
        if (!options_.grpc) figures_.latencies.add(Clock::now() - stream.started);
        streams_.erase(found);
    } else if (stream.ended) {
        lose(id, stream.wrong_status ? Failure::bad_status : Failure::bad_response);
    } else {
        lose(id, error == NGHTTP2_NO_ERROR ? Failure::short_body : Failure::stream_reset);
    }
}

// Ended without its answer: a loss, unless the server had said so.
inline void Connection::lose(int32_t id, Failure failure) {
    const auto found = streams_.find(id);
    const bool bound_reached =
        noticed() && Clock::now() - notice_ + kBoundTolerance > std::chrono::duration<double>(options_.bound);
    if (last_goaway_ && static_cast<uint32_t>(id) > last_stream_ && !found->second.head) {
        ++figures_.retried;
    } else if (options_.grpc && last_goaway_ && bound_reached && failure == Failure::stream_reset) {
        ++figures_.cut;
    } else {
        std::fprintf(
            stderr,
            "lost: stream %d (%s), head %d, %zu bytes, begun %.3f s ago, notice %.3f s ago, last-stream-id %u\n", id,
            kFailureNames[static_cast<size_t>(failure)], found->second.head, found->second.input.size(),
            std::chrono::duration<double>(Clock::now() - found->second.started).count(),
            noticed() ? std::chrono::duration<double>(Clock::now() - notice_).count() : -1.0, last_stream_);
        fail(options_.grpc && failure != Failure::bad_response && noticed() ? Failure::cut_early : failure);
    }
    streams_.erase(found);
}

// The connection has ended, or cannot be made.
inline void Connection::end(Transport::Io how) {
    const bool was_open = transport_.open();
    transport_.close();
    if (!was_open) return fail(failure_of(how));
    if (streams_.empty() && (!noticed() || how != Transport::Io::end)) fail(failure_of(how));
    while (!streams_.empty()) lose(streams_.begin()->first, failure_of(how));
}

inline void Connection::give_up() {
    fail(Failure::timeout, std::max<size_t>(streams_.size(), 1));
    streams_.clear();
    transport_.close();
}

// --- sending ---------------------------------------------------------------------------------------------------------

inline void Connection::tick(Clock::time_point now, bool stopping) {
    stopping_ = stopping;
    if (gone()) return;
    if (!transport_.open()) {
        if (now - started_ > kAnswerDeadline) give_up();
        return;
    }
    if (!stopping && !retired()) fill(now);
    for (auto& [id, stream] : streams_) {
        const bool waits = options_.grpc ? stream.owed : true;
        if (waits && now - stream.started > kAnswerDeadline) return give_up();
        if (options_.grpc) say(id, stream, now);
    }
    send();
    if (!gone() && streams_.empty() && (stopping || retired())) transport_.close();
}

inline void Connection::fill(Clock::time_point now) {
    const auto wanted = static_cast<size_t>(options_.streams);
    if (bursts_ && (!streams_.empty() || now < rest_until_)) return;
    if (bursts_) rest_until_ = now + kRest;
    while (streams_.size() < wanted) begin_stream(now);
}

inline void Connection::begin_stream(Clock::time_point now) {
    const nghttp2_nv head[] = {field(":method", options_.grpc ? "POST" : "GET"),
                               field(":scheme", options_.tls ? "https" : "http"),
                               field(":authority", "storm.test"),
                               field(":path", options_.path),
                               field("te", "trailers"),
                               field("content-type", "application/grpc")};
    nghttp2_data_provider provider{};
    provider.source.ptr = this;
    provider.read_callback = &Connection::read_body;
    const int32_t id = nghttp2_submit_request(session_, nullptr, head, options_.grpc ? 6 : 4,
                                              options_.grpc ? &provider : nullptr, nullptr);
    if (id < 0) return fail(Failure::connect_error);
    Stream& stream = streams_[id];
    stream.started = stream.due = now;
    stream.endless = ++begun_ % 2 == 0;
    if (noticed()) ++figures_.after_notice;
}

// The next message, or the end of the stream.
inline void Connection::say(int32_t id, Stream& stream, Clock::time_point now) {
    if (stream.owed || stream.finish || stream.wrong_status || now < stream.due) return;
    const bool enough = !stream.endless && (stream.sent >= kMessages || retired());
    if (stopping_ || enough) {
        stream.finish = true;
    } else {
        std::string text = std::to_string(id) + " " + std::to_string(++stream.sent) + " ";
        text.resize(kMessageBytes, 'm');
        stream.last_message = std::string("\0\0\0\0", 4) + static_cast<char>(kMessageBytes) + text;
        stream.output = stream.last_message;
        stream.owed = true;
    }
    stream.started = now;
    nghttp2_session_resume_data(session_, id);
}

inline ssize_t Connection::read_body(nghttp2_session*, int32_t id, uint8_t* to, size_t room, uint32_t* flags,
                                     nghttp2_data_source* source, void*) {
    auto& streams = static_cast<Connection*>(source->ptr)->streams_;
    const auto found = streams.find(id);
    if (found == streams.end()) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    Stream& stream = found->second;
    const size_t count = std::min(room, stream.output.size());
    if (count == 0 && !stream.finish) return NGHTTP2_ERR_DEFERRED;
    std::memcpy(to, stream.output.data(), count);
    stream.output.erase(0, count);
    if (stream.finish && stream.output.empty()) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        stream.finished = true;
    }
    return static_cast<ssize_t>(count);
}

inline void Connection::send() {
    std::string out;
    const uint8_t* bytes = nullptr;
    ssize_t count = 0;
    while ((count = nghttp2_session_mem_send(session_, &bytes)) > 0) {
        out.append(reinterpret_cast<const char*>(bytes), static_cast<size_t>(count));
    }
    const auto how = transport_.write(out);
    // What the server said before it left is still to be read; then comes the end.
    if (how == Transport::Io::error || how == Transport::Io::truncated) end(how);
}

}  // namespace storm
