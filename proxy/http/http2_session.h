// SPDX-License-Identifier: Apache-2.0
// Http2Session: one libnghttp2 session between a network::Connection and its streams; the part of the codec that both
// sides share. Bytes go in by dispatch(); what is to be sent is pulled out of the library when the work at hand is
// done: at the end of dispatch() or of the loop's iteration, so that the frames of many streams leave together.
#pragma once

#include <nghttp2/nghttp2.h>

#include <vector>

#include "proxy/http/http2_codec.h"
#include "proxy/http/http2_fields.h"
#include "proxy/http/http2_keepalive.h"
#include "proxy/http/http2_limits.h"
#include "proxy/http/http2_stream.h"

namespace heirloom::http {

class Http2Session : public network::IoHandler, private Http2Keepalive::Peer {
  public:
    void dispatch_input();
    void close_streams(StreamReset reason);  // the connection is gone
    void write_buffer_low() { wake(); }
    size_t open_count() const { return open_count_; }
    bool collecting() const { return collecting_ != nullptr; }

    // For streams.
    void wake();  // something to send, to deliver or to retire
    void deliver_later(Http2Stream& stream);
    void refuse_later(Http2Stream& stream);  // a request that cannot even be begun
    void count_consumed(const Http2Stream& stream, size_t bytes);
    void retire(Http2Stream& stream);
    void note_end_sent(Http2Stream& stream);  // of a server: nobody hears the rest of a request that is no tunnel
    Http2Stream& open(Http2Stream& stream, int32_t id);
    FieldList& field_list() { return fields_; }
    const Http2Settings& settings() const { return settings_; }
    bool over() const { return connection_gone_ || failed_; }
    void count(stats::Counter Http2Stats::*stat) const {
        if (stats_) (stats_->*stat).add();
    }
    // Body bytes that wait in streams for windows and for room, more or (as they go) fewer.
    void note_waiting(size_t more) { waiting_bytes_ += more; }
    void note_gone(size_t fewer) { waiting_bytes_ -= fewer; }
    nghttp2_data_provider provider_of(Http2Stream& stream) const;
    nghttp2_session* library() const { return session_; }

  protected:
    enum class Side : uint8_t { server, client };
    Http2Session(network::Connection& connection, const Http2Settings& settings, const Http2Stats* stats, Side side);
    ~Http2Session() override;

    // What the sides add.
    virtual Http2Stream* make_stream(int32_t id) = 0;  // a request begins
    virtual void on_stream_gone(Http2Stream& stream) = 0;
    virtual void on_failed(std::string_view details) = 0;
    virtual void on_work_done() {}  // all that may leave now has left; may begin new work
    virtual void on_goaway_received() {}
    virtual void on_settings_received() {}
    // Returns the stat of the limit that was passed by this end, or an empty view.
    virtual std::string_view note_stream_end(const Http2Stream&) { return {}; }

    Http2Stream* first_open() const { return first_open_; }
    void submit_settings();
    void submit_last_goaway();
    void write_now();  // what is submitted, unless the work at hand will
    void note_new_stream() {
        if (keepalive_) keepalive_->before_new_stream();
    }
    std::chrono::steady_clock::time_point now() const { return loop_.now(); }
    Http2Limits& limits() { return limits_; }

  private:
    struct Callbacks;
    friend struct Callbacks;

    void on_io(uint32_t events) override;  // from wake()
    void send_ping() override;
    void on_peer_lost() override;
    void finish_work();
    void pull();
    bool pull_batch();
    void note_frame(const uint8_t* frame, size_t length);
    void deliver_waiting();
    void stream_closed(Http2Stream& stream, uint32_t error_code);
    void end_if_delivered(Http2Stream& stream);
    int fail_by(std::string_view stat, uint32_t error_code);
    void count_by_name(std::string_view stat) const;
    void check_outbound();
    void tell_outbound(size_t pending);
    bool ends_by_error() const { return failing_ || !failure_.empty(); }
    void fail();
    void sweep();
    // Is a frame on a stream that is not open what RFC 9113 5.1 lets pass? Returns the error to end with, or 0.
    uint32_t judge_closed(uint8_t type, int32_t id) const;
    bool read_slice(std::string_view bytes);
    bool feed(std::string_view bytes);

    network::Connection& connection_;
    network::EventLoop& loop_;
    const Http2Settings settings_;
    const Http2Stats* stats_;
    const Side side_;
    Http2Limits limits_;
    nghttp2_session* session_ = nullptr;
    FieldCollector collector_;
    FieldList fields_;
    ClosedStreams closed_streams_;
    DataFrameFinder data_frames_;
    std::unique_ptr<Http2Keepalive> keepalive_;  // null: not configured
    network::BlockRef slice_;                    // what the library is reading
    Http2Stream* collecting_ = nullptr;          // whose head block is being read
    Http2Stream* partial_ = nullptr;             // has a piece of a DATA frame that is still arriving
    Http2Stream* first_open_ = nullptr;
    std::vector<Http2Stream*> waiting_;  // for delivery after a pause
    std::vector<Http2Stream*> retired_;
    size_t open_count_ = 0;
    int32_t last_remote_id_ = 0;
    // Beyond it the peer's streams were under way when GOAWAY told it this one: the library passes all their frames by
    // (RFC 9113 6.8).
    int32_t last_accepted_id_ = INT32_MAX;
    uint32_t goaway_error_ = 0;  // of the peer's last one
    size_t batch_end_ = 0;
    uint64_t written_ = 0;
    size_t waiting_bytes_ = 0;
    Http2Limits::Outbound told_frames_;  // to the gauges
    size_t told_bytes_ = 0;
    std::string_view failure_;  // details of the end that is under way
    bool batch_full_ = false;
    bool busy_ = false;
    bool again_ = false;
    bool scheduled_ = false;
    bool failing_ = false;  // an error GOAWAY is queued or written
    bool failed_ = false;
    bool connection_gone_ = false;
};

}  // namespace heirloom::http
