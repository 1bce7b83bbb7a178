// SPDX-License-Identifier: Apache-2.0
// How lines get to a sink. Main thread. Nothing here blocks or fails: what a sink does not take is counted and dropped.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "proxy/stats/store.h"
#include "shm/socket_name.h"
#include "shm/unique_fd.h"

namespace heirloom::stats {

class LineWriter {
  public:
    virtual ~LineWriter() = default;
    // `line` has no end of line. It may be kept until the next flush().
    virtual void write(std::string_view line) = 0;
    virtual void flush() = 0;
    // Are there lines that a write() of so many bytes would send before, or with, its own?
    virtual bool would_send(size_t bytes) const = 0;
};

// Datagrams to an address (UDP or a unix socket), which may be dead: nobody waits for it. `max_bytes` as in
// StatsSinkConfig: 0 is a datagram for each line. `dropped` counts lines.
std::unique_ptr<LineWriter> make_datagram_writer(const shm::SocketAddress& to, size_t max_bytes, Counter dropped);

}  // namespace heirloom::stats
