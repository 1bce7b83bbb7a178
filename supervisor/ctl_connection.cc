// SPDX-License-Identifier: Apache-2.0
#include "supervisor/ctl_connection.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "supervisor/run_dir.h"

namespace heirloom::supervisor {

namespace json = boost::json;

Result<CtlConnection> CtlConnection::request(const std::string& run_dir, const json::object& request) {
    const std::string path = run_dir + kControlSocket;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return Error{path + ": path too long for a unix socket"};
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!fd || connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0) {
        const int code = errno;
        const bool nobody = code == ENOENT || code == ECONNREFUSED;
        return Error{nobody ? "no heirloomd runs in " + run_dir + " (" + path + ": " + std::strerror(code) + ")"
                            : "cannot connect to " + path + ": " + std::strerror(code),
                     code};
    }
    const std::string line = json::serialize(request) + '\n';
    if (send(fd.get(), line.data(), line.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(line.size())) {
        return Error::from_errno("cannot send the request");
    }
    return CtlConnection(std::move(fd));
}

Result<bool> CtlConnection::receive() {
    char bytes[16384];
    iovec data{bytes, sizeof bytes};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
    msghdr header{};
    header.msg_iov = &data;
    header.msg_iovlen = 1;
    header.msg_control = control;
    header.msg_controllen = sizeof control;
    const ssize_t size = recvmsg(fd_.get(), &header, MSG_CMSG_CLOEXEC);
    if (size < 0 && errno == EINTR) return true;
    if (size < 0) return Error::from_errno("control socket");
    for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr; part = CMSG_NXTHDR(&header, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
        int fd = -1;
        std::memcpy(&fd, CMSG_DATA(part), sizeof fd);
        passed_.reset(fd);
    }
    buffer_.append(bytes, static_cast<size_t>(size));
    return size != 0;
}

Result<std::optional<json::object>> CtlConnection::next(std::optional<std::chrono::milliseconds> timeout) {
    for (;;) {
        if (const size_t end = buffer_.find('\n'); end != std::string::npos) {
            boost::system::error_code broken;
            json::value line = json::parse(std::string_view(buffer_).substr(0, end), broken);
            buffer_.erase(0, end + 1);
            if (broken || !line.is_object()) return Error{"heirloomd sent something that is not a JSON object"};
            return std::optional(line.get_object());
        }
        pollfd waiting{fd_.get(), POLLIN, 0};
        const int ready = poll(&waiting, 1, timeout ? static_cast<int>(timeout->count()) : -1);
        if (ready == 0) return Error{"heirloomd does not answer", ETIMEDOUT};
        const auto more = receive();
        if (!more.ok()) return more.error();
        if (!*more) return std::optional<json::object>();
    }
}

}  // namespace heirloom::supervisor
