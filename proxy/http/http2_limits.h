// SPDX-License-Identifier: Apache-2.0
// Counts the frames of one HTTP/2 connection against the limits of Http2Settings. Each function returns the stat that
// a peer has earned by going beyond, or an empty view.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "proxy/http/http2_codec.h"

namespace heirloom::http {

class Http2Limits {
  public:
    explicit Http2Limits(const Http2Settings& settings) : settings_(settings) {}

    // The head of a frame has arrived.
    std::string_view note_received(uint8_t type, uint8_t flags, size_t length);
    void note_stream_opened() { ++streams_; }
    // A request has ended; `premature`: its client took it back early.
    std::string_view note_request_ended(bool premature);

    // A frame was written. `written` and `pending`: bytes ever put into the write buffer, and those still there.
    void note_sent(uint8_t type, uint8_t flags, uint64_t written, size_t pending);
    // Frames that the peer has not taken yet: those of the last epochs, so rather too many than too few; none when
    // nothing is pending.
    struct Outbound {
        uint32_t frames = 0;
        uint32_t control = 0;
    };
    Outbound outbound(uint64_t written, size_t pending);
    // `queued`: frames that are not written yet.
    std::string_view check_outbound(size_t queued) const;

  private:
    struct Sent {
        uint64_t end = 0;  // value of `written` behind the last of them
        uint32_t frames = 0;
        uint32_t control = 0;
    };

    void forget(uint64_t gone);

    const Http2Settings& settings_;
    uint64_t streams_ = 0;
    uint64_t priority_frames_ = 0;
    uint64_t window_updates_ = 0;
    uint64_t data_sent_ = 0;
    uint64_t requests_ended_ = 0;
    uint64_t premature_resets_ = 0;
    uint32_t empty_frames_ = 0;
    // Two epochs: when the bytes of the older are gone its frames are forgotten and the younger takes its place.
    Sent older_, younger_;
};

// Remembers the streams that ended last, to tell a frame that was under way when its stream was reset here from one
// that should never have been sent.
class ClosedStreams {
  public:
    enum class Fate : uint8_t { unknown, closed, reset_here };
    void add(int32_t id, bool reset_here);
    Fate find(int32_t id) const;
    // Reset here, and forgotten since: up to this stream nothing can be held against the peer.
    int32_t forgiven_up_to() const { return forgiven_; }

  private:
    struct Entry {
        int32_t id = 0;
        bool reset_here = false;
    };
    std::array<Entry, 64> ring_{};
    size_t next_ = 0;
    int32_t forgiven_ = 0;
};

// Finds the heads of DATA frames in what a client sends, before the library reads them: on streams that are over it
// passes such frames by without a word.
class DataFrameFinder {
  public:
    // How many of `bytes` come before the next such head; `stream` is then the stream it names, else 0.
    size_t find(std::string_view bytes, int32_t& stream);

  private:
    static constexpr size_t kHeadBytes = 9;
    size_t skip_ = 24;  // to the next head; first the connection preface
    std::array<uint8_t, kHeadBytes> head_{};
    size_t have_ = 0;
};

}  // namespace heirloom::http
