// SPDX-License-Identifier: Apache-2.0
// One request/response exchange between the connection manager and whoever answers it (the router, the admin server,
// later HTTP filters): the same interface whatever the protocol. All calls on the worker's thread.
//
//   DownstreamStream (connection_manager)  <- answers and flow -  StreamHandler (router, admin)
//                                          - request events  ->
#pragma once

#include <chrono>
#include <memory>
#include <string_view>

#include "proxy/http/stream_info.h"
#include "proxy/network/event_loop.h"
#include "shm/socket_name.h"

namespace heirloom::http {

class DownstreamStream {
  public:
    virtual ~DownstreamStream() = default;
    virtual HeaderMap& request_headers() = 0;
    virtual StreamInfo& info() = 0;
    virtual network::EventLoop& loop() = 0;
    // Who the connection comes from, its peer or whom a PROXY header named, and the address it came to. Null: nobody
    // knows. Only where it is needed: the first question of a connection costs a system call.
    virtual const shm::SocketAddress* client_address() { return nullptr; }
    virtual const shm::SocketAddress* local_address() { return nullptr; }

    virtual void send_interim(uint16_t status, const HeaderMap& headers) = 0;
    // `headers` must have `:status`. The connection manager adds date, server, and decides on `connection: close`.
    // They are read again when the stream ends (log): they must live until on_destroy().
    virtual void send_headers(HeaderMap& headers, bool end_stream) = 0;
    virtual void send_body(network::Buffer& data, bool end_stream) = 0;  // takes all bytes
    virtual void send_trailers(HeaderMap& trailers) = 0;
    // An answer made here: text/plain body (none when empty), content-length, the details for the log; sets no flag.
    // `add`: further headers such as location. Ignored when a response has begun: then the stream is reset.
    virtual void send_local_reply(uint16_t status, std::string_view body, std::string_view details,
                                  const HeaderMap* add = nullptr) = 0;
    virtual void reset(StreamReset reason) = 0;  // on_destroy() follows
    virtual bool response_started() const = 0;
    virtual bool request_complete() const = 0;
    // The response outruns the client; see StreamHandler::on_response_flow_high().
    virtual bool response_flow_high() const = 0;
    virtual BodyFlow& request_flow() = 0;
    // Bytes that may be held for it: per_connection_buffer_limit_bytes of its listener.
    virtual size_t buffer_limit() const { return 1024 * 1024; }
    // Replaces the connection manager's stream_idle_timeout for this stream (a route may); 0: none.
    virtual void set_idle_timeout(std::chrono::milliseconds) {}
    // Replaces the connection manager's max_stream_duration; counted from the stream's begin; 0: none.
    virtual void set_max_duration(std::chrono::milliseconds) {}
    // The request asks for a tunnel (codec.h) and the configuration allows it / does not: then 403. Exactly one of the
    // two before any answer; counts.
    virtual void admit_tunnel() {}
    virtual void refuse_tunnel() {}
};

class StreamHandler {
  public:
    virtual ~StreamHandler() = default;
    virtual void on_request_headers(HeaderMap& headers, bool end_stream) = 0;
    virtual void on_request_body(network::Buffer& data, bool end_stream) = 0;  // takes all bytes
    virtual void on_request_trailers(HeaderMap& trailers) = 0;
    virtual void on_response_flow_high() = 0;  // stop the source of the response body
    virtual void on_response_flow_low() = 0;
    // Somebody else answers in its place (a timeout, a tunnel that is not allowed): the fields that it would add.
    virtual void add_response_fields(HeaderMap&) {}
    // The stream is over: complete, reset, timed out or the client left. No call on either side afterwards; whatever is
    // still open upstream is reset. The handler is destroyed at the end of the loop's iteration.
    virtual void on_destroy() = 0;
};

// Makes the handler of a new stream. One per connection manager configuration and worker.
class StreamHandlerFactory {
  public:
    virtual ~StreamHandlerFactory() = default;
    virtual std::unique_ptr<StreamHandler> make_handler(DownstreamStream& stream) = 0;
};

}  // namespace heirloom::http
