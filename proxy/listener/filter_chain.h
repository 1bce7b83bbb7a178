// SPDX-License-Identifier: Apache-2.0
// FilterChain: where a listener sends the connections of one filter chain on one worker: the TLS that it speaks with
// them, and who takes them over. Worker's thread.
#pragma once

#include <chrono>
#include <memory>

#include "proxy/network/connection_acceptor.h"
#include "proxy/tls/context.h"

namespace heirloom::listener {

struct FilterChain {
    network::ConnectionAcceptor& acceptor;            // outlives the listener
    bool secured = false;                             // never plain, also while there is no context
    std::shared_ptr<const tls::ServerContext> tls{};  // replaced as a whole; a connection keeps its own
    std::chrono::milliseconds handshake_timeout{0};   // 0: none
};

}  // namespace heirloom::listener
