// SPDX-License-Identifier: Apache-2.0
#include "proxy/network/connection.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <atomic>

namespace heirloom::network {
namespace {

constexpr int kReadsPerEvent = 4;
constexpr int kBlocksOfLargeRead = 4;  // 64 KiB
constexpr int kIovecsPerWrite = 64;
constexpr uint32_t kEvents = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
constexpr std::chrono::milliseconds kFlushPatience{60'000};

std::atomic<uint64_t> next_id{1};

int pending_error(int fd) {
    int error = 0;
    socklen_t length = sizeof(error);
    return ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) == 0 ? error : errno;
}

ssize_t read_block(int fd, Buffer& into, size_t& room) {
    const std::span<char> block = into.reserve(1);
    room = block.size();
    return ::recv(fd, block.data(), room, 0);
}

ssize_t read_blocks(int fd, Buffer& into, int wanted, size_t& room) {
    iovec blocks[kBlocksOfLargeRead];
    const int count = into.reserve_blocks(blocks, wanted);
    for (int i = 0; i < count; ++i) room += blocks[i].iov_len;
    return ::readv(fd, blocks, count);
}

ssize_t send_pieces(int fd, const Buffer& buffer, size_t& wanted) {
    iovec pieces[kIovecsPerWrite];
    msghdr message{};
    message.msg_iov = pieces;
    message.msg_iovlen = static_cast<size_t>(buffer.fill_iovec(pieces, kIovecsPerWrite));
    wanted = 0;
    for (size_t i = 0; i < message.msg_iovlen; ++i) wanted += pieces[i].iov_len;
    return ::sendmsg(fd, &message, MSG_NOSIGNAL);
}

}  // namespace

Connection::Connection(EventLoop& loop, UniqueFd fd, ConnectionCallbacks& callbacks)
    : loop_(loop), callbacks_(callbacks), fd_(std::move(fd)), id_(next_id.fetch_add(1, std::memory_order_relaxed)) {
    // A flush is a whole message or a piece of a stream; waiting for more would only delay it. Not TCP: refused, no
    // harm.
    const int on = 1;
    if (fd_) ::setsockopt(fd_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

std::unique_ptr<Connection> Connection::connect(EventLoop& loop, const shm::SocketAddress& to,
                                                std::chrono::milliseconds timeout, ConnectionCallbacks& callbacks) {
    UniqueFd fd(::socket(to.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    int error = fd ? 0 : errno;
    auto connection = std::make_unique<Connection>(loop, std::move(fd), callbacks);
    connection->connecting_ = true;
    connection->remote_ = std::make_unique<shm::SocketAddress>(to);
    if (error == 0 &&
        ::connect(connection->fd_.get(), reinterpret_cast<const sockaddr*>(&to.storage), to.length) != 0 &&
        errno != EINPROGRESS) {
        error = errno;
    }
    // A connect that succeeded at once (unix socket) is announced by the first event, like any other.
    if (error == 0 && !connection->start()) error = errno;
    if (error != 0) {
        connection->socket_error_ = error;
        connection->connect_failed_ = true;
        connection->call_again();
    } else if (timeout.count() > 0) {
        connection->arm_timer(timeout);
    }
    return connection;
}

void Connection::set_keep_alive(uint32_t probes, uint32_t idle_seconds, uint32_t interval_seconds) {
    const auto set = [this](int level, int option, uint32_t value) {
        const int number = static_cast<int>(value);
        if (value != 0) ::setsockopt(fd_.get(), level, option, &number, sizeof number);
    };
    set(SOL_SOCKET, SO_KEEPALIVE, 1);
    set(IPPROTO_TCP, TCP_KEEPCNT, probes);
    set(IPPROTO_TCP, TCP_KEEPIDLE, idle_seconds);
    set(IPPROTO_TCP, TCP_KEEPINTVL, interval_seconds);
}

Connection::~Connection() {
    if (registered_ || called_again_) loop_.forget(this);
}

bool Connection::start() {
    if (registered_) return true;
    registered_ = loop_.add(fd_.get(), kEvents, this);
    if (handshaking_ && !connecting_ && secured_->handshake_timeout.count() > 0) arm_timer(secured_->handshake_timeout);
    return registered_;
}

void Connection::arm_timer(std::chrono::milliseconds delay) {
    if (!passage_) passage_ = std::make_unique<Passage>(this);
    passage_->timer.arm(loop_.timers(), delay);
}

void Connection::prepend_input(Buffer&& bytes) {
    if (bytes.empty()) return;
    if (secured_) {
        secured_->in.move_from(bytes);
        secured_->undecoded = true;
    } else {
        bytes_received_ += bytes.size();
        read_buffer_.move_from(bytes);
        leftovers_ = true;
    }
    call_again();
}

void Connection::call_again() {
    if (std::exchange(called_again_, true)) return;
    loop_.call_again(this);
}

void Connection::set_reading(bool wanted) {
    if (reading_ == wanted) return;
    reading_ = wanted;
    if (!wanted || state_ != State::open) return;
    leftovers_ = !read_buffer_.empty();
    if (leftovers_ || readable_ || (secured_ && secured_->undecoded) || (end_of_stream_ && !end_delivered_))
        call_again();
}

void Connection::on_io(uint32_t events) {
    if (events == 0) called_again_ = false;
    if (state_ == State::closed) return;
    if (connecting_) {
        finish_connect(events);
        if (connecting_ || state_ == State::closed) return;
    }
    if (events & EPOLLRDHUP) fin_announced_ = true;
    if (events & (EPOLLHUP | EPOLLERR)) error_announced_ = true;
    if (events & EPOLLERR) socket_failed_ = true;
    if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) readable_ = true;
    if (events & EPOLLOUT) writable_ = true;
    if (handshaking_) {
        // Costly steps run after all other events of the iteration, in the order in which they came.
        return events != 0 ? call_again() : handshake();
    }
    if (pending_write_bytes() != 0) {
        flush();  // also when the socket is full: the watermark has to be told
        if ((events & EPOLLOUT) && state_ == State::open && !write_failed_ && pending_write_bytes() == 0)
            callbacks_.on_write_buffer_drained();
    }
    if (state_ == State::open) {
        if (reading_) read_ready();
        // Nobody reads, so nobody would ever see the end.
        const bool gone = write_failed_ || (socket_failed_ && (end_delivered_ || closes_on_reset_));
        if (gone && !reading_ && state_ == State::open) finish(CloseReason::reset);
    } else if (state_ != State::closed) {
        continue_closing();
    }
}

void Connection::finish_connect(uint32_t events) {
    if (connect_failed_) return finish(CloseReason::connect_failed);
    if (!(events & (EPOLLOUT | EPOLLERR | EPOLLHUP))) return;
    if (const int error = pending_error(fd_.get()); error != 0) {
        socket_error_ = error;
        return finish(CloseReason::connect_failed);
    }
    // The first look at a socket whose connect has not begun to be answered reports HUP without an error.
    if (!(events & EPOLLOUT)) return;
    connecting_ = false;
    if (handshaking_ && state_ == State::open) return;  // the timer runs on
    handshaking_ = false;
    if (state_ == State::open) {
        passage_.reset();
        callbacks_.on_connected();
    } else {
        passage_->timer.cancel();
    }
    if (state_ != State::closed) flush();
}

void Connection::on_timer(void* self) {
    auto& connection = *static_cast<Connection*>(self);
    const bool opening = connection.opening() && (connection.connecting_ || connection.state_ == State::open);
    if (opening) connection.socket_error_ = ETIMEDOUT;
    connection.cut_after_delay_ = !opening;
    connection.finish(opening ? CloseReason::connect_timeout : CloseReason::local);
}

void Connection::read_ready() {
    if (std::exchange(leftovers_, false)) {
        callbacks_.on_data();
        if (state_ != State::open || !reading_) return;
    }
    if (secured_ && secured_->undecoded && (!deliver_secured() || !reading_)) return;
    for (int reads = 0; readable_; ++reads) {
        if (reads == kReadsPerEvent) {
            call_again();
            return;
        }
        if (!read_once()) break;
        if (state_ != State::open || !reading_) return;
    }
    if (!end_of_stream_ || state_ != State::open) return;
    if (!end_delivered_ && !write_failed_) {
        end_delivered_ = true;
        callbacks_.on_end_of_stream();
    }
    // Once there was a FIN recv() says 0, also after a reset.
    if (state_ == State::open && (write_failed_ || socket_failed_)) finish(CloseReason::reset);
}

// Returns false when nothing was delivered: the end, or an error (then the connection may be closed).
bool Connection::read_once() {
    if (secured_) return read_secured();
    const Received received = receive(read_buffer_);
    if (received != Received::bytes) return received == Received::retry;
    callbacks_.on_data();
    return true;
}

// After `nothing` the connection may be closed.
Connection::Received Connection::receive(Buffer& into) {
    size_t room = 0;
    const ssize_t got =
        read_blocks_ == 1 ? read_block(fd_.get(), into, room) : read_blocks(fd_.get(), into, read_blocks_, room);
    const int error = errno;
    into.commit(got > 0 ? static_cast<size_t>(got) : 0);
    if (got < 0) {
        if (error == EINTR) return Received::retry;
        readable_ = false;
        if (error == EAGAIN || error == EWOULDBLOCK) {
            if (write_failed_) finish(handshaking_ ? CloseReason::connect_failed : CloseReason::reset);
            return Received::nothing;
        }
        socket_error_ = error;
        finish(handshaking_ ? CloseReason::connect_failed : CloseReason::reset);
        return Received::nothing;
    }
    if (got == 0) {
        readable_ = false;
        end_of_stream_ = true;
        return Received::nothing;
    }
    if (!secured_) bytes_received_ += static_cast<uint64_t>(got);
    if (static_cast<size_t>(got) == room) {
        read_blocks_ = kBlocksOfLargeRead;
    } else {
        if (static_cast<size_t>(got) < kBlockBytes) read_blocks_ = 1;
        // Drained: what comes later is a new edge, and an announced FIN has nothing before it any more. Only an error
        // still has to be fetched.
        readable_ = error_announced_ || write_failed_;
        end_of_stream_ = fin_announced_ && !readable_;
    }
    return Received::bytes;
}

void Connection::flush() {
    if (opening() || state_ == State::closed || state_ == State::lingering) return;
    if (write_failed_) {
        write_buffer_.clear();
        return;
    }
    bool moved = false;
    if (secured_) {
        moved = write_secured();
    } else if (const size_t sent = write_out(write_buffer_); sent != 0) {
        bytes_sent_ += sent;
        moved = true;
    }
    // Where there is TLS its close_notify has said it.
    if (finish_wanted_ && !side_finished_ && !write_failed_ && pending_write_bytes() == 0) {
        side_finished_ = true;
        ::shutdown(fd_.get(), SHUT_WR);
    }
    if (state_ == State::open) {
        report_watermark();
    } else if (moved && state_ == State::flushing) {
        arm_timer(passage_->linger.count() > 0 ? passage_->linger : kFlushPatience);
        if (pending_write_bytes() == 0) call_again();
    }
}

void Connection::finish_writing() {
    if (state_ != State::open || finish_wanted_) return;
    finish_wanted_ = true;
    flush();
}

void Connection::flush_later() {
    // Too much waits: whoever brings more must hear of it before it reads on, which may be in this iteration.
    if (!above_high_ && pending_write_bytes() > high_watermark_ && state_ == State::open && !opening()) return flush();
    call_again();
}

// Returns how many bytes the socket took.
size_t Connection::write_out(Buffer& buffer) {
    size_t taken = 0;
    while (writable_ && !buffer.empty()) {
        const std::string_view first = buffer.front();
        size_t wanted = first.size();
        const ssize_t sent = wanted == buffer.size() ? ::send(fd_.get(), first.data(), wanted, MSG_NOSIGNAL)
                                                     : send_pieces(fd_.get(), buffer, wanted);
        if (sent < 0) {
            if (errno == EINTR) continue;
            if (errno == EAGAIN || errno == EWOULDBLOCK) {
                writable_ = false;
            } else {
                fail_write(errno);
            }
            break;
        }
        taken += static_cast<size_t>(sent);
        buffer.consume(static_cast<size_t>(sent));
        if (static_cast<size_t>(sent) < wanted) writable_ = false;  // full; the edge will come
    }
    return taken;
}

void Connection::report_watermark() {
    const size_t pending = pending_write_bytes();
    if (!above_high_ && pending > high_watermark_) {
        above_high_ = true;
        callbacks_.on_write_buffer_high();
    } else if (above_high_ && pending <= high_watermark_ / 2) {
        above_high_ = false;
        callbacks_.on_write_buffer_low();
    }
}

// The peer takes no more, but may have answered before it left: read that first, then close. Never inside the caller.
void Connection::fail_write(int error) {
    socket_error_ = error;
    write_failed_ = true;
    readable_ = true;
    write_buffer_.clear();
    if (secured_) secured_->out.clear();
    call_again();
}

void Connection::close(CloseReason reason) {
    if (state_ != State::closed) finish(reason);
}

void Connection::close_after_flush(std::chrono::milliseconds delay) {
    if (state_ != State::open) return;
    state_ = State::flushing;
    if (handshaking_) {
        delay = std::chrono::milliseconds(0);
        write_buffer_.clear();
        if (!connecting_) handshaking_ = false;  // then finish_connect() does it
    }
    if (!passage_) passage_ = std::make_unique<Passage>(this);
    passage_->linger = delay;
    above_high_ = false;
    read_buffer_.clear();
    if (!connecting_) arm_timer(delay.count() > 0 ? delay : kFlushPatience);
    flush();
    call_again();
}

void Connection::continue_closing() {
    if (state_ == State::flushing) {
        // Not sooner: whoever asked for the end may still be about to queue what led to it.
        if (secured_) send_farewell();
        if (pending_write_bytes() != 0) {
            // Unread input would turn the close into a reset.
            discard_input();
            return;
        }
        if (write_failed_ || passage_->linger.count() == 0) {
            discard_input();
            return finish(CloseReason::local);
        }
        state_ = State::lingering;
        ::shutdown(fd_.get(), SHUT_WR);
        arm_timer(passage_->linger);
    }
    discard_input();
    if (state_ == State::lingering && end_of_stream_) finish(CloseReason::local);
}

void Connection::discard_input() {
    char scratch[16 * 1024];
    for (int reads = 0; readable_ && !end_of_stream_; ++reads) {
        if (reads == kReadsPerEvent) {
            call_again();
            return;
        }
        const ssize_t got = ::recv(fd_.get(), scratch, sizeof(scratch), 0);
        if (got < 0 && errno == EINTR) continue;
        if (got > 0 && !secured_) bytes_received_ += static_cast<uint64_t>(got);
        if (got == 0 || (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK)) end_of_stream_ = true;
        if (got < static_cast<ssize_t>(sizeof(scratch))) readable_ = got > 0 && (fin_announced_ || error_announced_);
    }
}

void Connection::finish(CloseReason reason) {
    if (state_ == State::closed) return;
    if (secured_ && (reason == CloseReason::local || reason == CloseReason::remote)) send_farewell();
    state_ = State::closed;
    passage_.reset();
    loop_.forget(this);
    fd_.reset();
    registered_ = false;
    read_buffer_.clear();
    write_buffer_.clear();
    if (secured_) {
        secured_->in.clear();
        secured_->out.clear();
    }
    callbacks_.on_closed(reason);
}

const shm::SocketAddress& Connection::local_address() {
    if (!local_) {
        sockaddr_storage storage{};
        socklen_t length = sizeof(storage);
        if (!fd_ || ::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&storage), &length) != 0) length = 0;
        local_ = std::make_unique<shm::SocketAddress>(
            shm::from_sockaddr(reinterpret_cast<const sockaddr*>(&storage), length));
    }
    return *local_;
}

const shm::SocketAddress& Connection::remote_address() {
    if (!remote_) {
        sockaddr_storage storage{};
        socklen_t length = sizeof(storage);
        if (!fd_ || ::getpeername(fd_.get(), reinterpret_cast<sockaddr*>(&storage), &length) != 0) length = 0;
        remote_ = std::make_unique<shm::SocketAddress>(
            shm::from_sockaddr(reinterpret_cast<const sockaddr*>(&storage), length));
    }
    return *remote_;
}

void Connection::set_remote_address(const shm::SocketAddress& address) {
    remote_ = std::make_unique<shm::SocketAddress>(address);
}

Connection::Released Connection::release() {
    if (registered_) loop_.remove(fd_.get(), this);
    if (called_again_) loop_.forget(this);
    registered_ = false;
    called_again_ = false;
    passage_.reset();
    state_ = State::closed;
    write_buffer_.clear();
    return {std::move(fd_), std::move(read_buffer_)};
}

}  // namespace heirloom::network
