// SPDX-License-Identifier: Apache-2.0
#include "supervisor/service_notify.h"

#include <fcntl.h>
#include <systemd/sd-daemon.h>
#include <time.h>

namespace heirloom::supervisor {

namespace {

constexpr size_t kFdsPerMessage = 200;  // below SCM_MAX_FD

std::string address_of_environment() {
    const char* const address = std::getenv("NOTIFY_SOCKET");
    return address != nullptr ? address : "";
}

uint64_t monotonic_usec() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<uint64_t>(now.tv_sec) * 1'000'000 + static_cast<uint64_t>(now.tv_nsec) / 1000;
}

}  // namespace

ServiceNotify::ServiceNotify(boost::asio::io_context& io) : socket_(io, address_of_environment()), watchdog_timer_(io) {
    uint64_t usec = 0;
    if (is_enabled() && sd_watchdog_enabled(0, &usec) > 0) {
        watchdog_ = std::chrono::microseconds(usec / 2);
        feed_watchdog();
    }
}

void ServiceNotify::feed_watchdog() {
    socket_.send("WATCHDOG=1");
    watchdog_timer_.expires_after(watchdog_);
    watchdog_timer_.async_wait([this](const boost::system::error_code& error) {
        if (!error) feed_watchdog();
    });
}

void ServiceNotify::ready() { socket_.send("READY=1"); }
void ServiceNotify::reloading() { socket_.send("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(monotonic_usec())); }
void ServiceNotify::stopping() { socket_.send("STOPPING=1"); }

void ServiceNotify::status(const std::string& text) {
    if (text == status_) return;
    status_ = text;
    std::string line = text;
    std::replace(line.begin(), line.end(), '\n', ' ');
    socket_.send("STATUS=" + line);
}

void ServiceNotify::store(const std::string& fd_name, const std::vector<int>& fds) {
    if (!is_enabled()) return;
    if (fd_name.size() > 255) {
        spdlog::warn("{}... is too long a name for the fd store: that socket will not outlive a restart",
                     fd_name.substr(0, 64));
        return;
    }
    // FDPOLL=0: systemd must not drop a descriptor because it sees an error or hang-up on it.
    const std::string state = "FDSTORE=1\nFDPOLL=0\nFDNAME=" + fd_name;
    for (size_t at = 0; at < fds.size(); at += kFdsPerMessage) {
        const size_t count = std::min(kFdsPerMessage, fds.size() - at);
        socket_.send(state, std::span(fds).subspan(at, count));
    }
}

void ServiceNotify::remove(const std::string& fd_name) { socket_.send("FDSTOREREMOVE=1\nFDNAME=" + fd_name); }

std::vector<ServiceNotify::Passed> ServiceNotify::take_passed() {
    std::vector<Passed> passed;
    char** names = nullptr;
    const int count = sd_listen_fds_with_names(1, &names);
    for (int at = 0; at < count; ++at) {
        const int fd = SD_LISTEN_FDS_START + at;
        fcntl(fd, F_SETFD, FD_CLOEXEC);
        fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
        passed.push_back({UniqueFd(fd), names != nullptr ? names[at] : ""});
    }
    for (int at = 0; names != nullptr && names[at] != nullptr; ++at) free(names[at]);
    free(names);
    return passed;
}

}  // namespace heirloom::supervisor
