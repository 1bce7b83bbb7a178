// SPDX-License-Identifier: Apache-2.0
// TransportSocket: what a connection speaks below its bytes: TLS, a PROXY header. It turns buffers into buffers and
// never touches the descriptor, so that no byte hides in it between two calls; the connection reads, writes and keeps
// the timers. One object per connection, worker's thread. One socket can wrap another by handing the calls on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "proxy/network/buffer.h"

namespace heirloom::network {

class TlsSession;

class TransportSocket {
  public:
    enum class Handshake : uint8_t { wants_input, complete, failed };
    enum class Input : uint8_t { open, finished, failed };

    virtual ~TransportSocket() = default;
    // One step: at once when the connection is there, then whenever `in` grew. Consumes what it understands and appends
    // what is to be sent, also when it failed (an alert). After `complete` the rest of `in` goes to decode().
    virtual Handshake handshake(Buffer& in, Buffer& out) = 0;
    // Moves the content of all whole records from `in` to `plain`; an incomplete one stays in `in`. May have something
    // to send. `finished`: the peer sends no more; `failed`: `plain` has what came before.
    virtual Input decode(Buffer& in, Buffer& plain, Buffer& out) = 0;
    // Moves bytes from `plain` to `out` as records, until `plain` is empty or `out` has at least `limit` bytes.
    // False: the connection can write no more.
    virtual bool encode(Buffer& plain, Buffer& out, size_t limit) = 0;
    // This side sends no more (close_notify). Called once, only after the handshake; decode() goes on. False: the
    // protocol has no word for it, and the FIN has to say it.
    virtual bool finish(Buffer& out) = 0;
    // Asked when the handshake is over: whether the peer can do without what it left in `out` until it gets content
    // (tickets of TLS 1.3, for a later connection).
    virtual bool output_can_wait() const { return false; }
    // Null where there is no TLS. Asked after the handshake.
    virtual const TlsSession* session() const = 0;
    // Why handshake() or decode() failed, one line in Envoy's words; "" before.
    virtual std::string_view failure() const = 0;
};

}  // namespace heirloom::network
