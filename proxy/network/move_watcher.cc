// SPDX-License-Identifier: Apache-2.0
#include "proxy/network/move_watcher.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <vector>

namespace heirloom::network {
namespace {

constexpr uint32_t kEvents = IN_MOVED_TO | IN_MOVE_SELF | IN_ONLYDIR;

}  // namespace

Result<std::unique_ptr<MoveWatcher>> MoveWatcher::create(EventLoop& loop, Callback callback) {
    UniqueFd inotify(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
    if (!inotify) return Error::from_errno("cannot watch files: inotify_init1");
    std::unique_ptr<MoveWatcher> watcher(new MoveWatcher(loop, std::move(callback), std::move(inotify)));
    if (!loop.add(watcher->inotify_.get(), EPOLLIN | EPOLLET, watcher.get())) {
        return Error::from_errno("cannot watch files: epoll_ctl");
    }
    return watcher;
}

MoveWatcher::MoveWatcher(EventLoop& loop, Callback callback, UniqueFd inotify)
    : loop_(loop), callback_(std::move(callback)), inotify_(std::move(inotify)) {}

MoveWatcher::~MoveWatcher() { loop_.remove(inotify_.get(), this); }

Status MoveWatcher::watch(const std::set<std::string>& directories) {
    std::map<int, std::set<std::string>> now;
    Status result = Ok{};
    for (const std::string& directory : directories) {
        const int id = ::inotify_add_watch(inotify_.get(), directory.c_str(), kEvents);
        if (id >= 0) {
            now[id].insert(directory);
        } else if (result) {
            result = Error::from_errno("cannot watch directory " + directory);
        }
    }
    for (const auto& [id, names] : directories_) {
        if (!now.contains(id)) ::inotify_rm_watch(inotify_.get(), id);
    }
    directories_ = std::move(now);
    return result;
}

void MoveWatcher::on_io(uint32_t) {
    alignas(inotify_event) std::array<char, 4096> bytes;
    while (true) {
        const ssize_t got = ::read(inotify_.get(), bytes.data(), bytes.size());
        if (got <= 0) return;
        for (ssize_t at = 0; at < got;) {
            const auto& event = *reinterpret_cast<const inotify_event*>(bytes.data() + at);
            at += static_cast<ssize_t>(sizeof(event) + event.len);
            if (event.mask & IN_Q_OVERFLOW) callback_("", "");
            // Told too of what watch() gave up, which is no news.
            if ((event.mask & IN_IGNORED) && directories_.erase(event.wd) > 0) callback_("", "");
            if ((event.mask & IN_MOVE_SELF) && directories_.contains(event.wd)) callback_("", "");
            if (!(event.mask & IN_MOVED_TO)) continue;
            const auto found = directories_.find(event.wd);
            if (found == directories_.end()) continue;
            const std::set<std::string> names = found->second;  // the callback may watch others
            for (const std::string& directory : names) callback_(directory, event.name);
        }
    }
}

}  // namespace heirloom::network
