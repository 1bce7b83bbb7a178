// SPDX-License-Identifier: Apache-2.0
// A fast HTTP/1.1 upstream for storm and bench: one thread, epoll, keep-alive, no allocation per request.
//
//   upstream [--port N]     prints `port N` once it listens; ends on SIGTERM
//
// `/bytes/N` is answered by N bytes ('a' to 'z', over and over), `/chunks/N` by the same in chunks of 4 KiB, any other
// path by "ok\n". Request bodies are read and thrown away, of chunked ones the sizes are believed and trailers not
// understood.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

namespace {

constexpr size_t kPatternBytes = 8 * 1024 * 1024;

struct Connection {
    int fd = -1;
    std::string input;
    std::string path;  // of the request whose body is being read
    std::string head;  // answer head not written yet
    size_t head_sent = 0;
    size_t body_left = 0;  // of the answer
    size_t body_sent = 0;
    size_t discard = 0;          // request body bytes still to come
    bool chunks_follow = false;  // of the request's body
    bool waits_writable = false;
    bool close_after = false;
};

class Server {
  public:
    int run(uint16_t port);

  private:
    void accept_all();
    void on_readable(Connection& connection);
    bool answer_requests(Connection& connection);
    void begin_answer(Connection& connection);
    bool flush(Connection& connection);
    void watch(Connection& connection, bool writable);
    void drop(Connection& connection);

    int epoll_ = -1;
    int listener_ = -1;
    std::string pattern_;
    std::unordered_map<int, std::unique_ptr<Connection>> connections_;
};

size_t wanted_bytes(std::string_view path, std::string_view prefix) {
    size_t bytes = 0;
    if (path.starts_with(prefix)) std::from_chars(path.data() + prefix.size(), path.data() + path.size(), bytes);
    return bytes < kPatternBytes ? bytes : kPatternBytes;
}

// Value of a header in a head with any case of names; empty when absent.
std::string_view header(std::string_view head, std::string_view name) {
    size_t at = head.find("\r\n");
    while (at != std::string_view::npos && at + 2 < head.size()) {
        const size_t begin = at + 2;
        const size_t end = head.find("\r\n", begin);
        const std::string_view line = head.substr(begin, end == std::string_view::npos ? end : end - begin);
        if (line.size() > name.size() && line[name.size()] == ':' &&
            strncasecmp(line.data(), name.data(), name.size()) == 0) {
            std::string_view value = line.substr(name.size() + 1);
            while (!value.empty() && value.front() == ' ') value.remove_prefix(1);
            return value;
        }
        at = end;
    }
    return {};
}

void Server::watch(Connection& connection, bool writable) {
    if (connection.waits_writable == writable) return;
    connection.waits_writable = writable;
    epoll_event event{};
    event.events = writable ? EPOLLOUT : EPOLLIN;
    event.data.ptr = &connection;
    epoll_ctl(epoll_, EPOLL_CTL_MOD, connection.fd, &event);
}

void Server::drop(Connection& connection) {
    const int fd = connection.fd;
    connections_.erase(fd);
    close(fd);
}

void Server::accept_all() {
    while (true) {
        const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) return;
        const int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        auto connection = std::make_unique<Connection>();
        connection->fd = fd;
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.ptr = connection.get();
        epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
        connections_[fd] = std::move(connection);
    }
}

// Writes what is due. False: the connection is gone.
bool Server::flush(Connection& connection) {
    while (connection.head_sent < connection.head.size() || connection.body_left > 0) {
        iovec parts[2];
        parts[0] = {connection.head.data() + connection.head_sent, connection.head.size() - connection.head_sent};
        parts[1] = {pattern_.data() + connection.body_sent, connection.body_left};
        const ssize_t n = writev(connection.fd, parts, 2);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EAGAIN) {
            watch(connection, true);
            return true;
        }
        if (n < 0) {
            drop(connection);
            return false;
        }
        const size_t in_head = std::min(static_cast<size_t>(n), parts[0].iov_len);
        connection.head_sent += in_head;
        connection.body_sent += static_cast<size_t>(n) - in_head;
        connection.body_left -= static_cast<size_t>(n) - in_head;
    }
    connection.head.clear();
    connection.head_sent = 0;
    watch(connection, false);
    if (!connection.close_after) return true;
    drop(connection);
    return false;
}

