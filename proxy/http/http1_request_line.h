// SPDX-License-Identifier: Apache-2.0
// The start lines of HTTP/1 messages. All views point into the line. Pure functions.
#pragma once

#include <cstdint>
#include <string_view>

#include "proxy/http/codec.h"

namespace heirloom::http {

struct RequestLine {
    std::string_view method;
    std::string_view path;  // origin form, "*", or what follows the authority of an absolute form ("/" when nothing)
    std::string_view authority;  // absolute and authority form only
    std::string_view scheme;     // absolute form only: "http" or "https"
    Protocol protocol = Protocol::http11;
    bool connect = false;  // authority form: `path` is empty
};

// `line` without its CRLF. Returns an error with status 0 when all is well. With allow_absolute_url false an absolute
// form is a path like any other (it will match no route, as in Envoy).
CodecError parse_request_line(std::string_view line, bool accept_http10, bool allow_absolute_url, RequestLine& out);

struct StatusLine {
    uint16_t status = 0;
    std::string_view digits;
    std::string_view reason;  // "" when there is none
    Protocol protocol = Protocol::http11;
};
bool parse_status_line(std::string_view line, StatusLine& out);

// What may stand in Host or an authority: no user information, no path, no list; empty is allowed.
bool is_valid_authority(std::string_view authority);

}  // namespace heirloom::http
