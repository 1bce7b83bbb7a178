// SPDX-License-Identifier: Apache-2.0
#include "supervisor/notify_socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

namespace heirloom::supervisor {
namespace {

// Messages of which only the newest counts: "STATUS=" or "WATCHDOG=" when `state` is that and nothing else.
std::string_view replaceable_kind(std::string_view state) {
    if (state.find('\n') != std::string_view::npos) return {};
    for (const std::string_view kind : {"STATUS=", "WATCHDOG="}) {
        if (state.starts_with(kind)) return kind;
    }
    return {};
}

}  // namespace

NotifySocket::NotifySocket(boost::asio::io_context& io, std::string address)
    : address_(std::move(address)), socket_(io) {
    const bool usable = address_.size() > 1 && address_.size() < sizeof(sockaddr_un::sun_path) &&
                        (address_[0] == '/' || address_[0] == '@');
    if (!address_.empty() && !usable) spdlog::warn("NOTIFY_SOCKET={}: not an address that can be used", address_);
    if (!usable) address_.clear();
}

// Connected, so that the kernel can tell when there is room.
bool NotifySocket::connect() {
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    std::memcpy(to.sun_path, address_.data(), address_.size());
    if (address_[0] == '@') to.sun_path[0] = '\0';
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address_.size());
    UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd || ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), length) != 0) return false;
    boost::system::error_code ignored;
    socket_.close(ignored);
    boost::system::error_code error;
    socket_.assign(fd.get(), error);
    if (error) return false;
    fd.release();
    return true;
}

NotifySocket::Outcome NotifySocket::try_send(const std::string& state, std::span<const int> fds) {
    iovec bytes{const_cast<char*>(state.data()), state.size()};
    std::vector<char> control(fds.empty() ? 0 : CMSG_SPACE(fds.size_bytes()));
    msghdr message{};
    message.msg_iov = &bytes;
    message.msg_iovlen = 1;
    if (!fds.empty()) {
        message.msg_control = control.data();
        message.msg_controllen = control.size();
        cmsghdr* const header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(fds.size_bytes());
        std::memcpy(CMSG_DATA(header), fds.data(), fds.size_bytes());
    }
    // The second time: the service manager made its socket anew.
    for (int attempt = 0; attempt < 2; ++attempt) {
        if (!socket_.is_open() && !connect()) break;
        if (::sendmsg(socket_.native_handle(), &message, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) return Outcome::sent;
        if (errno == EAGAIN || errno == ENOBUFS || errno == EINTR) return Outcome::full;
        const int cause = errno;
        boost::system::error_code ignored;
        socket_.close(ignored);
        errno = cause;
    }
    if (!std::exchange(warned_, true)) {
        spdlog::warn("cannot tell the service manager ({}): {}", address_, std::strerror(errno));
    }
    return Outcome::failed;
}

void NotifySocket::send(const std::string& state, std::span<const int> fds) {
    if (!is_enabled()) return;
    if (!waiting_.empty()) return keep(state, fds);
    if (try_send(state, fds) == Outcome::full) {
        keep(state, fds);
        wait();
    }
}

void NotifySocket::keep(const std::string& state, std::span<const int> fds) {
    if (const std::string_view kind = replaceable_kind(state); fds.empty() && !kind.empty()) {
        for (Message& older : waiting_) {
            if (!older.fds.empty() || replaceable_kind(older.state) != kind) continue;
            older.state = state;
            return;
        }
    }
    if (waiting_.size() >= kMaxWaiting) {
        if (!std::exchange(dropping_, true)) {
            spdlog::warn("the service manager does not listen: {} and what follows is lost",
                         state.substr(0, state.find('\n')));
        }
        return;
    }
    Message message{state, {}};
    for (const int fd : fds) {
        UniqueFd copy(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
        if (!copy) {  // without its descriptors it would say something else
            return spdlog::warn("cannot keep {} for the service manager: {}", state.substr(0, state.find('\n')),
                                std::strerror(errno));
        }
        message.fds.push_back(std::move(copy));
    }
    waiting_.push_back(std::move(message));
}

void NotifySocket::wait() {
    socket_.async_wait(boost::asio::posix::descriptor_base::wait_write, [this](const boost::system::error_code& error) {
        if (!error) send_waiting();
    });
}

void NotifySocket::send_waiting() {
    while (!waiting_.empty()) {
        const Message& first = waiting_.front();
        std::vector<int> fds;
        for (const UniqueFd& fd : first.fds) fds.push_back(fd.get());
        if (try_send(first.state, fds) == Outcome::full) return wait();
        waiting_.pop_front();
    }
    dropping_ = false;
}

}  // namespace heirloom::supervisor
