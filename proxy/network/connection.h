// SPDX-License-Identifier: Apache-2.0
// Connection: one established transport connection with its read and write buffers. Reads happen on readiness, only while
// the owner wants to read; writes go straight to the socket, what it does not take waits in the write buffer.
//
// Life: open -> (close_after_flush | close) -> closed. on_closed() is the last callback and comes exactly once, from the
// loop or from close(); the owner may then hand the object to EventLoop::destroy_later(), never delete it inside a callback.
// A connection can be exported: release() gives the descriptor and the unread bytes away, on_closed() is not called.
#pragma once

#include <chrono>
#include <cstdint>

#include "proxy/network/buffer.h"
#include "proxy/network/event_loop.h"
#include "shm/result.h"
#include "shm/socket_name.h"
#include "shm/unique_fd.h"

namespace heirloom::network {

enum class CloseReason {
    remote,      // FIN, all bytes before it were delivered
    reset,       // RST or another socket error
    local,       // close() was called
    connect_failed,
    connect_timeout,
};

class ConnectionCallbacks {
  public:
    virtual ~ConnectionCallbacks() = default;
    // Bytes are in read_buffer(); consume what you can. Also called with nothing new when reading resumes over leftovers.
    virtual void on_data() = 0;
    // The peer finished its side (FIN). Default treatment: the owner closes. Called once, after the last on_data().
    virtual void on_end_of_stream() = 0;
    virtual void on_connected() {}
    virtual void on_closed(CloseReason reason) = 0;
    // The write buffer passed the high watermark / fell below half of it.
    virtual void on_write_buffer_high() {}
    virtual void on_write_buffer_low() {}
};

class Connection : public IoHandler, public Deferred {
  public:
    // Accepted, or otherwise established. `fd` must be non-blocking.
    Connection(EventLoop& loop, UniqueFd fd, ConnectionCallbacks& callbacks);
    // Starts to connect; on_connected() or on_closed(connect_failed | connect_timeout) follows, never before this returns.
    static std::unique_ptr<Connection> connect(EventLoop& loop, const shm::SocketAddress& to,
                                               std::chrono::milliseconds timeout, ConnectionCallbacks& callbacks);
    ~Connection() override;

    // Starts delivering events. Call once, after the owner is complete. Returns false when the loop refuses the descriptor.
    bool start();

    Buffer& read_buffer() { return read_buffer_; }
    // false: no more reads from the socket until true (back-pressure); readiness seen meanwhile is remembered.
    void set_reading(bool wanted);

    // Queues; flush() writes. Two steps so that head and body leave in one system call.
    Buffer& write_buffer() { return write_buffer_; }
    void flush();
    size_t pending_write_bytes() const { return write_buffer_.size(); }
    void set_high_watermark(size_t bytes) { high_watermark_ = bytes; }
    bool above_high_watermark() const { return above_high_; }

    void close(CloseReason reason = CloseReason::local);  // now; unsent bytes are lost
    // Closes when the write buffer is empty: shutdown(WR), then waits for the peer's FIN at most `delay` (Envoy's
    // delayed_close_timeout) while discarding what it still sends, so that no RST eats the last response.
    void close_after_flush(std::chrono::milliseconds delay);
    bool closing() const { return state_ != State::open; }
    bool connected() const { return state_ == State::open && !connecting_; }
    // Last socket error (errno), 0 if none.
    int socket_error() const { return socket_error_; }

    EventLoop& loop() { return loop_; }
    const shm::SocketAddress& local_address();   // looked up at first use
    const shm::SocketAddress& remote_address();
    void set_remote_address(const shm::SocketAddress& address);
    uint64_t id() const { return id_; }          // unique in this process
    uint64_t bytes_received() const { return bytes_received_; }
    uint64_t bytes_sent() const { return bytes_sent_; }

    struct Released {
        UniqueFd fd;
        Buffer unread;
    };
    Released release();

    void on_io(uint32_t events) override;

  private:
    enum class State { open, flushing, lingering, closed };
    void read_ready();
    void finish(CloseReason reason);

    EventLoop& loop_;
    ConnectionCallbacks& callbacks_;
    UniqueFd fd_;
    State state_ = State::open;
    bool connecting_ = false;
    bool reading_ = true;
    bool readable_ = false;
    bool writable_ = true;
    bool end_of_stream_ = false;
    bool end_delivered_ = false;
    bool in_read_ = false;
    bool above_high_ = false;
    int socket_error_ = 0;
    size_t high_watermark_ = 1024 * 1024;
    Buffer read_buffer_;
    Buffer write_buffer_;
    Timer timer_;
    std::chrono::milliseconds linger_{0};
    uint64_t id_;
    uint64_t bytes_received_ = 0;
    uint64_t bytes_sent_ = 0;
    shm::SocketAddress local_;
    shm::SocketAddress remote_;
};

}  // namespace heirloom::network
