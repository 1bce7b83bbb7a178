// SPDX-License-Identifier: Apache-2.0
// One listening socket: open, look at, close without loss. Knows sockets, not who wants them (socket_store).
#pragma once

#include "shm/result.h"
#include "shm/socket_name.h"
#include "shm/unique_fd.h"

namespace heirloom::supervisor {

struct ListenOptions {
    uint32_t backlog = 0;  // 0: SOMAXCONN; the kernel cuts it to net.core.somaxconn
    uint32_t mode = 0;     // unix: permission bits of the path; 0: by the umask
    bool freebind = false;
    uint32_t tcp_fast_open_queue = 0;
};

// Bound and listening. IP: SO_REUSEPORT, so that more shards can join; unix: a path that nobody listens on any more is
// replaced. Errors name the address.
Result<UniqueFd> open_listening_socket(const shm::SocketAddress& address, const ListenOptions& options);
// Backlog and fast open of a socket that listens already.
void apply_options(int fd, const ListenOptions& options);
// Is somebody bound to that TCP address already? SO_REUSEPORT would let us join them unnoticed and share their
// connects.
Status check_unused(const shm::SocketAddress& address, const ListenOptions& options);
// The address it is bound to, IPV6_V6ONLY included. Error: not a listening stream socket.
Result<shm::SocketAddress> listening_address(int fd);

// Closing a listening socket resets what waits in its queue. So first no new connect is let in (TCP: SYNs are dropped,
// the client repeats its SYN after a second and then meets a closed port; handshakes on their way complete. unix: the
// path is removed), then whoever polls the socket empties it, then it is closed.
void block_new_connects(int fd, const shm::SocketAddress& address);
void allow_new_connects(int fd);
bool has_queued_connects(int fd);
// Stops listening also for copies of the descriptor that others still hold, and closes.
void close_listening_socket(UniqueFd fd);

}  // namespace heirloom::supervisor
