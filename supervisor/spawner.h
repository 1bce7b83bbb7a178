// SPDX-License-Identifier: Apache-2.0
// Starts the process of a generation: the one file that knows Boost.Process. The child gets an explicit list of
// descriptors (0 /dev/null, 1 ours, 2 a pipe to us, its channel, our stderr), its own process group, default signal
// handlers, no ambient capability (sockets are bound here, not there), and the environment plus
//
//   HEIRLOOM_CHANNEL=<fd>   its end of the channel           RESTART_EPOCH=<epoch>
//   HEIRLOOM_STDERR=<fd>    our stderr: a generation that is live may put it in the place of descriptor 2, and so needs
//                           no supervisor any more to be heard
//
// less what systemd addressed to the supervisor alone (NOTIFY_SOCKET, WATCHDOG_*, LISTEN_*).
#pragma once

#include <sys/types.h>

#include <boost/asio/io_context.hpp>
#include <string>
#include <vector>

#include "shm/result.h"
#include "shm/unique_fd.h"

namespace heirloom::supervisor {

struct SpawnRequest {
    std::vector<std::string> command;  // not empty
    uint32_t epoch = 0;
    int channel_fd = -1;
    int stderr_fd = -1;
};

struct SpawnedProcess {
    pid_t pid = -1;
    UniqueFd pidfd;  // readable when the process is dead; the caller reaps
};

// Returns when the program runs (exec succeeded) or could not be started; the error names it.
Result<SpawnedProcess> spawn(boost::asio::io_context& io, const SpawnRequest& request);

// The file that `command` means: itself when it has a slash, else found in PATH, else beside this program.
Result<std::string> find_program(const std::string& command);

}  // namespace heirloom::supervisor
