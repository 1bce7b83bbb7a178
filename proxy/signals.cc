// SPDX-License-Identifier: Apache-2.0
#include "proxy/signals.h"

#include <sys/signalfd.h>

#include <csignal>

namespace heirloom::server {
namespace {

sigset_t handled() {
    sigset_t set;
    ::sigemptyset(&set);
    for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) ::sigaddset(&set, number);
    return set;
}

}  // namespace

void Signals::block() {
    const sigset_t set = handled();
    ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
    ::signal(SIGPIPE, SIG_IGN);
}

Result<std::unique_ptr<Signals>> Signals::watch(network::EventLoop& loop, std::function<void(int)> on_signal) {
    const sigset_t set = handled();
    UniqueFd fd(::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
    if (!fd) return Error::from_errno("signalfd");
    const int number = fd.get();
    std::unique_ptr<Signals> signals(new Signals(loop, std::move(fd), std::move(on_signal)));
    if (!loop.add(number, EPOLLIN, signals.get())) return Error::from_errno("epoll_ctl");
    return signals;
}

Signals::Signals(network::EventLoop& loop, UniqueFd fd, std::function<void(int)> on_signal)
    : loop_(loop), fd_(std::move(fd)), on_signal_(std::move(on_signal)) {}

Signals::~Signals() { loop_.remove(fd_.get(), this); }

void Signals::on_io(uint32_t) {
    signalfd_siginfo info;
    while (::read(fd_.get(), &info, sizeof(info)) == static_cast<ssize_t>(sizeof(info))) {
        on_signal_(static_cast<int>(info.ssi_signo));
    }
}

}  // namespace heirloom::server
