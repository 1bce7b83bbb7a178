// SPDX-License-Identifier: Apache-2.0
// Takes the framing off an HTTP/1 body: moves the content from one buffer to another by reference. Strict about chunks:
// hex size without blanks or sign, bounded extensions (skipped), CRLF only.
#pragma once

#include <cstdint>

#include "proxy/network/buffer.h"

namespace heirloom::http {

class BodyDecoder {
  public:
    enum class Progress : uint8_t {
        incomplete,  // `in` is used up
        complete,    // the body is over
        trailers,    // chunked: the last chunk was read, the trailer section follows in `in`
        failed,
    };

    void start_none() { begin(State::done, 0); }
    void start_length(uint64_t bytes) { begin(bytes == 0 ? State::done : State::length, bytes); }
    void start_chunked() { begin(State::chunk_size, 0); }
    void start_until_close() { begin(State::until_close, 0); }
    bool until_close() const { return state_ == State::until_close; }

    // Moves what is there from `in` to the end of `out`. Not to be called again after any other answer than incomplete.
    Progress decode(network::Buffer& in, network::Buffer& out);

  private:
    enum class State : uint8_t {
        done,
        length,
        until_close,
        chunk_size,
        chunk_extension,
        chunk_size_lf,
        chunk_data,
        chunk_data_cr,
        chunk_data_lf,
        trailers,
        failed,
    };
    void begin(State state, uint64_t bytes) {
        state_ = state;
        remaining_ = bytes;
        digits_ = 0;
        extension_bytes_ = 0;
    }
    void take_line_byte(char c);
    Progress decode_chunked(network::Buffer& in, network::Buffer& out);

    State state_ = State::done;
    uint8_t digits_ = 0;
    uint16_t extension_bytes_ = 0;
    uint64_t remaining_ = 0;
};

}  // namespace heirloom::http