// False: more of it is to come.
bool read_head(Connection& connection) {
    const size_t end = connection.input.find("\r\n\r\n");
    if (end == std::string::npos) return false;
    const std::string_view head(connection.input.data(), end + 2);
    const size_t path_at = head.find(' ') + 1;
    connection.path = head.substr(path_at, head.find(' ', path_at) - path_at);
    const std::string_view length = header(head, "content-length");
    std::from_chars(length.data(), length.data() + length.size(), connection.discard);
    connection.chunks_follow = header(head, "transfer-encoding") == "chunked";
    connection.close_after = header(head, "connection") == "close";
    connection.input.erase(0, end + 4);
    return true;
}

void Server::begin_answer(Connection& connection) {
    const std::string_view path = connection.path;
    connection.body_sent = 0;
    if (path.starts_with("/chunks/")) {
        connection.head = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n";
        for (size_t left = wanted_bytes(path, "/chunks/"), size = 0; left > 0; left -= size) {
            size = std::min<size_t>(left, 4096);
            char line[16];
            std::snprintf(line, sizeof line, "%zx\r\n", size);
            connection.head.append(line).append(pattern_, 0, size).append("\r\n");
        }
        connection.head += "0\r\n\r\n";
        return;
    }
    const bool is_sized = path.starts_with("/bytes/");
    connection.body_left = is_sized ? wanted_bytes(path, "/bytes/") : 0;
    connection.head = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: ";
    connection.head += std::to_string(is_sized ? connection.body_left : 3);
    connection.head += is_sized ? "\r\n\r\n" : "\r\n\r\nok\n";
}

// Throws away what is there of a request's body. False: more of it is to come.
bool skip_body(Connection& connection) {
    while (true) {
        const size_t skip = std::min(connection.discard, connection.input.size());
        connection.input.erase(0, skip);
        connection.discard -= skip;
        if (connection.discard > 0) return false;
        if (!connection.chunks_follow) return true;
        const size_t end = connection.input.find("\r\n");
        if (end == std::string::npos) return false;
        size_t size = 0;
        std::from_chars(connection.input.data(), connection.input.data() + end, size, 16);
        connection.discard = end + 2 + size + 2;
        connection.chunks_follow = size != 0;
    }
}

// Answers complete requests in order, one at a time. False: the connection is gone.
bool Server::answer_requests(Connection& connection) {
    while (connection.head.empty() && connection.body_left == 0) {
        if (connection.path.empty() && !read_head(connection)) return true;
        if (!skip_body(connection)) return true;
        begin_answer(connection);
        connection.path.clear();
        if (!flush(connection)) return false;
    }
    return true;
}

void Server::on_readable(Connection& connection) {
    char block[16384];
    while (true) {
        const ssize_t n = read(connection.fd, block, sizeof block);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EAGAIN) return;
        if (n <= 0) return drop(connection);
        connection.input.append(block, static_cast<size_t>(n));
        if (!answer_requests(connection)) return;
        if (static_cast<size_t>(n) < sizeof block) return;
    }
}

int Server::run(uint16_t port) {
    pattern_.resize(kPatternBytes);
    for (size_t i = 0; i < pattern_.size(); ++i) pattern_[i] = static_cast<char>('a' + i % 26);
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const int on = 1;
    setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    if (bind(listener_, reinterpret_cast<sockaddr*>(&address), length) < 0 || listen(listener_, 4096) < 0) {
        std::perror("upstream: listen");
        return 1;
    }
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length);
    std::printf("port %d\n", ntohs(address.sin_port));
    std::fflush(stdout);
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = nullptr;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, listener_, &event);
    epoll_event events[256];
    while (true) {
        const int n = epoll_wait(epoll_, events, 256, -1);
        for (int i = 0; i < n; ++i) {
            if (events[i].data.ptr == nullptr) {
                accept_all();
                continue;
            }
            auto& connection = *static_cast<Connection*>(events[i].data.ptr);
            if (!connection.waits_writable) {
                on_readable(connection);
            } else if (flush(connection)) {
                answer_requests(connection);
            }
        }
    }
}

}  // namespace

int main(int argc, char** argv) {
    std::signal(SIGPIPE, SIG_IGN);
    int port = 0;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (std::string_view(argv[i]) == "--port") port = std::atoi(argv[i + 1]);
    }
    return Server().run(static_cast<uint16_t>(port));
}
