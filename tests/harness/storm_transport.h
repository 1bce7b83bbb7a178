// SPDX-License-Identifier: Apache-2.0
// Transport: one non-blocking client connection of the storm, plain or TLS, for an epoll loop. Tells an orderly end
// (FIN, with close_notify in front under TLS) from every other one.
//
// Tls: what the connections of one client share: the context, and the newest session, which the next connection offers.
// Counts handshakes that resumed and those that did not although they could.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace storm {

struct Handshakes {
    uint64_t full = 0, resumed = 0, not_resumed = 0;
};

class Tls {
  public:
    // `alpn`: one protocol name. `only_tls12`: tickets of TLS 1.2 come inside of the handshake, those of 1.3 behind it.
    Tls(std::string_view alpn, bool only_tls12, Handshakes& handshakes) : handshakes_(handshakes) {
        SSL_CTX_set_verify(context_.get(), SSL_VERIFY_NONE, nullptr);
        SSL_CTX_set_mode(context_.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
        if (only_tls12) SSL_CTX_set_max_proto_version(context_.get(), TLS1_2_VERSION);
        const std::string name = static_cast<char>(alpn.size()) + std::string(alpn);
        SSL_CTX_set_alpn_protos(context_.get(), reinterpret_cast<const unsigned char*>(name.data()),
                                static_cast<unsigned>(name.size()));
        SSL_CTX_set_session_cache_mode(context_.get(), SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_set_app_data(context_.get(), this);
        SSL_CTX_sess_set_new_cb(context_.get(), [](SSL* ssl, SSL_SESSION* session) {
            static_cast<Tls*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)))->keep(session);
            return 0;
        });
    }
    Tls(const Tls&) = delete;
    Tls& operator=(const Tls&) = delete;

    SSL* begin(int fd) {
        SSL* const ssl = SSL_new(context_.get());
        SSL_set_fd(ssl, fd);
        SSL_set_tlsext_host_name(ssl, "storm.test");
        SSL_set_connect_state(ssl);
        if (session_) {
            const std::unique_ptr<SSL_SESSION, Free> copy(SSL_SESSION_dup(session_.get()));
            SSL_set_session(ssl, copy.get());
        }
        return ssl;
    }
    void note_handshake(SSL* ssl, bool offered) {
        // A ticket that a resumed handshake of TLS 1.2 renews is told to nobody.
        if (SSL_version(ssl) < TLS1_3_VERSION) keep(SSL_get0_session(ssl));
        ++(SSL_session_reused(ssl) ? handshakes_.resumed : offered ? handshakes_.not_resumed : handshakes_.full);
    }
    bool has_session() const { return session_ != nullptr; }

  private:
    struct Free {
        void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
        void operator()(SSL_SESSION* session) const { SSL_SESSION_free(session); }
    };
    // A copy: the library takes a session for spoilt when a connection of it ends badly.
    void keep(SSL_SESSION* session) { session_.reset(SSL_SESSION_dup(session)); }

    Handshakes& handshakes_;
    std::unique_ptr<SSL_CTX, Free> context_{SSL_CTX_new(TLS_client_method())};
    std::unique_ptr<SSL_SESSION, Free> session_;
};

class Transport {
  public:
    enum class State : uint8_t { closed, connecting, handshaking, open };
    // `truncated`: FIN without close_notify.
    enum class Io : uint8_t { bytes, again, end, reset, refused, truncated, error };

    Transport() = default;
    Transport(const Transport&) = delete;
    Transport& operator=(const Transport&) = delete;
    ~Transport() { close(); }

