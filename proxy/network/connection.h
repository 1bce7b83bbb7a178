// SPDX-License-Identifier: Apache-2.0
// Connection: one established transport connection with its read and write buffers. Reads happen on readiness, only
// while the owner wants to read; writes go straight to the socket, what it does not take waits in the write buffer.
//
// Watched edge-triggered, once: reading stops by not reading. A read that comes back short has drained the socket, so
// there is no read that only returns EAGAIN. One event reads a bounded amount; the rest waits until others had their
// turn. An idle connection holds no block.
//
// Life: open -> (close_after_flush | close) -> closed. on_closed() is the last callback and comes exactly once, from
// the loop or from close(); the owner may then hand the object to EventLoop::destroy_later(), never delete it inside a
// callback. A connection can be exported: release() gives the descriptor and the unread bytes away, on_closed() is not
// called.
//
// With a transport socket (TLS, a PROXY header) the connection opens with its handshake: on_connected() comes after it,
// on accepted connections too, and nothing else before it. Bytes of the socket then pass through two more buffers that
// are the connection's own. Without one, bytes go straight between the socket and the read and write buffers.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>

#include "proxy/network/buffer.h"
#include "proxy/network/event_loop.h"
#include "proxy/network/tls_session.h"
#include "proxy/network/transport_socket.h"
#include "shm/result.h"
#include "shm/socket_name.h"
#include "shm/unique_fd.h"

namespace heirloom::network {

enum class CloseReason {
    remote,           // FIN, all bytes before it were delivered
    reset,            // RST or another socket error, also behind a FIN; a broken record: see transport_failure()
    local,            // close() was called
    connect_failed,   // refused, or the handshake failed (transport_failure()), or the peer left in the middle of it
    connect_timeout,  // connect and handshake took longer than allowed
};

class ConnectionCallbacks {
  public:
    virtual ~ConnectionCallbacks() = default;
    // Bytes are in read_buffer(); consume what you can. Also called with nothing new when reading resumes over
    // leftovers.
    virtual void on_data() = 0;
    // The peer finished its side (FIN or close_notify). Default treatment: the owner closes; but it may go on writing.
    // Called once, after the last on_data().
    virtual void on_end_of_stream() = 0;
    // connect() succeeded and the handshake, if there is one, is over.
    virtual void on_connected() {}
    virtual void on_closed(CloseReason reason) = 0;
    // The write buffer passed the high watermark / fell below half of it.
    virtual void on_write_buffer_high() {}
    virtual void on_write_buffer_low() {}
    // The last of what had to wait went out just now, because the peer has taken some.
    virtual void on_write_buffer_drained() {}
};

class Connection : public IoHandler, public Deferred {
  public:
    // Accepted, or otherwise established. `fd` must be non-blocking.
    Connection(EventLoop& loop, UniqueFd fd, ConnectionCallbacks& callbacks);
    // Starts to connect; on_connected() or on_closed(connect_failed | connect_timeout) follows, never before this
    // returns. `timeout` (0: none) is for connect and handshake together.
    static std::unique_ptr<Connection> connect(EventLoop& loop, const shm::SocketAddress& to,
                                               std::chrono::milliseconds timeout, ConnectionCallbacks& callbacks);
    ~Connection() override;

    // Before start(), or right after connect(). What is in read_buffer() is then input of the handshake.
    void set_transport_socket(std::unique_ptr<TransportSocket> socket);
    // For accepted connections that have a transport socket, before start(): on_closed(connect_timeout) when the
    // handshake takes longer. 0: no limit.
    void set_handshake_timeout(std::chrono::milliseconds timeout) { secured_->handshake_timeout = timeout; }
    // Bytes that somebody read from the socket before (a listener filter) and that come first. Before start().
    void prepend_input(Buffer&& bytes);
    // Null: no TLS, or its handshake is not over. Lives as long as the connection.
    const TlsSession* tls() const { return secured_ && secured_->established ? secured_->socket->session() : nullptr; }
    // Why the handshake or a record failed, in Envoy's words; "" when it did not. Still there in on_closed().
    std::string_view transport_failure() const { return secured_ ? secured_->socket->failure() : std::string_view(); }

    // Starts delivering events. Call once, after the owner is complete (connect() has done it already; calling again
    // does nothing). Returns false when the loop refuses the descriptor.
    bool start();

    Buffer& read_buffer() { return read_buffer_; }
    // false: no more reads from the socket until true (back-pressure); readiness seen meanwhile is remembered. true: if
    // there is something to read or left in read_buffer(), on_data() follows from the loop.
    void set_reading(bool wanted);
    // A reset closes at once also while nobody reads: what came before it is lost. For an owner whose answers the peer
    // waits for, so that its input is worth nothing without it. Default: what came before is delivered first.
    void close_on_reset() { closes_on_reset_ = true; }

