// SPDX-License-Identifier: Apache-2.0
// Push parser for the head of an HTTP/1 message and for trailers. Strict: CRLF only, no folding, no blank before the
// colon, one way to say where the body ends. Works in place on the read buffer: names are lower-cased where they stand,
// the map gets views and pins the block. How the bytes were cut into reads makes no difference to the result.
#pragma once

#include <cstdint>
#include <string_view>

#include "proxy/http/codec.h"
#include "proxy/http/http1_codec.h"
#include "proxy/http/http1_request_line.h"

namespace heirloom::http {

// What framing needs to know of a head.
struct MessageHead {
    Protocol protocol = Protocol::http11;
    uint16_t status = 0;  // responses
    bool head_request = false;
    bool connect = false;
    bool chunked = false;
    bool has_content_length = false;
    bool connection_close = false;
    bool connection_keep_alive = false;
    bool connection_upgrade = false;
    uint64_t content_length = 0;

    bool keep_alive() const { return !connection_close && (protocol == Protocol::http11 || connection_keep_alive); }
};

class HeadParser {
  public:
    enum class Kind : uint8_t { request, response, trailers };
    enum class Progress : uint8_t { incomplete, complete, failed };

    // Begins a new head; `settings` outlives it.
    void start(Kind kind, const Http1Settings& settings);
    // Parses from the front of `buffer` into `map` (empty at the first call). complete: the head is consumed, `map`
    // holds it. failed: error() says why. incomplete: nothing but leading empty lines was consumed; call again with
    // more bytes.
    Progress parse(network::Buffer& buffer, HeaderMap& map);

    const MessageHead& head() const { return head_; }
    const CodecError& error() const { return error_; }

  private:
    enum class Line : uint8_t { field, end, incomplete, malformed, refused };
    bool skip_empty_line(network::Buffer& buffer);
    Line start_line(char* begin, char* end, HeaderMap& map);
    void note_written(HeaderMap& map) const;
    Line field_lines(char* begin, char* end, HeaderMap& map);
    Line accept_field(HeaderId id, std::string_view name, std::string_view value, HeaderMap& map);
    bool method_is_broken(const char* begin, const char* end) const;
    Line refuse(uint16_t status, std::string_view details);
    Progress fail(uint16_t status, std::string_view details);
    Progress wait_for_more(const char* begin, size_t size);
    Progress finish(HeaderMap& map);
    void restart(HeaderMap& map);

    const Http1Settings* settings_ = nullptr;
    const char* base_ = nullptr;  // where the head begins
    uint32_t position_ = 0;       // all before it is parsed
    uint32_t scanned_ = 0;        // no line ends between position_ and here
    uint32_t field_count_ = 0;
    Kind kind_ = Kind::request;
    bool empty_line_seen_ = false;
    bool transfer_encoding_seen_ = false;
    bool transfer_encoding_unknown_ = false;
    bool host_seen_ = false;
    bool authority_from_url_ = false;
    bool broken_characters_ = false;  // why the line is malformed: a control character in a value
    uint32_t line_end_ = 0;           // of the line just parsed, or refused
    MessageHead head_;
    CodecError error_;
};

}  // namespace heirloom::http
