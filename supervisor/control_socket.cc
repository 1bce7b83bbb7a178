// SPDX-License-Identifier: Apache-2.0
#include "supervisor/control_socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

namespace heirloom::supervisor {

using boost::system::error_code;
namespace json = boost::json;

namespace {

constexpr size_t kMostInput = 4096;
constexpr size_t kMostOutput = 256 * 1024;
constexpr size_t kMostClients = 64;
constexpr std::chrono::seconds kPatience{10};  // for a request to arrive, and for a line to be taken
constexpr std::chrono::milliseconds kAcceptPause{100};

bool is_trusted(int fd) {
    ucred peer{};
    socklen_t size = sizeof peer;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && (peer.uid == 0 || peer.uid == geteuid());
}

}  // namespace

ControlClient::ControlClient(boost::asio::io_context& io, Socket socket) : socket_(std::move(socket)), deadline_(io) {
    error_code ignored;
    socket_.non_blocking(true, ignored);
}

void ControlClient::read_request(std::function<void(json::object)> on_request) {
    deadline_.expires_after(kPatience);
    deadline_.async_wait([self = shared_from_this()](const error_code& error) {
        if (!error) self->close();
    });
    boost::asio::async_read_until(
        socket_, boost::asio::dynamic_buffer(input_, kMostInput), '\n',
        [self = shared_from_this(), on_request = std::move(on_request)](const error_code& error, size_t size) {
            self->deadline_.cancel();
            if (error == boost::asio::error::not_found) return self->fail("the request is too long");
            if (error) return self->close();
            error_code broken;
            const json::value request = json::parse(std::string_view(self->input_).substr(0, size), broken);
            if (broken || !request.is_object()) return self->fail("the request is not a JSON object");
            on_request(request.get_object());
        });
}

void ControlClient::send(const json::object& line, int fd) {
    if (finished_ || !socket_.is_open()) return;
    output_ += json::serialize(line);
    output_ += '\n';
    if (fd >= 0) fd_.reset(fcntl(fd, F_DUPFD_CLOEXEC, 0));
    if (output_.size() > kMostOutput) return close();
    if (!writing_) write_some();
}

void ControlClient::finish(const json::object& line, int fd) {
    send(line, fd);
    finished_ = true;
    if (!writing_) close();
}

void ControlClient::fail(std::string_view reason) { finish({{"result", "error"}, {"reason", reason}}); }

void ControlClient::write_some() {
    writing_ = false;
    while (!output_.empty() && socket_.is_open()) {
        iovec data{output_.data(), output_.size()};
        alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
        msghdr header{};
        header.msg_iov = &data;
        header.msg_iovlen = 1;
        if (fd_) {
            header.msg_control = control;
            header.msg_controllen = sizeof control;
            cmsghdr* rights = CMSG_FIRSTHDR(&header);
            rights->cmsg_level = SOL_SOCKET;
            rights->cmsg_type = SCM_RIGHTS;
            rights->cmsg_len = CMSG_LEN(sizeof(int));
            const int fd = fd_.get();
            std::memcpy(CMSG_DATA(rights), &fd, sizeof fd);
        }
        const ssize_t sent = sendmsg(socket_.native_handle(), &header, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EAGAIN) break;
        if (sent < 0) return close();
        fd_.reset();
        output_.erase(0, static_cast<size_t>(sent));
    }
    deadline_.cancel();
    if (output_.empty()) {
        if (finished_) close();
        return;
    }
    writing_ = true;
    deadline_.expires_after(kPatience);
    deadline_.async_wait([self = shared_from_this()](const error_code& error) {
        if (!error) self->close();
    });
    socket_.async_wait(Socket::wait_write, [self = shared_from_this()](const error_code& error) {
        if (!error) self->write_some();
    });
}

void ControlClient::close() {
    error_code ignored;
    deadline_.cancel();
    socket_.close(ignored);
    if (on_close_) boost::asio::post(deadline_.get_executor(), std::exchange(on_close_, nullptr));
}

Result<std::unique_ptr<ControlSocket>> ControlSocket::open(boost::asio::io_context& io, const std::string& path,
                                                           Handler handler) {
    if (path.size() >= sizeof(sockaddr_un::sun_path)) return Error{path + ": path too long for a unix socket"};
    std::unique_ptr<ControlSocket> control(new ControlSocket(io, path, std::move(handler)));
    unlink(path.c_str());
    const mode_t mask = umask(0177);
    error_code error;
    control->acceptor_.open(boost::asio::local::stream_protocol(), error);
    if (!error) control->acceptor_.bind({path}, error);
    umask(mask);
    if (!error) control->acceptor_.listen(boost::asio::socket_base::max_listen_connections, error);
    if (error) return Error{"cannot listen on " + path + ": " + error.message(), error.value()};
    control->accept();
    return control;
}

ControlSocket::ControlSocket(boost::asio::io_context& io, std::string path, Handler handler)
    : io_(io), path_(std::move(path)), handler_(std::move(handler)), acceptor_(io), pause_(io) {}

ControlSocket::~ControlSocket() {
    unlink(path_.c_str());
    for (const auto& client : clients_) {
        client->on_close_ = nullptr;
        client->close();
    }
}

void ControlSocket::accept() {
    acceptor_.async_accept([this](const error_code& error, ControlClient::Socket socket) {
        if (error == boost::asio::error::operation_aborted) return;
        if (!error) {
            on_client(std::move(socket));
            return accept();
        }
        spdlog::warn("control socket: accept: {}", error.message());
        pause_.expires_after(kAcceptPause);
        pause_.async_wait([this](const error_code& stopped) {
            if (!stopped) accept();
        });
    });
}

void ControlSocket::on_client(ControlClient::Socket socket) {
    auto client = std::make_shared<ControlClient>(io_, std::move(socket));
    if (!is_trusted(client->socket_.native_handle())) {
        spdlog::warn("control socket: a client of another user was turned away");
        return client->fail("only root and the user of heirloomd may connect");
    }
    if (clients_.size() >= kMostClients) return client->fail("too many clients at once");
    clients_.insert(client);
    client->on_close_ = [this, weak = std::weak_ptr(client)] { clients_.erase(weak.lock()); };
    client->read_request([this, weak = std::weak_ptr(client)](const json::object& request) {
        if (const auto sender = weak.lock()) handler_(sender, request);
    });
}

}  // namespace heirloom::supervisor
