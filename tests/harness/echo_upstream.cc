// SPDX-License-Identifier: Apache-2.0
// The storm's upstream for what lasts: whatever comes goes back, one thread, epoll.
//
//   echo_upstream [--http2]     prints `port N` once it listens; ends on SIGTERM
//
// Plain: a connection that begins with "GET " is granted its upgrade (101), then every byte is echoed; so is every byte
// of any other connection from the start. After the peer's FIN comes ours, when all is echoed.
// --http2 (prior knowledge): every stream is answered 200 at once as application/grpc, its DATA is echoed, and its end
// is answered by trailers with `grpc-status: 0`.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

namespace {

constexpr std::string_view kSwitching =
    "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n";

nghttp2_nv field(std::string_view name, std::string_view value) {
    return {reinterpret_cast<uint8_t*>(const_cast<char*>(name.data())),
            reinterpret_cast<uint8_t*>(const_cast<char*>(value.data())), name.size(), value.size(),
            NGHTTP2_NV_FLAG_NONE};
}

// One connection: bytes in, bytes to be written out.
class Peer {
  public:
    virtual ~Peer() = default;
    virtual bool feed(std::string_view bytes) = 0;  // false: the connection is of no use any more
    virtual void pull() {}                          // appends what can be said to `out`
    std::string out;
};

class PlainPeer final : public Peer {
  public:
    bool feed(std::string_view bytes) override {
        if (echoing_) {
            out.append(bytes);
            return true;
        }
        head_.append(bytes);
        const size_t end = head_.find("\r\n\r\n");
        const bool upgrade = std::string_view(head_).substr(0, 4) == std::string_view("GET ").substr(0, head_.size());
        if (upgrade && end == std::string::npos) return true;
        echoing_ = true;
        if (upgrade) out.append(kSwitching);
        out.append(head_, upgrade ? end + 4 : 0);
        head_.clear();
        return true;
    }

  private:
    bool echoing_ = false;
    std::string head_;
};

class Http2Peer final : public Peer {
  public:
    Http2Peer() {
        nghttp2_session_callbacks* table = nullptr;
        nghttp2_session_callbacks_new(&table);
        nghttp2_session_callbacks_set_on_frame_recv_callback(
            table, [](nghttp2_session*, const nghttp2_frame* frame, void* self) {
                static_cast<Http2Peer*>(self)->on_frame(*frame);
                return 0;
            });
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
            table, [](nghttp2_session* session, uint8_t, int32_t id, const uint8_t* data, size_t size, void* self) {
                Stream& stream = static_cast<Http2Peer*>(self)->streams_[id];
                stream.echo.append(reinterpret_cast<const char*>(data), size);
                nghttp2_session_resume_data(session, id);
                return 0;
            });
        nghttp2_session_callbacks_set_on_stream_close_callback(table,
                                                               [](nghttp2_session*, int32_t id, uint32_t, void* self) {
                                                                   static_cast<Http2Peer*>(self)->streams_.erase(id);
                                                                   return 0;
                                                               });
        nghttp2_session_server_new(&session_, table, this);
        nghttp2_session_callbacks_del(table);
        const nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 1000},
                                                   {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1 << 20}};
        nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings, std::size(settings));
        nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, 1 << 24);
    }
    ~Http2Peer() override { nghttp2_session_del(session_); }

    bool feed(std::string_view bytes) override {
        return nghttp2_session_mem_recv(session_, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()) >= 0;
    }
    void pull() override {
        const uint8_t* bytes = nullptr;
        ssize_t count = 0;
        while ((count = nghttp2_session_mem_send(session_, &bytes)) > 0) {
            out.append(reinterpret_cast<const char*>(bytes), static_cast<size_t>(count));
        }
    }

  private:
    struct Stream {
        std::string echo;
        bool ended = false;
    };

    void on_frame(const nghttp2_frame& frame) {
        const int32_t id = frame.hd.stream_id;
        const bool is_request = frame.hd.type == NGHTTP2_HEADERS && frame.headers.cat == NGHTTP2_HCAT_REQUEST;
        if (is_request) {
            const nghttp2_nv head[] = {field(":status", "200"), field("content-type", "application/grpc")};
            nghttp2_data_provider provider{};
            provider.source.ptr = this;
            provider.read_callback = &Http2Peer::read;
            nghttp2_submit_response(session_, id, head, std::size(head), &provider);
        }
        const bool carries = frame.hd.type == NGHTTP2_HEADERS || frame.hd.type == NGHTTP2_DATA;
        if (carries && (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
            streams_[id].ended = true;
            nghttp2_session_resume_data(session_, id);
        }
    }

    static ssize_t read(nghttp2_session* session, int32_t id, uint8_t* to, size_t room, uint32_t* flags,
                        nghttp2_data_source* source, void*) {
        Stream& stream = static_cast<Http2Peer*>(source->ptr)->streams_[id];
        const size_t count = std::min(room, stream.echo.size());
        std::memcpy(to, stream.echo.data(), count);
        stream.echo.erase(0, count);
        if (stream.echo.empty() && stream.ended) {
            *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
            const nghttp2_nv trailers[] = {field("grpc-status", "0")};
            nghttp2_submit_trailer(session, id, trailers, std::size(trailers));
        } else if (count == 0) {
            return NGHTTP2_ERR_DEFERRED;
        }
        return static_cast<ssize_t>(count);
    }

    nghttp2_session* session_ = nullptr;
    std::map<int32_t, Stream> streams_;
};

