// SPDX-License-Identifier: Apache-2.0
// Writes HTTP/1 heads and bodies into a connection's write buffer. A head is written in one piece; a body passes by
// reference, with chunk framing around it when its length is not known. Nothing that could end a line early gets out.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

#include "proxy/http/headers.h"
#include "proxy/http/http1_chars.h"
#include "proxy/network/buffer.h"

namespace heirloom::http {

class HeadWriter {
  public:
    // Room in `out` for the fields of `headers` and `extra` bytes of other text.
    HeadWriter(network::Buffer& out, const HeaderMap& headers, size_t extra);

    void put(std::string_view text) { at_ = copy_bytes(at_, text); }
    void put_target(
        std::string_view target);      // percent-encodes what would break the request line; counts as field bytes
    void put_status(uint16_t status);  // three digits
    void put_line(std::string_view name, std::string_view value) {
        char* at = copy_bytes(at_, name);
        std::memcpy(at, ": ", 2);
        at = copy_bytes(at + 2, value);
        std::memcpy(at, "\r\n", 2);
        at_ = at + 2;
    }
    // All fields but pseudo headers, host and those that belong to the connection or the framing (connection,
    // keep-alive, proxy-connection, transfer-encoding, content-length). A field with a control character in it is left
    // out.
    void put_fields(const HeaderMap& headers);
    // What was put so far: names in proper case, each letter at the begin or behind what is neither letter nor digit
    // is a capital. `apart`: the first line holds no name.
    // Source: Envoy, header casing, "proper_case_words".
    enum class FirstLine : uint8_t { apart, field };
    void capitalize_names(FirstLine first);
    // What was put so far, its first line apart: names as they were written, wherever `written` knows of them.
    void restore_names(const WrittenHead& written);
    void finish();  // the empty line; commits to the buffer

  private:
    network::Buffer& out_;
    char* begin_;
    char* at_;
};

// How a message's end is told.
enum class BodyFraming : uint8_t { none, length, chunked, until_close };

class BodyEncoder {
  public:
    void start(BodyFraming framing, uint64_t length = 0) {
        framing_ = framing;
        remaining_ = length;
    }
    BodyFraming framing() const { return framing_; }
    // Moves all of `data` to `out`, framed. What does not belong there (a body where there is none, more than
    // announced) is dropped.
    void encode(network::Buffer& data, network::Buffer& out);
    // Writes what ends the body, with `trailers` when not null. Returns false when fewer bytes came than were
    // announced: the connection must not be used again.
    bool finish(network::Buffer& out, const HeaderMap* trailers, bool proper_case_names = false);

  private:
    BodyFraming framing_ = BodyFraming::none;
    uint64_t remaining_ = 0;
};

// The value of content-length, when there is a usable one.
bool read_content_length(const HeaderMap& headers, uint64_t& out);

}  // namespace heirloom::http
