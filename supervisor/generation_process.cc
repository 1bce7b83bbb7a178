// SPDX-License-Identifier: Apache-2.0
#include "supervisor/generation_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include <boost/asio/post.hpp>

#include "shm/ticket_ring.h"

namespace heirloom::supervisor {

using boost::asio::posix::stream_descriptor;
using boost::system::error_code;

namespace {

constexpr size_t kMostWaiting = 4096;  // messages; a peer that reads nothing for so long is broken

}  // namespace

std::string ExitStatus::to_string() const {
    if (!by_signal) return "exited with status " + std::to_string(number);
    return "killed by signal " + std::to_string(number) + " (" + strsignal(number) + ")";
}

Result<std::shared_ptr<GenerationProcess>> GenerationProcess::start(boost::asio::io_context& io,
                                                                    const std::vector<std::string>& command,
                                                                    uint32_t epoch) {
    auto channel = shm::Channel::make_pair();
    if (!channel) return channel.error();
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) return Error::from_errno("cannot make a pipe");
    UniqueFd read_end(ends[0]);
    const UniqueFd write_end(ends[1]);
    auto spawned = spawn(io, {command, epoch, channel->second.get(), write_end.get()});
    if (!spawned) return spawned.error();
    return std::shared_ptr<GenerationProcess>(
        new GenerationProcess(io, std::move(*spawned), std::move(channel->first), std::move(read_end)));
}

GenerationProcess::GenerationProcess(boost::asio::io_context& io, SpawnedProcess spawned, UniqueFd channel,
                                     UniqueFd stderr_end)
    : io_(io),
      pid_(spawned.pid),
      pidfd_(io, spawned.pidfd.release()),
      channel_(std::move(channel), shm::Direction::to_supervisor),
      channel_watch_(io, fcntl(channel_.fd(), F_DUPFD_CLOEXEC, 0)),
      stderr_(std::make_shared<StderrRelay>(io, std::move(stderr_end))) {}

void GenerationProcess::listen(Events events) {
    events_ = std::move(events);
    stderr_->start();
    wait_for_message();
    wait_for_exit();
}

void GenerationProcess::wait_for_exit() {
    pidfd_.async_wait(stream_descriptor::wait_read, [self = shared_from_this()](const error_code& error) {
        if (error) return;
        self->reap_if_dead();
        if (!self->exited_) self->wait_for_exit();
    });
}

void GenerationProcess::reap_if_dead() {
    if (exited_) return;
    siginfo_t info{};
    if (waitid(P_PIDFD, static_cast<id_t>(pidfd_.native_handle()), &info, WEXITED | WNOHANG | WNOWAIT) < 0 ||
        info.si_pid == 0) {
        return;
    }
    // What it started itself goes with it; as long as it is not reaped, nobody else can have its process group.
    ::kill(-pid_, SIGKILL);
    waitid(P_PIDFD, static_cast<id_t>(pidfd_.native_handle()), &info, WEXITED | WNOHANG);
    exited_ = true;
    while (receive_one()) {
    }
    stderr_->finish();
    close_channel();
    error_code ignored;
    pidfd_.close(ignored);
    const Events events = std::exchange(events_, {});
    if (events.on_exit) events.on_exit({info.si_code != CLD_EXITED, info.si_status});
}

void GenerationProcess::wait_for_message() {
    if (!channel_watch_.is_open()) return;
    channel_watch_.async_wait(stream_descriptor::wait_read, [self = shared_from_this()](const error_code& error) {
        // One at a time, so that a talkative generation does not starve the others.
        if (error || !self->channel_watch_.is_open()) return;
        self->receive_one();
        self->wait_for_message();
    });
}

bool GenerationProcess::receive_one() {
    if (!channel_watch_.is_open()) return false;
    auto received = channel_.receive();
    if (received.ok()) {
        if (events_.on_message) events_.on_message(std::move(*received));
        return true;
    }
    if (!received.error().retriable) end_channel(received.error());
    return false;
}

void GenerationProcess::send(shm::proto::Message message, std::span<const int> fds) {
    if (!channel_watch_.is_open()) return;
    if (waiting_.empty()) {
        const Status sent = channel_.send(message, fds);
        if (sent.ok()) return shm::wipe(message);
        if (!sent.error().retriable) return post_end(sent.error());
    }
    if (waiting_.size() >= kMostWaiting) return post_end({"does not read its messages", ENOBUFS});
    Waiting item{std::move(message), {}};
    for (const int fd : fds) item.fds.emplace_back(fcntl(fd, F_DUPFD_CLOEXEC, 0));
    waiting_.push_back(std::move(item));
    if (waiting_.size() == 1) wait_for_room();
}

void GenerationProcess::wait_for_room() {
    channel_watch_.async_wait(stream_descriptor::wait_write, [self = shared_from_this()](const error_code& error) {
        if (error || !self->channel_watch_.is_open()) return;
        while (!self->waiting_.empty()) {
            const Waiting& item = self->waiting_.front();
            std::vector<int> fds;
            for (const UniqueFd& fd : item.fds) fds.push_back(fd.get());
            const Status sent = self->channel_.send(item.message, fds);
            if (!sent.ok() && sent.error().retriable) return self->wait_for_room();
            if (!sent.ok()) return self->post_end(sent.error());
            shm::wipe(self->waiting_.front().message);
            self->waiting_.pop_front();
        }
    });
}

void GenerationProcess::signal(int number) {
    if (!exited_) ::kill(-pid_, number);
}

void GenerationProcess::close_channel() {
    error_code ignored;
    channel_watch_.close(ignored);
    channel_ = shm::Channel(UniqueFd(), shm::Direction::to_supervisor);
    waiting_.clear();
}

void GenerationProcess::end_channel(const Error& error) {
    close_channel();
    if (events_.on_channel_end) events_.on_channel_end(error);
}

void GenerationProcess::post_end(Error error) {
    // It is gone, but what it said before is still to be read; the end comes after that.
    if (error.code == EPIPE) return waiting_.clear();
    boost::asio::post(io_, [self = shared_from_this(), error = std::move(error)] {
        if (self->channel_watch_.is_open()) self->end_channel(error);
    });
}

}  // namespace heirloom::supervisor