struct Connection {
    int fd = -1;
    std::unique_ptr<Peer> peer;
    bool finished = false;  // by the client
    bool writing = false;
};

class Server {
  public:
    explicit Server(bool http2) : http2_(http2) {}
    int run();

  private:
    void accept_all();
    bool serve(Connection& connection);

    bool http2_;
    int epoll_ = -1;
    int listener_ = -1;
    std::unordered_map<int, std::unique_ptr<Connection>> connections_;
};

void Server::accept_all() {
    while (true) {
        const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) return;
        const int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        auto connection = std::make_unique<Connection>();
        connection->fd = fd;
        if (http2_) {
            connection->peer = std::make_unique<Http2Peer>();
        } else {
            connection->peer = std::make_unique<PlainPeer>();
        }
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.ptr = connection.get();
        epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
        connections_[fd] = std::move(connection);
    }
}

// False: the connection is over. While something waits to be written nothing is read: the peer feels it.
bool Server::serve(Connection& connection) {
    std::string& out = connection.peer->out;
    if (out.empty()) {
        char block[65536];
        const ssize_t n = read(connection.fd, block, sizeof block);
        if (n < 0) return errno == EAGAIN || errno == EINTR;
        connection.finished = n == 0;
        if (n > 0 && !connection.peer->feed({block, static_cast<size_t>(n)})) return false;
        connection.peer->pull();
    }
    if (!out.empty()) {
        const ssize_t n = send(connection.fd, out.data(), out.size(), MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN) return false;
        if (n > 0) out.erase(0, static_cast<size_t>(n));
    }
    if (out.empty() && connection.finished) return false;
    if (connection.writing != !out.empty()) {
        connection.writing = !out.empty();
        epoll_event event{};
        event.events = connection.writing ? EPOLLOUT : EPOLLIN;
        event.data.ptr = &connection;
        epoll_ctl(epoll_, EPOLL_CTL_MOD, connection.fd, &event);
    }
    return true;
}

int Server::run() {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    if (bind(listener_, reinterpret_cast<sockaddr*>(&address), length) < 0 || listen(listener_, 4096) < 0) {
        std::perror("echo_upstream: listen");
        return 1;
    }
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length);
    std::printf("port %d\n", ntohs(address.sin_port));
    std::fflush(stdout);
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    epoll_event event{};
    event.events = EPOLLIN;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, listener_, &event);
    epoll_event events[256];
    while (true) {
        const int count = epoll_wait(epoll_, events, 256, -1);
        for (int i = 0; i < count; ++i) {
            auto* const connection = static_cast<Connection*>(events[i].data.ptr);
            if (!connection) {
                accept_all();
            } else if (!serve(*connection)) {
                const int fd = connection->fd;
                close(fd);
                connections_.erase(fd);
            }
        }
    }
}

}  // namespace

int main(int argc, char** argv) {
    std::signal(SIGPIPE, SIG_IGN);
    return Server(argc > 1 && std::string_view(argv[1]) == "--http2").run();
}
