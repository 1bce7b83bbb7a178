// SPDX-License-Identifier: Apache-2.0
#include "supervisor/listening_socket.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

namespace heirloom::supervisor {

namespace {

const sockaddr* as_sockaddr(const shm::SocketAddress& address) {
    return reinterpret_cast<const sockaddr*>(&address.storage);
}

bool set_option(int fd, int level, int option, int value) {
    return setsockopt(fd, level, option, &value, sizeof value) == 0;
}

Result<UniqueFd> new_socket(const shm::SocketAddress& address) {
    UniqueFd fd(socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) return Error::from_errno("cannot listen on " + address.to_string());
    return fd;
}

bool set_ip_options(int fd, const shm::SocketAddress& address, const ListenOptions& options, bool share_port) {
    return set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1) &&
           (!share_port || set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1)) &&
           (address.family() != AF_INET6 || set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, address.v6only ? 1 : 0)) &&
           (!options.freebind || set_option(fd, IPPROTO_IP, IP_FREEBIND, 1));
}

// The path in the file system, or nothing for an abstract name.
std::string path_of(const shm::SocketAddress& address) {
    const auto& unix_address = reinterpret_cast<const sockaddr_un&>(address.storage);
    return address.family() == AF_UNIX && unix_address.sun_path[0] != '\0' ? address.ip() : std::string();
}

// A path left by a process that is gone: it is a socket, and connecting is refused.
bool is_stale(const shm::SocketAddress& address, const std::string& path) {
    struct stat info {};
    if (lstat(path.c_str(), &info) < 0 || !S_ISSOCK(info.st_mode)) return false;
    const UniqueFd probe(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    return probe && connect(probe.get(), as_sockaddr(address), address.length) < 0 && errno == ECONNREFUSED;
}

Result<UniqueFd> open_unix_socket(const shm::SocketAddress& address, const ListenOptions& options) {
    auto fd = new_socket(address);
    if (!fd) return fd;
    const std::string path = path_of(address);
    const std::string what = "cannot listen on " + address.to_string();
    if (!path.empty() && is_stale(address, path)) unlink(path.c_str());
    // Before bind the mode of the descriptor limits that of the path: it is never more open than asked, not even
    // briefly.
    if (options.mode != 0) fchmod(fd->get(), options.mode);
    if (bind(fd->get(), as_sockaddr(address), address.length) < 0) return Error::from_errno(what);
    if (options.mode != 0 && !path.empty() && chmod(path.c_str(), options.mode) < 0) return Error::from_errno(what);
    return fd;
}

}  // namespace

Result<UniqueFd> open_listening_socket(const shm::SocketAddress& address, const ListenOptions& options) {
    auto fd = address.family() == AF_UNIX ? open_unix_socket(address, options) : new_socket(address);
    if (!fd) return fd;
    const std::string what = "cannot listen on " + address.to_string();
    if (address.family() != AF_UNIX && (!set_ip_options(fd->get(), address, options, true) ||
                                        bind(fd->get(), as_sockaddr(address), address.length) < 0)) {
        return Error::from_errno(what);
    }
    const int backlog =
        options.backlog != 0 ? static_cast<int>(std::min<uint32_t>(options.backlog, 1 << 20)) : SOMAXCONN;
    if (listen(fd->get(), backlog) < 0) return Error::from_errno(what);
    apply_options(fd->get(), options);
    return fd;
}

void apply_options(int fd, const ListenOptions& options) {
    if (options.backlog != 0) listen(fd, static_cast<int>(std::min<uint32_t>(options.backlog, 1 << 20)));
    if (options.tcp_fast_open_queue != 0 &&
        !set_option(fd, IPPROTO_TCP, TCP_FASTOPEN, static_cast<int>(options.tcp_fast_open_queue))) {
        spdlog::warn("cannot set the fast open queue: {}", std::strerror(errno));
    }
}

Status check_unused(const shm::SocketAddress& address, const ListenOptions& options) {
    if (address.family() == AF_UNIX || address.port() == 0) return Ok{};
    auto probe = new_socket(address);
    if (!probe) return probe.error();
    if (!set_ip_options(probe->get(), address, options, false) ||
        bind(probe->get(), as_sockaddr(address), address.length) < 0) {
        return Error::from_errno("cannot listen on " + address.to_string());
    }
    return Ok{};
}

Result<shm::SocketAddress> listening_address(int fd) {
    int type = 0;
    int listens = 0;
    socklen_t size = sizeof type;
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0 || type != SOCK_STREAM)
        return Error{"not a stream socket"};
    size = sizeof listens;
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) < 0 || listens == 0) return Error{"does not listen"};
    sockaddr_storage storage{};
    size = sizeof storage;
    if (getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size) < 0) return Error::from_errno("getsockname");
    shm::SocketAddress address = shm::from_sockaddr(reinterpret_cast<const sockaddr*>(&storage), size);
    if (storage.ss_family == AF_INET6) {
        int only = 0;
        size = sizeof only;
        getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, &size);
        address.v6only = only != 0;
    }
    return address;
}

void block_new_connects(int fd, const shm::SocketAddress& address) {
    if (const std::string path = path_of(address); !path.empty()) unlink(path.c_str());
    if (address.family() == AF_UNIX) return;
    // Byte 13 of the TCP header: drop what has SYN and not ACK.
    sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 13),          BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0x12),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x02, 0, 1), BPF_STMT(BPF_RET | BPF_K, 0),
        BPF_STMT(BPF_RET | BPF_K, 0xffffffff),
    };
    const sock_fprog program{std::size(code), code};
    if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) < 0) {
        spdlog::warn("cannot hold back new connects to {}: {}", address.to_string(), std::strerror(errno));
    }
}

void allow_new_connects(int fd) { set_option(fd, SOL_SOCKET, SO_DETACH_FILTER, 0); }

bool has_queued_connects(int fd) {
    pollfd waiting{fd, POLLIN, 0};
    return poll(&waiting, 1, 0) > 0 && (waiting.revents & POLLIN) != 0;
}

void close_listening_socket(UniqueFd fd) { shutdown(fd.get(), SHUT_RD); }

}  // namespace heirloom::supervisor