    // Starts to connect to 127.0.0.1:`port`; events go to `owner`. False: no descriptor, or refused at once.
    bool begin(int epoll, uint16_t port, Tls* tls, void* owner) {
        close();
        epoll_ = epoll;
        tls_ = tls;
        owner_ = owner;
        fd_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd_ < 0) return false;
        const int on = 1;
        setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) < 0 && errno != EINPROGRESS) {
            const int error = errno;
            close();
            errno = error;
            return false;
        }
        state_ = State::connecting;
        watch(EPOLLOUT, EPOLL_CTL_ADD);
        return true;
    }

    // Call at each event until it says `bytes`: connected, handshake over.
    Io advance() {
        if (state_ == State::connecting) {
            int error = 0;
            socklen_t length = sizeof error;
            getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &length);
            if (error != 0) return of_errno(error);
            if (tls_) {
                offered_ = tls_->has_session();
                ssl_ = tls_->begin(fd_);
            }
            state_ = tls_ ? State::handshaking : State::open;
        }
        if (state_ == State::handshaking) {
            ERR_clear_error();
            const int result = SSL_do_handshake(ssl_);
            if (result != 1) return of_ssl(result);
            tls_->note_handshake(ssl_, offered_);
            state_ = State::open;
        }
        watch(EPOLLIN, EPOLL_CTL_MOD);
        return Io::bytes;
    }

    // At most `size` bytes; call until `again`, for TLS keeps bytes that epoll knows nothing of.
    Io read(char* to, size_t size, size_t& count) {
        count = 0;
        if (ssl_) {
            ERR_clear_error();
            const int n = SSL_read(ssl_, to, static_cast<int>(size));
            if (n <= 0) return of_ssl(n);
            count = static_cast<size_t>(n);
            return Io::bytes;
        }
        const ssize_t n = ::read(fd_, to, size);
        if (n < 0) return errno == EAGAIN || errno == EINTR ? Io::again : of_errno(errno);
        if (n == 0) return Io::end;
        count = static_cast<size_t>(n);
        return Io::bytes;
    }

    // What the socket does not take is kept and sent by flush().
    Io write(std::string_view bytes) {
        unsent_.append(bytes);
        return flush();
    }
    Io flush() {
        while (!unsent_.empty()) {
            ssize_t n = 0;
            if (ssl_) {
                ERR_clear_error();
                n = SSL_write(ssl_, unsent_.data(), static_cast<int>(unsent_.size()));
            } else {
                n = ::send(fd_, unsent_.data(), unsent_.size(), MSG_NOSIGNAL);
            }
            if (n <= 0) {
                const Io how = ssl_ ? of_ssl(static_cast<int>(n)) : errno == EAGAIN ? Io::again : of_errno(errno);
                if (how == Io::again) watch(EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
                return how;
            }
            unsent_.erase(0, static_cast<size_t>(n));
        }
        if (state_ == State::open) watch(EPOLLIN, EPOLL_CTL_MOD);
        return Io::bytes;
    }

    // close_notify and FIN; what the peer still says can be read.
    void finish() {
        if (ssl_) {
            ERR_clear_error();
            SSL_shutdown(ssl_);
        }
        ::shutdown(fd_, SHUT_WR);
    }
    void close() {
        if (ssl_ && state_ == State::open) {
            ERR_clear_error();
            SSL_shutdown(ssl_);
        }
        SSL_free(std::exchange(ssl_, nullptr));
        if (fd_ >= 0) ::close(std::exchange(fd_, -1));
        unsent_.clear();
        watched_ = 0;
        state_ = State::closed;
    }

    State state() const { return state_; }
    bool closed() const { return state_ == State::closed; }
    bool open() const { return state_ == State::open; }

  private:
    static Io of_errno(int error) {
        if (error == ECONNREFUSED) return Io::refused;
        return error == ECONNRESET || error == EPIPE ? Io::reset : Io::error;
    }
    Io of_ssl(int result) {
        switch (SSL_get_error(ssl_, result)) {
            case SSL_ERROR_WANT_READ:
                if (state_ == State::handshaking) watch(EPOLLIN, EPOLL_CTL_MOD);
                return Io::again;
            case SSL_ERROR_WANT_WRITE:
                watch(EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
                return Io::again;
            case SSL_ERROR_ZERO_RETURN:
                return Io::end;
            case SSL_ERROR_SYSCALL:
                return errno == 0 ? Io::truncated : of_errno(errno);
            default:
                return ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING ? Io::truncated
                                                                                              : Io::error;
        }
    }
    void watch(uint32_t events, int operation) {
        if (events == watched_) return;
        watched_ = events;
        epoll_event event{};
        event.events = events;
        event.data.ptr = owner_;
        epoll_ctl(epoll_, operation, fd_, &event);
    }

    int epoll_ = -1;
    int fd_ = -1;
    State state_ = State::closed;
    bool offered_ = false;
    uint32_t watched_ = 0;
    Tls* tls_ = nullptr;
    SSL* ssl_ = nullptr;
    void* owner_ = nullptr;
    std::string unsent_;
};

}  // namespace storm
