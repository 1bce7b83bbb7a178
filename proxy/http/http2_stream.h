// SPDX-License-Identifier: Apache-2.0
// Http2Stream: what both sides of an HTTP/2 stream share. Received bytes wait here while the receiver is paused, bytes
// to send until the windows and the connection have room. Taken from a per-thread pool with its maps' memory.
//
//   receiving   head -> body -> (trailers) -> ended; each is delivered in order, nothing while paused but the head
//   sending     head -> body -> (trailers) -> ended
//   closed by the session when both have ended or one side has reset it; retired when all was delivered too
#pragma once

#include <chrono>
#include <vector>

#include "proxy/http/codec.h"
#include "proxy/http/http2_fields.h"

namespace heirloom::http {

class Http2Session;

class Http2Stream : public BodyFlow {
  public:
    // BodyFlow
    void pause_reading() final { ++pauses_; }
    void resume_reading() final;

    void begin(Http2Session& session, int32_t stream_id);
    // Clears what a stream holds, keeps memory.
    void recycle();
    virtual void give_back() = 0;  // to its pool; ends its life as far as the session is concerned

    // Delivers what waits and may be delivered; `all`: even to a paused receiver.
    void deliver(bool all = false);
    // Sending; `data` is taken whole.
    void send_head(FieldList& fields, bool end_stream);
    void send_body(network::Buffer& data, bool end_stream);
    void send_trailers(const HeaderMap& trailers);
    void send_reset(uint32_t error_code);
    bool over_limit() const { return over_limit_; }

    // What the side makes of it. Without a receiver all of them do nothing.
    virtual bool on_head(bool end_stream) = 0;  // false: malformed
    virtual void on_body(network::Buffer& data, bool end_stream) = 0;
    virtual void on_trailers() = 0;
    virtual void on_flow(bool high) = 0;
    virtual void on_complete() = 0;
    virtual void on_reset(StreamReset reason) = 0;

    // For the session.
    HeaderMap headers;
    HeaderMap trailers;
    network::Buffer in;
    network::Buffer out;
    Http2Stream* next = nullptr;
    Http2Stream* previous = nullptr;
    std::chrono::steady_clock::time_point start;
    int32_t id = -1;
    bool head_received = false;
    bool trailers_received = false;
    bool remote_ended = false;   // the last byte has arrived
    bool end_delivered = false;  // and the receiver knows
    bool head_sent = false;      // handed to the library
    bool local_ended = false;    // handed to us
    bool local_end_sent = false;
    bool has_trailers_to_send = false;
    bool deferred = false;  // the library waits for bytes of `out`
    bool remote_reset = false;
    bool reset_here = false;
    bool oversized = false;    // its head
    bool connect = false;      // a request for a tunnel: CONNECT, plain or extended
    bool tunnel_open = false;  // and accepted: each side ends by itself
    bool refused = false;      // never begun
    bool no_connect = false;   // and will not be: the peer does no extended CONNECT
    bool closed = false;       // the library has forgotten it
    bool retired = false;
    bool queued = false;  // for delivery

  protected:
    ~Http2Stream() override = default;

  private:
    friend class Http2Session;
    void update_flow();

    HeaderMap trailers_out_;
    Http2Session* session_ = nullptr;
    uint32_t pauses_ = 0;
    bool over_limit_ = false;
};

// The free streams of a thread. Under the address sanitizer nothing is kept, so that a use after the end is seen.
template <class Stream>
class StreamPool {
  public:
    static Stream* acquire() {
        if (gone || list.free.empty()) return new Stream();
        Stream* stream = list.free.back();
        list.free.pop_back();
        return stream;
    }
    static void give_back(Stream* stream) {
#ifndef __SANITIZE_ADDRESS__
        if (!gone && list.free.size() < kLimit) {
            list.free.push_back(stream);
            return;
        }
#endif
        delete stream;
    }

  private:
    static constexpr size_t kLimit = 512;
    struct List {
        std::vector<Stream*> free;
        ~List() {
            gone = true;
            for (Stream* stream : free) delete stream;
        }
    };
    static inline thread_local List list;
    static inline thread_local bool gone = false;  // trivial, so it outlives `list`
};

}  // namespace heirloom::http
