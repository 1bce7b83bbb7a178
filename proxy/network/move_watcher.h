// SPDX-License-Identifier: Apache-2.0
// MoveWatcher: tells when something was moved into a directory: a file renamed over another, or a symlink swapped,
// which is how files are replaced in one step. What is written in place is not told: it may be half of it. The loop's
// thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "proxy/network/event_loop.h"
#include "shm/result.h"

namespace heirloom::network {

class MoveWatcher final : private IoHandler {
  public:
    // `name` came into `directory` (as given to watch()). "" for both: events were lost, or a directory is gone or was
    // moved itself; anything may have moved.
    using Callback = std::function<void(const std::string& directory, std::string_view name)>;

    // Error: the kernel gives no inotify instance. `loop` outlives the result.
    static Result<std::unique_ptr<MoveWatcher>> create(EventLoop& loop, Callback callback);
    ~MoveWatcher() override;

    // Watches these and no others; symlinks are followed now, so what a name leads to is looked up again by each call.
    // Error: the first that cannot be watched; the rest are.
    Status watch(const std::set<std::string>& directories);

  private:
    MoveWatcher(EventLoop& loop, Callback callback, UniqueFd inotify);
    void on_io(uint32_t events) override;

    EventLoop& loop_;
    Callback callback_;
    UniqueFd inotify_;
    std::map<int, std::set<std::string>> directories_;  // by watch: names may lead to the same directory
};

}  // namespace heirloom::network
