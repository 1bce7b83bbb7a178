// SPDX-License-Identifier: Apache-2.0
// The floor of what forwarding costs: bytes from one socket to another, one upstream connection per downstream one, no
// parsing, no pool, no timers. One thread, epoll. `floor LISTEN_PORT UPSTREAM_PORT`.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <string>

namespace {

// One direction's end: what was read here goes to `peer`.
struct End {
    int fd = -1;
    End* peer = nullptr;
    std::string pending;  // to be written to this end's fd
    bool reads = true;
};

int epoll_fd = -1;
char block[65536];

void watch(End& end, int operation) {
    epoll_event event{};
    event.events = (end.reads ? EPOLLIN : 0u) | (end.pending.empty() ? 0u : EPOLLOUT);
    event.data.ptr = &end;
    epoll_ctl(epoll_fd, operation, end.fd, &event);
}

// Both ends are closed now and freed by the caller after this batch of events.
void close_pair(End& end) {
    close(end.fd);
    close(end.peer->fd);
    end.fd = end.peer->fd = -1;
}

void on_readable(End& end) {
    const ssize_t n = read(end.fd, block, sizeof block);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) return close_pair(end);
    End& peer = *end.peer;
    const ssize_t written = peer.pending.empty() ? send(peer.fd, block, static_cast<size_t>(n), MSG_NOSIGNAL) : 0;
    if (written < 0 && errno != EAGAIN && errno != ENOTCONN) return close_pair(end);
    if (written == n) return;
    peer.pending.append(block + (written > 0 ? written : 0), static_cast<size_t>(n - (written > 0 ? written : 0)));
    end.reads = false;
    watch(end, EPOLL_CTL_MOD);
    watch(peer, EPOLL_CTL_MOD);
}

void on_writable(End& end) {
    const ssize_t n = send(end.fd, end.pending.data(), end.pending.size(), MSG_NOSIGNAL);
    if (n < 0) {
        if (errno != EAGAIN) close_pair(end);
        return;
    }
    end.pending.erase(0, static_cast<size_t>(n));
    if (!end.pending.empty()) return;
    end.peer->reads = true;
    watch(end, EPOLL_CTL_MOD);
    watch(*end.peer, EPOLL_CTL_MOD);
}

void accept_one(int listener, const sockaddr_in& upstream) {
    const int fd = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    auto* down = new End;  // lives as long as the process: a benchmark makes few
    auto* up = new End;
    down->fd = fd;
    up->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    down->peer = up;
    up->peer = down;
    const int on = 1;
    for (const End* end : {down, up}) setsockopt(end->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    connect(up->fd, reinterpret_cast<const sockaddr*>(&upstream), sizeof upstream);
    watch(*down, EPOLL_CTL_ADD);
    watch(*up, EPOLL_CTL_ADD);
}

sockaddr_in loopback(const char* port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(std::atoi(port)));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) return 2;
    const sockaddr_in listen_address = loopback(argv[1]);
    const sockaddr_in upstream = loopback(argv[2]);
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const int on = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, reinterpret_cast<const sockaddr*>(&listen_address), sizeof listen_address) < 0) return 1;
    if (listen(listener, 4096) < 0) return 1;
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    epoll_event event{};
    event.events = EPOLLIN;
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &event);
    epoll_event events[256];
    while (true) {
        const int n = epoll_wait(epoll_fd, events, 256, -1);
        for (int i = 0; i < n; ++i) {
            auto* end = static_cast<End*>(events[i].data.ptr);
            if (end == nullptr) {
                accept_one(listener, upstream);
                continue;
            }
            if ((events[i].events & EPOLLOUT) != 0 && end->fd >= 0) on_writable(*end);
            if ((events[i].events & ~EPOLLOUT) != 0 && end->fd >= 0) on_readable(*end);
        }
    }
}
