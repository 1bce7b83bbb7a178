// SPDX-License-Identifier: Apache-2.0
#include "shm/channel.h"

#include <poll.h>
#include <sys/socket.h>

#include <cstring>
#include <optional>

#include "shm/ticket_ring.h"

namespace heirloom::shm {

namespace {

Error protocol_error(std::string text) { return {"channel: " + std::move(text), EPROTO}; }
Error closed_by_peer() { return {"channel: closed by the peer", EPIPE}; }

// What was sent of session ticket keys does not stay in memory that is free again.
struct WipedAfter {
    proto::Message& message;
    char* bytes;
    size_t size;
    ~WipedAfter() {
        if (message.has_ticket_keys()) explicit_bzero(bytes, size);
        wipe(message);
    }
};

// Takes over the descriptors and the sender's pid; unknown control messages are ignored.
void take_control(msghdr& header, Received& received) {
    for (cmsghdr* control = CMSG_FIRSTHDR(&header); control != nullptr; control = CMSG_NXTHDR(&header, control)) {
        if (control->cmsg_level != SOL_SOCKET) continue;
        const unsigned char* data = CMSG_DATA(control);
        const size_t size = control->cmsg_len - CMSG_LEN(0);
        if (control->cmsg_type == SCM_RIGHTS) {
            for (size_t at = 0; at + sizeof(int) <= size; at += sizeof(int)) {
                int fd = -1;
                std::memcpy(&fd, data + at, sizeof fd);
                received.fds.emplace_back(fd);
            }
        } else if (control->cmsg_type == SCM_CREDENTIALS && size >= sizeof(ucred)) {
            ucred credentials{};
            std::memcpy(&credentials, data, sizeof credentials);
            received.sender_pid = credentials.pid;
        }
    }
}

std::optional<Error> find_fault(const Received& received, Direction receives) {
    const proto::Message& message = received.message;
    if (message.version() != kProtocolVersion) {
        return protocol_error("protocol version " + std::to_string(message.version()) + ", this program speaks " +
                              std::to_string(kProtocolVersion));
    }
    const MessageRule rule = rule_of(message);
    if (!rule.direction) return protocol_error("unknown message");
    if (*rule.direction != receives) return protocol_error(std::string(rule.name) + " goes the other way");
    if (received.fds.size() > rule.max_fds) {
        return protocol_error(std::string(rule.name) + " with " + std::to_string(received.fds.size()) +
                              " descriptors, at most " + std::to_string(rule.max_fds));
    }
    return std::nullopt;
}

}  // namespace

Channel::Channel(UniqueFd fd, Direction receives) : fd_(std::move(fd)), receives_(receives) {}

Result<std::pair<UniqueFd, UniqueFd>> Channel::make_pair() {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0) {
        return Error::from_errno("channel: socketpair");
    }
    std::pair<UniqueFd, UniqueFd> pair{UniqueFd(ends[0]), UniqueFd(ends[1])};
    for (const int end : ends) {
        const int on = 1;
        if (setsockopt(end, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) < 0) {
            return Error::from_errno("channel: SO_PASSCRED");
        }
        // Room for two of the largest packets; the kernel caps it at net.core.wmem_max, where one still fits.
        const int bytes = 2 * kMaxMessageBytes;
        if (setsockopt(end, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes) < 0) {
            return Error::from_errno("channel: SO_SNDBUF");
        }
    }
    return pair;
}

Status Channel::send(proto::Message message, std::span<const int> fds) {
    message.set_version(kProtocolVersion);
    std::string bytes = message.SerializeAsString();
    const WipedAfter wiped{message, bytes.data(), bytes.size()};
    const std::string what = "channel: send " + std::string(name_of(message));
    if (bytes.size() > kMaxMessageBytes) {
        return Error{what + ": " + std::to_string(bytes.size()) + " bytes, at most " + std::to_string(kMaxMessageBytes),
                     EMSGSIZE};
    }
    if (fds.size() > kMaxFdsPerMessage) {
        return Error{
            what + ": " + std::to_string(fds.size()) + " descriptors, at most " + std::to_string(kMaxFdsPerMessage),
            EINVAL};
    }
    iovec data{const_cast<char*>(bytes.data()), bytes.size()};
    alignas(cmsghdr) char control[CMSG_SPACE(kMaxFdsPerMessage * sizeof(int))] = {};
    msghdr header{};
    header.msg_iov = &data;
    header.msg_iovlen = 1;
    if (!fds.empty()) {
        header.msg_control = control;
        header.msg_controllen = CMSG_SPACE(fds.size_bytes());
        cmsghdr* rights = CMSG_FIRSTHDR(&header);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(fds.size_bytes());
        std::memcpy(CMSG_DATA(rights), fds.data(), fds.size_bytes());
    }
    for (;;) {
        if (sendmsg(fd_.get(), &header, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) return Ok{};
        if (errno == EINTR) continue;
        if (errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN) return closed_by_peer();
        return Error::from_errno(what);
    }
}

Result<Received> Channel::read_packet() {
    if (buffer_.empty()) buffer_.resize(kMaxMessageBytes);
    alignas(cmsghdr) char control[CMSG_SPACE(kMaxFdsPerMessage * sizeof(int)) + CMSG_SPACE(sizeof(ucred))];
    iovec data{buffer_.data(), buffer_.size()};
    msghdr header{};
    header.msg_iov = &data;
    header.msg_iovlen = 1;
    ssize_t size = 0;
    do {
        header.msg_control = control;
        header.msg_controllen = sizeof control;
        // A peer that died with unread packets leaves ECONNRESET before what it had sent itself; its last words count.
        size = recvmsg(fd_.get(), &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    } while (size < 0 && (errno == EINTR || errno == ECONNRESET));
    if (size < 0) return Error::from_errno("channel: receive");

    Received received;
    take_control(header, received);
    // End of stream and an empty packet both give 0; only a packet comes with credentials.
    if (size == 0 && header.msg_controllen == 0) return closed_by_peer();
    if ((header.msg_flags & MSG_TRUNC) != 0) return protocol_error("packet is too large");
    if ((header.msg_flags & MSG_CTRUNC) != 0) {
        return protocol_error("descriptors were cut off: too many, or this process has none left");
    }
    if (!received.message.ParseFromArray(buffer_.data(), static_cast<int>(size))) {
        return protocol_error("unreadable message of " + std::to_string(size) + " bytes");
    }
    if (received.message.has_ticket_keys()) explicit_bzero(buffer_.data(), static_cast<size_t>(size));
    return received;
}

Result<Received> Channel::receive() {
    Result<Received> received = read_packet();
    if (received.ok()) {
        if (const auto fault = find_fault(*received, receives_)) return *fault;
    }
    return received;
}

Result<Received> Channel::receive_within(std::chrono::milliseconds timeout) {
    const auto deadline = std::chrono::steady_clock::now() + timeout;
    for (;;) {
        Result<Received> received = receive();
        if (received.ok() || !received.error().retriable) return received;
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
        if (left.count() <= 0) return Error{"channel: no message in time", ETIMEDOUT};
        pollfd waiting{fd_.get(), POLLIN, 0};
        if (poll(&waiting, 1, static_cast<int>(std::min<int64_t>(left.count(), 60'000))) < 0 && errno != EINTR) {
            return Error::from_errno("channel: poll");
        }
    }
}

}  // namespace heirloom::shm
