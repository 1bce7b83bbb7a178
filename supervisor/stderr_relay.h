// SPDX-License-Identifier: Apache-2.0
// Passes what a generation writes to stderr on to ours, and remembers the end of it: the last words of a generation
// that died without a message. Never blocks: while our stderr takes nothing, nothing more is read, so nothing is lost.
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <string>

#include "shm/unique_fd.h"

namespace heirloom::supervisor {

class StderrRelay : public std::enable_shared_from_this<StderrRelay> {
  public:
    StderrRelay(boost::asio::io_context& io, UniqueFd read_end, int out_fd = STDERR_FILENO);
    void start();
    // Takes what is in the pipe now (the writer is dead), then stops.
    void finish();
    // At most three last lines, joined by " | ".
    std::string last_words() const;

  private:
    void wait();
    // False when there is nothing more to read.
    bool read_some();
    // True when all of pending_ went out.
    bool pass_on();
    void retry_later();

    boost::asio::posix::stream_descriptor in_;
    boost::asio::steady_timer retry_;
    int out_fd_;
    std::string pending_;
    std::string tail_;
};

}  // namespace heirloom::supervisor
