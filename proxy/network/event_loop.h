// SPDX-License-Identifier: Apache-2.0
// EventLoop: one thread's epoll set, timers and deferred work. Descriptors are registered once, edge-triggered, and
// never modified: back-pressure means not reading, not another epoll_ctl (docs/decisions/0001-own-event-loop.md).
// Everything but post() and stop() belongs to the loop's thread.
#pragma once

#include <sys/epoll.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "proxy/network/timer_wheel.h"
#include "shm/unique_fd.h"

namespace heirloom::network {

class IoHandler {
  public:
    virtual ~IoHandler() = default;
    // `events`: EPOLLIN, EPOLLOUT, EPOLLRDHUP, EPOLLERR, EPOLLHUP as epoll reports them.
    virtual void on_io(uint32_t events) = 0;
};

// Something to destroy when no frame of it can be on the stack any more.
class Deferred {
  public:
    virtual ~Deferred() = default;
};

class EventLoop {
  public:
    EventLoop();
    ~EventLoop();
    EventLoop(const EventLoop&) = delete;
    EventLoop& operator=(const EventLoop&) = delete;

    // False when the kernel gave no descriptors for it; nothing else may be called then.
    bool valid() const;

    // Runs until stop(). Binds the loop to the calling thread.
    void run();
    // Any thread. run() returns after the current iteration.
    void stop();
    // Any thread. Runs `task` on the loop's thread, in order.
    void post(std::function<void()> task);

    // Watches `fd` for `events` until remove() or forget(); a handler stays valid until then and has one descriptor.
    // Returns false when the kernel refuses.
    bool add(int fd, uint32_t events, IoHandler* handler);
    // For level-triggered descriptors whose wanted events change: those of DNS.
    bool modify(int fd, uint32_t events, IoHandler* handler);
    // Call before closing `fd`. No event reaches `handler` afterwards, not even one already fetched.
    void remove(int fd, IoHandler* handler);
    // The same without a system call: for a descriptor that has no duplicate and is closed next, which ends the watch.
    void forget(IoHandler* handler);
    // Calls handler->on_io(0) once, after the events at hand: the rest of a long piece of work, or work that must not
    // happen inside the caller. Ended by remove() and forget(). Asking again before it has run is a second call.
    void call_again(IoHandler* handler);

    // Steady time of this iteration; costs no system call.
    std::chrono::steady_clock::time_point now() const { return now_; }
    // Wall clock of this iteration (for dates and logs).
    std::chrono::system_clock::time_point wall_now() const { return wall_now_; }
    TimerWheel& timers() { return timers_; }

    // Destroys `object` at the end of this iteration.
    void destroy_later(std::unique_ptr<Deferred> object);
    // Runs once at the end of this iteration, before the loop sleeps (batching: access log lines, cork).
    void run_later(std::function<void()> task);

    // The loop running on this thread, or null.
    static EventLoop* current();

  private:
    struct Impl;
    std::chrono::steady_clock::time_point now_;
    std::chrono::system_clock::time_point wall_now_;
    TimerWheel timers_;
    std::unique_ptr<Impl> impl_;
};

}  // namespace heirloom::network
