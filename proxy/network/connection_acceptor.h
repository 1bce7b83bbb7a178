// SPDX-License-Identifier: Apache-2.0
// ConnectionAcceptor: what takes over a listener's accepted connections: the terminal filter of one filter chain on one
// worker, with the connections that it has. Worker's thread; outlives its connections.
#pragma once

#include <cstddef>
#include <functional>

#include "proxy/network/accepted_connection.h"

namespace heirloom::network {

class ConnectionAcceptor {
  public:
    virtual ~ConnectionAcceptor() = default;

    virtual void accept(AcceptedConnection accepted) = 0;
    virtual size_t size() const = 0;
    // Called when a connection was made (+1) or has ended (-1).
    virtual void on_change(std::function<void(int)> callback) = 0;

    // The generation drains: whoever can be told is told. Nothing is closed by this.
    virtual void announce_drain() = 0;
    // The order of a polite end: every answer closes; then those that ask nothing get a FIN; then what is under way
    // ends: the client gets what was written for it and a FIN, no reset; what is left after that is closed at once.
    virtual void announce_close() = 0;
    virtual void close_idle() = 0;
    virtual void cut() { close_now(); }
    virtual void close_now() = 0;
};

}  // namespace heirloom::network
