// SPDX-License-Identifier: Apache-2.0
// The process of one generation as the supervisor holds it: its pidfd, its end of the channel, its stderr. Turns them
// into events on the io_context. The kernel says who died (pidfd), and what the generation said before it died comes
// first.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "shm/channel.h"
#include "supervisor/seams.h"
#include "supervisor/spawner.h"
#include "supervisor/stderr_relay.h"

namespace heirloom::supervisor {

struct ExitStatus {
    bool by_signal = false;
    int number = 0;  // exit status or signal

    bool is_clean() const { return !by_signal && number == 0; }
    std::string to_string() const;  // "exited with status 1", "killed by signal 11 (Segmentation fault)"
};

class GenerationProcess final : public GenerationLink, public std::enable_shared_from_this<GenerationProcess> {
  public:
    // Never called from inside a function of this class that the owner called, except reap_if_dead().
    struct Events {
        std::function<void(shm::Received)> on_message;
        // The channel is of no use any more. EPIPE: it closed its end; else it broke the protocol or cannot be reached.
        std::function<void(const Error&)> on_channel_end;
        std::function<void(ExitStatus)> on_exit;  // last event
    };

    static Result<std::shared_ptr<GenerationProcess>> start(boost::asio::io_context& io,
                                                            const std::vector<std::string>& command, uint32_t epoch);
    void listen(Events events);

    pid_t pid() const override { return pid_; }
    void send(shm::proto::Message message, std::span<const int> fds = {}) override;
    void signal(int number) override;
    std::string last_words() const override { return stderr_->last_words(); }
    // No further message in or out; the peer sees the end of the channel.
    void close_channel();
    // For the process that reaps all children (pid 1): handles the exit now if it happened.
    void reap_if_dead();

  private:
    struct Waiting {
        shm::proto::Message message;
        std::vector<UniqueFd> fds;
    };

    GenerationProcess(boost::asio::io_context& io, SpawnedProcess spawned, UniqueFd channel, UniqueFd stderr_end);
    void wait_for_exit();
    void wait_for_message();
    void wait_for_room();
    // Returns false when there was nothing more, or the channel ended.
    bool receive_one();
    void end_channel(const Error& error);
    void post_end(Error error);

    boost::asio::io_context& io_;
    pid_t pid_;
    boost::asio::posix::stream_descriptor pidfd_;
    shm::Channel channel_;
    boost::asio::posix::stream_descriptor channel_watch_;  // same descriptor as channel_, which owns it
    std::shared_ptr<StderrRelay> stderr_;
    Events events_;
    std::deque<Waiting> waiting_;  // did not fit into the peer's queue
    bool exited_ = false;
};

}  // namespace heirloom::supervisor
