// SPDX-License-Identifier: Apache-2.0
// The part of Connection that runs only with a transport socket.
#include <sys/socket.h>

#include "proxy/network/connection.h"

namespace heirloom::network {
namespace {

constexpr size_t kEncodeAhead = 64 * 1024;
// More than this can only be answers of the protocol itself, to a peer that asks without end and never reads.
constexpr size_t kMostUnsent = 4 * kEncodeAhead;

// What handshakes may take of one iteration of the loop: everybody else's events come in between.
constexpr std::chrono::microseconds kHandshakeTurn{1000};

class HandshakeTurn {
  public:
    bool over(std::chrono::steady_clock::time_point iteration) {
        if (iteration != iteration_) {
            iteration_ = iteration;
            spent_ = {};
        }
        return spent_ >= kHandshakeTurn;
    }
    void begin() { begin_ = std::chrono::steady_clock::now(); }
    void end() { spent_ += std::chrono::steady_clock::now() - begin_; }

  private:
    std::chrono::steady_clock::time_point iteration_;
    std::chrono::steady_clock::time_point begin_;
    std::chrono::steady_clock::duration spent_{};
};
constinit thread_local HandshakeTurn turn;

}  // namespace

void Connection::set_transport_socket(std::unique_ptr<TransportSocket> socket) {
    secured_ = std::make_unique<Secured>();
    secured_->socket = std::move(socket);
    secured_->in.move_from(read_buffer_);
    secured_->undecoded = true;
    leftovers_ = false;
    handshaking_ = true;
    call_again();  // a client speaks first
}

void Connection::handshake() {
    Secured& secured = *secured_;
    if (turn.over(loop_.now())) return call_again();
    if (!write_failed_) write_out(secured.out);
    bool news = std::exchange(secured.undecoded, false);
    if (readable_) {
        const Received received = receive(secured.in);
        if (state_ == State::closed) return;
        if (received == Received::retry) call_again();
        news = news || received == Received::bytes;
    }
    auto progress = TransportSocket::Handshake::wants_input;
    if (news) {
        turn.begin();
        progress = secured.socket->handshake(secured.in, secured.out);
        turn.end();
    }
    switch (progress) {
        case TransportSocket::Handshake::wants_input:
            if (!write_failed_) write_out(secured.out);
            if (end_of_stream_) return finish(CloseReason::connect_failed);
            if (readable_) call_again();
            return;
        case TransportSocket::Handshake::failed:
            return fail_transport(CloseReason::connect_failed);
        case TransportSocket::Handshake::complete:
            break;
    }
    handshaking_ = false;
    secured.established = true;
    secured.undecoded = !secured.in.empty();
    // One segment less: where a request has come along, its answer carries the tickets. A peer that is silent gets them
    // at once, so that nothing lies here meanwhile.
    const bool can_wait = secured.undecoded && secured.socket->output_can_wait();
    passage_.reset();
    callbacks_.on_connected();
    if (state_ == State::open && reading_) read_ready();
    if (state_ != State::closed && !(state_ == State::open && can_wait)) flush();
}

bool Connection::read_secured() {
    const Received received = receive(secured_->in);
    if (received != Received::bytes) return received == Received::retry;
    return deliver_secured();
}

// Returns false when the connection is not open any more.
bool Connection::deliver_secured() {
    Secured& secured = *secured_;
    secured.undecoded = false;
    if (secured.peer_finished) {
        secured.in.clear();
        return true;
    }
    const size_t before = read_buffer_.size();
    const size_t unsent = secured.out.size();
    const TransportSocket::Input input = secured.socket->decode(secured.in, read_buffer_, secured.out);
    const size_t received = read_buffer_.size() - before;
    bytes_received_ += received;
    if (received != 0) callbacks_.on_data();
    if (state_ != State::open) return false;
    switch (input) {
        case TransportSocket::Input::open:
            break;
        case TransportSocket::Input::finished:
            secured.peer_finished = true;
            secured.in.clear();
            end_of_stream_ = true;
            break;
        case TransportSocket::Input::failed:
            fail_transport(CloseReason::reset);
            return false;
    }
    if (secured.out.size() > unsent) {
        flush();
        if (secured.out.size() > kMostUnsent) {
            fail_transport(CloseReason::reset);
            return false;
        }
    }
    return true;
}

// Returns whether the socket took anything.
bool Connection::write_secured() {
    Secured& secured = *secured_;
    bool moved = false;
    if (!secured.established) return false;
    do {
        if (writable_ && !write_buffer_.empty()) {
            const size_t before = write_buffer_.size();
            const bool encoded = secured.socket->encode(write_buffer_, secured.out, kEncodeAhead);
            bytes_sent_ += before - write_buffer_.size();
            if (!encoded) {
                fail_write(EPROTO);
                return moved;
            }
        }
        if (finish_wanted_ && !side_finished_ && write_buffer_.empty()) {
            side_finished_ = secured.socket->finish(secured.out);
        }
        if (write_out(secured.out) != 0) moved = true;
    } while (writable_ && !write_failed_ && !write_buffer_.empty());
    return moved;
}

// A close_notify on the way out, unless bytes before it are lost: the peer must not take them for all there was.
void Connection::send_farewell() {
    Secured& secured = *secured_;
    if (!secured.established || side_finished_ || write_failed_) return;
    write_out(secured.out);
    if (write_failed_ || pending_write_bytes() != 0) return;
    side_finished_ = true;
    secured.socket->finish(secured.out);
    write_out(secured.out);
}

void Connection::fail_transport(CloseReason reason) {
    if (!write_failed_) write_out(secured_->out);
    side_finished_ = true;
    // Unread input would turn the close into a reset, and that would eat the alert.
    discard_input();
    finish(reason);
}

}  // namespace heirloom::network