    // Queues; flush() writes. Two steps so that head and body leave in one system call.
    // A write that fails lets the rest of what the peer sent arrive first; on_closed(reset) comes from the loop.
    Buffer& write_buffer() { return write_buffer_; }
    void flush();
    void flush_later();  // at the end of the loop's iteration, for more is likely to come; above the watermark at once
    // Finishes this side once all is written: FIN, or close_notify. Nothing may be queued after it. Reads go on, and
    // the connection stays until it is closed.
    void finish_writing();
    size_t pending_write_bytes() const { return write_buffer_.size() + (secured_ ? secured_->out.size() : 0); }
    void set_high_watermark(size_t bytes) { high_watermark_ = bytes; }
    // TCP asks a peer that is silent whether it is there. 0: the system's. Of no effect where there is no TCP.
    void set_keep_alive(uint32_t probes, uint32_t idle_seconds, uint32_t interval_seconds);
    bool above_high_watermark() const { return above_high_; }

    void close(
        CloseReason reason = CloseReason::local);  // now, on_closed() comes before it returns; unsent bytes are lost
    // Closes when the write buffer is empty: close_notify, shutdown(WR), then waits for the peer's FIN at most `delay`
    // (Envoy's delayed_close_timeout) while discarding what it still sends, so that no RST eats the last response.
    // `delay` 0: does not wait for the FIN. A peer that takes nothing for `delay` (60 s when 0) is cut off. No more
    // on_data(). on_closed(local) comes from the loop. A handshake that is not over ends here.
    void close_after_flush(std::chrono::milliseconds delay);
    bool closing() const { return state_ != State::open; }
    bool connected() const { return state_ == State::open && !opening(); }
    // Closed by close_after_flush(), and the peer had not finished its side by then.
    bool cut_after_delay() const { return cut_after_delay_; }
    // Last socket error (errno), 0 if none.
    int socket_error() const { return socket_error_; }

    EventLoop& loop() { return loop_; }
    const shm::SocketAddress& local_address();  // looked up at first use
    const shm::SocketAddress& remote_address();
    void set_remote_address(const shm::SocketAddress& address);
    uint64_t id() const { return id_; }  // unique in this process
    // What the owner received and sent: bytes of the records' content, not of the records.
    uint64_t bytes_received() const { return bytes_received_; }
    uint64_t bytes_sent() const { return bytes_sent_; }
    // Both begin at 0 again, for an owner that adds them up elsewhere.
    void forget_bytes() { bytes_received_ = bytes_sent_ = 0; }

    struct Released {
        UniqueFd fd;
        Buffer unread;
    };
    // REQUIRES: no transport socket.
    Released release();

    void on_io(uint32_t events) override;

  private:
    enum class State : uint8_t { open, flushing, lingering, closed };
    enum class Received : uint8_t { bytes, retry, nothing };
    // Input and output as they are on the wire.
    struct Secured {
        std::unique_ptr<TransportSocket> socket;
        Buffer in;
        Buffer out;
        bool established = false;
        bool undecoded = false;      // the socket was not asked yet what to make of `in`
        bool peer_finished = false;  // close_notify
        std::chrono::milliseconds handshake_timeout{0};
    };
    // What a connection needs while it opens or closes, and not in between.
    struct Passage {
        explicit Passage(Connection* connection) : timer(&Connection::on_timer, connection) {}
        Timer timer;  // connect and handshake timeout, then delayed close
        std::chrono::milliseconds linger{0};
    };
    static void on_timer(void* self);
    void arm_timer(std::chrono::milliseconds delay);
    bool opening() const { return connecting_ || handshaking_; }
    void finish_connect(uint32_t events);
    void read_ready();
    bool read_once();
    Received receive(Buffer& into);
    size_t write_out(Buffer& buffer);
    void report_watermark();
    void continue_closing();
    void discard_input();
    void fail_write(int error);
    void call_again();
    void finish(CloseReason reason);

    // connection_secured.cc
    void handshake();
    bool read_secured();
    bool deliver_secured();
    bool write_secured();
    void send_farewell();
    void fail_transport(CloseReason reason);

    EventLoop& loop_;
    ConnectionCallbacks& callbacks_;
    UniqueFd fd_;
    int socket_error_ = 0;
    State state_ = State::open;
    uint8_t read_blocks_ = 1;
    bool registered_ = false;
    bool connecting_ = false;
    bool handshaking_ = false;
    bool connect_failed_ = false;  // before the loop was involved
    bool reading_ = true;
    bool readable_ = false;       // the socket may have bytes, or an end, that were not read
    bool fin_announced_ = false;  // by epoll: the FIN is here, behind the bytes that are not read yet
    bool error_announced_ = false;
    bool socket_failed_ = false;  // by epoll; behind a FIN nothing else tells a reset
    bool end_of_stream_ = false;  // all was read
    bool end_delivered_ = false;
    bool leftovers_ = false;  // on_data() is due although nothing new was read
    bool writable_ = true;
    bool write_failed_ = false;
    bool above_high_ = false;
    bool called_again_ = false;
    bool closes_on_reset_ = false;
    bool finish_wanted_ = false;
    bool cut_after_delay_ = false;
    bool side_finished_ = false;  // FIN or close_notify is out, or behind what waits
    size_t high_watermark_ = 1024 * 1024;
    Buffer read_buffer_;
    Buffer write_buffer_;
    std::unique_ptr<Secured> secured_;
    std::unique_ptr<Passage> passage_;
    uint64_t id_;
    uint64_t bytes_received_ = 0;
    uint64_t bytes_sent_ = 0;
    std::unique_ptr<shm::SocketAddress> local_;
    std::unique_ptr<shm::SocketAddress> remote_;
};

}  // namespace heirloom::network
