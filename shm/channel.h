// SPDX-License-Identifier: Apache-2.0
// Channel: one end of the SOCK_SEQPACKET socket pair between supervisor and generation. One message and its descriptors
// per packet. No event loop inside: the owner watches fd() and calls receive() when it is readable. Single-threaded.
//
// The generation finds its end in the descriptor named by the environment variable kChannelVariable.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "shm/messages.h"
#include "shm/messages.pb.h"
#include "shm/result.h"
#include "shm/unique_fd.h"

namespace heirloom::shm {

inline constexpr uint32_t kProtocolVersion = 1;  // history: messages.proto
inline constexpr size_t kMaxMessageBytes = 192 * 1024;
inline constexpr size_t kMaxFdsPerMessage = 128;  // below the kernel's SCM_MAX_FD (253)
inline constexpr const char* kChannelVariable = "HEIRLOOM_CHANNEL";
// The supervisor's real stderr. Until it is live a generation writes to a pipe, so that its last words can be reported;
// then it puts this descriptor in the place of 2, and needs no supervisor to be heard.
inline constexpr const char* kStderrVariable = "HEIRLOOM_STDERR";

struct Received {
    proto::Message message;
    std::vector<UniqueFd> fds;  // close-on-exec
    pid_t sender_pid = 0;       // SCM_CREDENTIALS, filled in by the kernel; 0 where the peer could not be told
};

class Channel {
  public:
    // `receives`: the direction of the messages this end receives; one that goes the other way is a protocol error.
    Channel(UniqueFd fd, Direction receives);
    // The two ends, supervisor's first; both close-on-exec, non-blocking, SO_PASSCRED on.
    static Result<std::pair<UniqueFd, UniqueFd>> make_pair();

    int fd() const { return fd_.get(); }
    // Never blocks. Sets the version. Error with `retriable` = the peer's queue is full; EMSGSIZE, EINVAL = the message
    // is too large or carries too many fds; EPIPE = the peer is gone; other errors: it cannot be reached.
    Status send(proto::Message message, std::span<const int> fds = {});
    // Never blocks. Error `retriable` = nothing there now; code EPIPE = peer closed (all it sent before has been
    // received); code EPROTO = peer broke the protocol: truncated, unparsable, unknown, wrong direction, wrong version,
    // more fds than the message may carry (all fds it sent are closed).
    Result<Received> receive();
    // For start-up, before an event loop runs: waits for the next message at most `timeout` (error code ETIMEDOUT).
    Result<Received> receive_within(std::chrono::milliseconds timeout);

  private:
    // One packet as it arrived; fds are owned from here on.
    Result<Received> read_packet();

    UniqueFd fd_;
    Direction receives_;
    std::vector<char> buffer_;  // of kMaxMessageBytes; made at the first receive
};

}  // namespace heirloom::shm
