// SPDX-License-Identifier: Apache-2.0
// What a stream sees of a connection pool, whatever the protocol. All of it on the worker's thread.
#pragma once

#include <optional>
#include <string_view>

#include "proxy/http/codec.h"
#include "proxy/network/tls_session.h"
#include "shm/socket_name.h"

namespace heirloom::upstream {

// The connection a stream runs on; valid until the stream ends (its last decoder callback, or reset()).
class UpstreamTransport {
  public:
    virtual ~UpstreamTransport() = default;
    virtual const shm::SocketAddress& local_address() = 0;
    // Of the endpoint, when it was connected to: one of LOGICAL_DNS may have moved since. Lives as long as the
    // endpoint. Null: where the endpoint is.
    virtual const shm::SocketAddress* endpoint_address() const { return nullptr; }
    virtual std::optional<http::Protocol> protocol() const = 0;  // none: a raw connection
    // Null where there is no TLS.
    virtual const network::TlsSession* tls() const = 0;
    // It had carried a request before this one. HTTP/2: another one than this.
    virtual bool reused() const = 0;
    // Not one byte of this stream has reached the socket: the request was certainly not processed. HTTP/2 does not say.
    virtual bool nothing_sent() const = 0;
    // Not one byte has come back. HTTP/2: on this stream, as long as its decoder has heard nothing.
    virtual bool nothing_received() const = 0;
};

// What of the downstream request decides which connection may serve it. Read inside the call only.
struct StreamNeeds {
    bool fresh = false;                                  // a repetition: rather a connection yet to be made
    http::Protocol downstream = http::Protocol::http11;  // for use_downstream_protocol_config
    const http::HeaderMap* headers = nullptr;            // for auto_sni
    const shm::SocketAddress* source = nullptr;          // of the downstream connection, for the PROXY header
    const shm::SocketAddress* destination = nullptr;
};

class PoolCallbacks {
  public:
    virtual ~PoolCallbacks() = default;
    virtual void on_pool_ready(http::RequestEncoder& encoder, UpstreamTransport& transport) = 0;
    // connection_failed (`transport_failure`: why, e.g. "delayed connect error: Connection refused"),
    // connection_timeout, connection_terminated (the pool is gone) or overflow.
    virtual void on_pool_failure(http::StreamReset reason, std::string_view transport_failure) = 0;
};

// A request that waits for a connection. Gone when one of the callbacks has come.
class PoolTicket {
  public:
    virtual ~PoolTicket() = default;
    virtual void cancel() = 0;  // no callback follows
};

// The answer to "give me a connection": exactly one of ready (encoder, transport), waiting (ticket), refused (failure).
struct Acquired {
    http::RequestEncoder* encoder = nullptr;
    UpstreamTransport* transport = nullptr;
    PoolTicket* ticket = nullptr;
    std::optional<http::StreamReset> failure;
};

}  // namespace heirloom::upstream
