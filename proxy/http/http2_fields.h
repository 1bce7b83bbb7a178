// SPDX-License-Identifier: Apache-2.0
// Heads between HPACK and HeaderMap. libnghttp2 has checked each field by itself when it arrives (names, values,
// pseudo headers, nothing connection-specific, one content-length); here is what needs the whole head.
#pragma once

#include <nghttp2/nghttp2.h>

#include <span>
#include <string_view>
#include <vector>

#include "proxy/http/headers.h"
#include "proxy/http/http2_codec.h"

namespace heirloom::http {

class FieldCollector {
  public:
    explicit FieldCollector(const Http2Settings& settings) : settings_(settings) {}
    void begin(HeaderMap& map);
    // False: the head is over a limit.
    bool add(std::string_view name, std::string_view value, bool never_indexed) {
        bytes_ += name.size() + value.size();
        if (bytes_ > settings_.max_headers_bytes || ++count_ > settings_.max_headers_count) return false;
        map_->add_copy(name, value).never_indexed = never_indexed;
        return true;
    }

  private:
    const Http2Settings& settings_;
    HeaderMap* map_ = nullptr;
    size_t bytes_ = 0;
    uint32_t count_ = 0;
};

// Puts `host` into `:authority` and joins the cookie fields. False: malformed.
bool complete_request_head(HeaderMap& headers);
// Extended CONNECT becomes what a tunnel looks like everywhere here: `upgrade` holds what `:protocol` said. Returns
// whether the request is a CONNECT, plain or extended.
bool read_connect(HeaderMap& headers);
// The answer to one: a 2xx to an upgrade becomes 101, as codec.h has it. Returns whether the tunnel is open.
bool read_connect_response(HeaderMap& headers, std::string_view upgrade);
// Three digits.
uint16_t status_of(const HeaderMap& headers);

// Fields as the library takes them. Views: valid until the map changes. What belongs to an HTTP/1 connection is left
// out, and each field that a receiver would have to refuse.
class FieldList {
  public:
    // Empties it and makes room; the memory is kept.
    void begin(size_t most) {
        size_ = 0;
        if (fields_.size() < most) fields_.resize(most);
    }
    // REQUIRES: no more of them than begin() was told.
    void add(const nghttp2_nv& field) { fields_[size_++] = field; }
    const nghttp2_nv* data() const { return fields_.data(); }
    size_t size() const { return size_; }
    std::span<const nghttp2_nv> all() const { return {data(), size_}; }

  private:
    std::vector<nghttp2_nv> fields_;
    size_t size_ = 0;
};
void list_request(const HeaderMap& headers, bool secure, FieldList& out);
// `tunnel`: it accepts a CONNECT; 101 is written as 200.
void list_response(const HeaderMap& headers, bool tunnel, FieldList& out);
void list_interim(uint16_t status, const HeaderMap& headers, FieldList& out);
void list_trailers(const HeaderMap& trailers, FieldList& out);

}  // namespace heirloom::http
