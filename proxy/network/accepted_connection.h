// SPDX-License-Identifier: Apache-2.0
// AcceptedConnection: what a listener hands over of a connection that it has accepted and, where listener filters are
// configured, already looked into. Moved once, on the worker's thread.
#pragma once

#include <sys/socket.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "proxy/network/buffer.h"
#include "proxy/network/connection_count.h"
#include "proxy/network/transport_socket.h"
#include "shm/socket_name.h"
#include "shm/unique_fd.h"

namespace heirloom::network {

struct AcceptedConnection {
    UniqueFd fd{};                   // non-blocking
    const sockaddr* peer = nullptr;  // as accept gave it; only for the call
    socklen_t peer_length = 0;
    std::unique_ptr<TransportSocket> transport{};       // null: plain. The server side of TLS
    Buffer unread{};                                    // what listener filters read and did not consume
    std::optional<shm::SocketAddress> client{};         // in front of the peer, by its PROXY header
    std::optional<shm::SocketAddress> client_target{};  // where that client connected to
    std::chrono::milliseconds handshake_timeout{0};     // of `transport`; 0: none
    ConnectionTicket ticket{};
    std::string server_name{};  // lower-case; whom its ClientHello asks for. Empty: none, or nobody looked
};

}  // namespace heirloom::network
