// SPDX-License-Identifier: Apache-2.0
// HTTP/1.1 framing on both sides over a network::Connection (RFC 9112), strict: what one side could read differently
// from the other is refused, never forwarded.
#pragma once

#include <memory>

#include "proxy/http/codec.h"
#include "proxy/network/connection.h"

namespace heirloom::http {

struct Http1Settings {
    uint32_t max_headers_bytes = 60 * 1024;
    uint32_t max_headers_count = 100;
    bool enable_trailers = false;    // forward trailers; else they are parsed and dropped
    bool proper_case_names = false;  // written as "Content-Type", else in lower case
    // What comes is written to the other side as it came: names, those that are added in between capitalized or not,
    // and the reason phrase.
    bool preserve_case = false;
    bool capitalize_added = false;
    bool forward_reason = false;
    bool accept_http10 = false;  // else 426
    std::string_view default_host_for_http10;
    bool allow_absolute_url = true;
};

// The codec writes to connection.write_buffer() and flushes once per event (head and body leave together). It must not
// be deleted inside one of its own callbacks: EventLoop::destroy_later() with the connection.
//
// The server turns `host` into `:authority` and keeps no `host` field; CONNECT has no `:path`. A target that does not
// start with `/` reaches the decoder only as `OPTIONS *`, as `?query` behind an absolute authority, or whole when
// absolute targets are not allowed. Hop-by-hop fields stay in the map for the connection manager to judge; the encoders
// of both sides write host, content-length, transfer-encoding and connection themselves and skip such fields of the
// map.
//
// The server's settings outlive it; the client keeps a copy.
std::unique_ptr<ServerCodec> make_http1_server(network::Connection& connection, ServerCallbacks& callbacks,
                                               const Http1Settings& settings);
std::unique_ptr<ClientCodec> make_http1_client(network::Connection& connection, ClientCallbacks& callbacks,
                                               const Http1Settings& settings);

}  // namespace heirloom::http
