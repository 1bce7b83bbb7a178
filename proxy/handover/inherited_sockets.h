// SPDX-License-Identifier: Apache-2.0
// Where listening sockets come from: the supervisor; without one what systemd passed (LISTEN_FDS); else bound here.
// Main thread, at start.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "proxy/handover/client.h"
#include "shm/result.h"
#include "shm/socket_name.h"
#include "shm/unique_fd.h"

namespace heirloom::handover {

struct SocketRequest {
    shm::SocketAddress address;
    bool share = true;  // false: exactly one shard (enable_reuse_port false, admin)
    bool keep = false;  // admin: one generation at a time has it
    uint32_t backlog = 0;
    uint32_t unix_mode = 0;
    bool freebind = false;
    uint32_t tcp_fast_open_queue = 0;
};

struct ListeningSocket {
    shm::SocketAddress bound;  // with the real port
    std::vector<UniqueFd> shards;

    std::vector<int> fds() const;
    void close() { shards.clear(); }
};

// Asks the supervisor for all of them. Error: the first that could not be bound ("cannot bind 'A': why").
Result<std::vector<ListeningSocket>> obtain_from_supervisor(Client& client, const std::vector<SocketRequest>& requests);
// `workers` shards per TCP address that may be shared. A socket of `inherited` with the address is taken instead.
Result<std::vector<ListeningSocket>> open_alone(const std::vector<SocketRequest>& requests, uint32_t workers,
                                                std::vector<UniqueFd> inherited);
// Sockets passed by systemd's protocol to this process; the environment is cleared. Those that do not listen are
// closed.
std::vector<UniqueFd> take_listen_fds();

}  // namespace heirloom::handover
