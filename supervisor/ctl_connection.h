// SPDX-License-Identifier: Apache-2.0
// The client's end of the control socket: one request, then lines as they come. Blocking; one thread.
#pragma once

#include <boost/json/object.hpp>
#include <chrono>
#include <optional>
#include <string>

#include "shm/result.h"
#include "shm/unique_fd.h"

namespace heirloom::supervisor {

class CtlConnection {
  public:
    // Connects to `run_dir`/control.sock and sends the request.
    static Result<CtlConnection> request(const std::string& run_dir, const boost::json::object& request);

    // The next line; nothing when the supervisor closed the connection. Waits at most `timeout`, without one for ever.
    Result<std::optional<boost::json::object>> next(std::optional<std::chrono::milliseconds> timeout = std::nullopt);
    // A descriptor that came with the lines read so far.
    UniqueFd take_fd() { return std::move(passed_); }

  private:
    explicit CtlConnection(UniqueFd fd) : fd_(std::move(fd)) {}
    Result<bool> receive();  // false: end

    UniqueFd fd_;
    UniqueFd passed_;
    std::string buffer_;
};

}  // namespace heirloom::supervisor
