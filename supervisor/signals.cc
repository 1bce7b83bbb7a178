// SPDX-License-Identifier: Apache-2.0
#include "supervisor/signals.h"

#include <signal.h>
#include <sys/wait.h>

namespace heirloom::supervisor {

Signals::Signals(boost::asio::io_context& io, Events events)
    : signals_(io, SIGHUP, SIGTERM, SIGINT), events_(std::move(events)) {
    signals_.add(SIGUSR1);
    if (getpid() == 1) signals_.add(SIGCHLD);
    ::signal(SIGPIPE, SIG_IGN);
    wait();
}

void Signals::wait() {
    signals_.async_wait([this](const boost::system::error_code& error, int number) {
        if (error) return;
        wait();
        if (number == SIGCHLD) return reap_orphans();
        spdlog::info("got SIG{}", sigabbrev_np(number));
        if (number == SIGHUP) events_.on_reload();
        if (number == SIGTERM) events_.on_stop();
        if (number == SIGINT) events_.on_stop_now();
        if (number == SIGUSR1) events_.on_reopen_logs();
    });
}

void Signals::reap_orphans() {
    for (;;) {
        // Look first: taking a generation's exit away here would leave its pidfd without a status.
        siginfo_t info{};
        if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid == 0) return;
        if (events_.reap_generation(info.si_pid)) continue;
        waitid(P_PID, static_cast<id_t>(info.si_pid), &info, WEXITED | WNOHANG);
    }
}

}  // namespace heirloom::supervisor
