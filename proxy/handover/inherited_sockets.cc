// SPDX-License-Identifier: Apache-2.0
#include "proxy/handover/inherited_sockets.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <charconv>
#include <cstdlib>
#include <cstring>

namespace heirloom::handover {
namespace {

constexpr int kFirstListenFd = 3;

Error cannot_bind(const shm::SocketAddress& address, std::string_view why) {
    return {"cannot bind '" + address.to_string() + "': " + std::string(why), errno};
}

void set_option(int fd, int level, int option, int value) { ::setsockopt(fd, level, option, &value, sizeof(value)); }

Result<shm::SocketAddress> bound_address(int fd, bool v6only) {
    sockaddr_storage storage{};
    socklen_t length = sizeof(storage);
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &length) != 0) return Error::from_errno("getsockname");
    shm::SocketAddress address = shm::from_sockaddr(reinterpret_cast<const sockaddr*>(&storage), length);
    address.v6only = v6only;
    return address;
}

// A path that nobody listens on any more is left over from a process that died.
void remove_stale_path(const shm::SocketAddress& address) {
    const std::string path = address.ip();
    struct stat status {};
    if (path.starts_with('@') || ::lstat(path.c_str(), &status) != 0 || !S_ISSOCK(status.st_mode)) return;
    const UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address.storage), address.length) != 0 &&
        errno == ECONNREFUSED) {
        ::unlink(path.c_str());
    }
}

Result<UniqueFd> open_shard(const SocketRequest& request, const shm::SocketAddress& address, bool share) {
    const bool is_unix = address.family() == AF_UNIX;
    UniqueFd fd(::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd) return cannot_bind(address, std::strerror(errno));
    if (is_unix) {
        remove_stale_path(address);
    } else {
        set_option(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1);
        if (share) set_option(fd.get(), SOL_SOCKET, SO_REUSEPORT, 1);
        if (address.family() == AF_INET6) set_option(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, address.v6only);
        if (request.freebind) set_option(fd.get(), IPPROTO_IP, IP_FREEBIND, 1);
    }
    if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address.storage), address.length) != 0) {
        return cannot_bind(address, std::strerror(errno));
    }
    if (is_unix && request.unix_mode != 0 && !address.ip().starts_with('@')) {
        if (::chmod(address.ip().c_str(), request.unix_mode) != 0) return cannot_bind(address, std::strerror(errno));
    }
    const int backlog =
        request.backlog == 0 ? SOMAXCONN : static_cast<int>(std::min<uint32_t>(request.backlog, 1 << 20));
    if (::listen(fd.get(), backlog) != 0) return cannot_bind(address, std::strerror(errno));
    if (!is_unix && request.tcp_fast_open_queue > 0) {
        set_option(fd.get(), IPPROTO_TCP, TCP_FASTOPEN, static_cast<int>(request.tcp_fast_open_queue));
    }
    return fd;
}

Result<ListeningSocket> open_socket(const SocketRequest& request, uint32_t workers) {
    const bool share = request.share && request.address.family() != AF_UNIX;
    ListeningSocket socket;
    shm::SocketAddress address = request.address;
    if (share) {
        // With SO_REUSEPORT somebody else's port could be joined unnoticed: one without it has to be free first.
        const Result<UniqueFd> probe = open_shard(request, address, false);
        if (!probe) return probe.error();
    }
    const uint32_t count = share ? workers : 1;
    for (uint32_t i = 0; i < count; ++i) {
        Result<UniqueFd> shard = open_shard(request, address, share);
        if (!shard) return shard.error();
        if (i == 0) {  // port 0 became one that the other shards join
            const auto bound = bound_address(shard->get(), address.v6only);
            if (!bound) return bound.error();
            address = *bound;
        }
        socket.shards.push_back(std::move(*shard));
    }
    socket.bound = address;
    return socket;
}

}  // namespace

std::vector<int> ListeningSocket::fds() const {
    std::vector<int> result;
    for (const UniqueFd& shard : shards) result.push_back(shard.get());
    return result;
}

Result<std::vector<ListeningSocket>> obtain_from_supervisor(Client& client,
                                                            const std::vector<SocketRequest>& requests) {
    std::vector<shm::proto::SocketSpec> specs;
    for (const SocketRequest& request : requests) {
        auto& spec = specs.emplace_back();
        spec.set_name(request.address.canonical());
        spec.set_max_shards(request.share && request.address.family() != AF_UNIX ? 0 : 1);
        spec.set_backlog(request.backlog);
        spec.set_mode(request.unix_mode);
        spec.set_keep(request.keep);
        spec.set_freebind(request.freebind);
        spec.set_tcp_fast_open_queue(request.tcp_fast_open_queue);
    }
    Result<std::vector<ReceivedSocket>> received = client.bind_sockets(specs);
    if (!received) return received.error();
    std::vector<ListeningSocket> sockets;
    for (size_t i = 0; i < requests.size(); ++i) {
        ReceivedSocket& one = (*received)[i];
        if (!one.error.empty()) return cannot_bind(requests[i].address, one.error);
        for (const UniqueFd& fd : one.shards) ::fcntl(fd.get(), F_SETFL, ::fcntl(fd.get(), F_GETFL) | O_NONBLOCK);
        const auto bound = shm::parse_socket_name(one.bound);
        sockets.push_back({bound ? *bound : requests[i].address, std::move(one.shards)});
    }
    return sockets;
}

Result<std::vector<ListeningSocket>> open_alone(const std::vector<SocketRequest>& requests, uint32_t workers,
                                                std::vector<UniqueFd> inherited) {
    std::vector<ListeningSocket> sockets;
    for (const SocketRequest& request : requests) {
        ListeningSocket socket;
        for (UniqueFd& fd : inherited) {
            if (!fd) continue;
            const auto bound = bound_address(fd.get(), request.address.v6only);
            if (!bound || bound->to_string() != request.address.to_string()) continue;
            socket.bound = *bound;
            socket.shards.push_back(std::move(fd));
        }
        if (socket.shards.empty()) {
            Result<ListeningSocket> opened = open_socket(request, workers);
            if (!opened) return opened.error();
            socket = std::move(*opened);
        }
        sockets.push_back(std::move(socket));
    }
    for (const UniqueFd& fd : inherited) {
        if (!fd) continue;
        const auto bound = bound_address(fd.get(), false);
        spdlog::warn("no listener wants the inherited socket {}",
                     bound ? bound->to_string() : std::to_string(fd.get()));
    }
    return sockets;
}

std::vector<UniqueFd> take_listen_fds() {
    const char* pid = std::getenv("LISTEN_PID");
    const char* count = std::getenv("LISTEN_FDS");
    std::vector<UniqueFd> sockets;
    if (pid && count && std::to_string(::getpid()) == pid) {
        int n = 0;
        std::from_chars(count, count + std::strlen(count), n);
        for (int fd = kFirstListenFd; fd < kFirstListenFd + n; ++fd) {
            int listening = 0;
            socklen_t length = sizeof(listening);
            if (::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length) != 0) continue;
            UniqueFd socket(fd);
            if (!listening) continue;
            ::fcntl(fd, F_SETFD, FD_CLOEXEC);
            ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
            sockets.push_back(std::move(socket));
        }
    }
    ::unsetenv("LISTEN_PID");
    ::unsetenv("LISTEN_FDS");
    ::unsetenv("LISTEN_FDNAMES");
    return sockets;
}

}  // namespace heirloom::handover
