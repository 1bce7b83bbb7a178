// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/http1_body.h"

#include <algorithm>

#include "proxy/http/http1_chars.h"

namespace heirloom::http {
namespace {

constexpr int kMaxSizeDigits = 15;  // no overflow, and no chunk needs more
constexpr int kMaxExtensionBytes = 1024;

int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

}  // namespace

BodyDecoder::Progress BodyDecoder::decode(network::Buffer& in, network::Buffer& out) {
    switch (state_) {
        case State::done:
            return Progress::complete;
        case State::failed:
            return Progress::failed;
        case State::until_close:
            out.move_from(in);
            return Progress::incomplete;
        case State::length: {
            const auto take = static_cast<size_t>(std::min<uint64_t>(remaining_, in.size()));
            out.move_from(in, take);
            remaining_ -= take;
            if (remaining_ > 0) return Progress::incomplete;
            state_ = State::done;
            return Progress::complete;
        }
        case State::chunk_size:
        case State::chunk_extension:
        case State::chunk_size_lf:
        case State::chunk_data:
        case State::chunk_data_cr:
        case State::chunk_data_lf:
        case State::trailers:
            return decode_chunked(in, out);
    }
    return Progress::failed;
}

BodyDecoder::Progress BodyDecoder::decode_chunked(network::Buffer& in, network::Buffer& out) {
    while (!in.empty()) {
        if (state_ == State::chunk_data) {
            const auto take = static_cast<size_t>(std::min<uint64_t>(remaining_, in.size()));
            out.move_from(in, take);
            remaining_ -= take;
            if (remaining_ > 0) return Progress::incomplete;
            state_ = State::chunk_data_cr;
            continue;
        }
        const std::string_view bytes = in.front();
        size_t used = 0;
        while (used < bytes.size() && state_ < State::chunk_data) take_line_byte(bytes[used++]);
        while (used < bytes.size() && (state_ == State::chunk_data_cr || state_ == State::chunk_data_lf)) {
            take_line_byte(bytes[used++]);
        }
        in.consume(used);
        if (state_ == State::trailers) return Progress::trailers;
        if (state_ == State::failed) return Progress::failed;
    }
    return Progress::incomplete;
}

void BodyDecoder::take_line_byte(char c) {
    switch (state_) {
        case State::chunk_size:
            if (const int value = hex_value(c); value >= 0) {
                remaining_ = remaining_ * 16 + static_cast<uint64_t>(value);
                if (++digits_ > kMaxSizeDigits) state_ = State::failed;
            } else if (digits_ == 0) {
                state_ = State::failed;
            } else if (c == ';') {
                state_ = State::chunk_extension;
                extension_bytes_ = 0;
            } else {
                state_ = c == '\r' ? State::chunk_size_lf : State::failed;
            }
            return;
        case State::chunk_extension:
            if (c == '\r') {
                state_ = State::chunk_size_lf;
            } else if (is_control(c) || ++extension_bytes_ > kMaxExtensionBytes) {
                state_ = State::failed;
            }
            return;
        case State::chunk_size_lf:
            if (c != '\n') {
                state_ = State::failed;
            } else {
                state_ = remaining_ == 0 ? State::trailers : State::chunk_data;
            }
            return;
        case State::chunk_data_cr:
            state_ = c == '\r' ? State::chunk_data_lf : State::failed;
            return;
        case State::chunk_data_lf:
            state_ = c == '\n' ? State::chunk_size : State::failed;
            remaining_ = 0;
            digits_ = 0;
            return;
        case State::done:
        case State::length:
        case State::until_close:
        case State::chunk_data:
        case State::trailers:
        case State::failed:
            state_ = State::failed;
            return;
    }
}

}  // namespace heirloom::http
