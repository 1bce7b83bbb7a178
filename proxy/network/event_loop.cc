// SPDX-License-Identifier: Apache-2.0
#include "proxy/network/event_loop.h"

#include <sys/eventfd.h>

#include <atomic>
#include <mutex>

namespace heirloom::network {
namespace {

constexpr int kEventsPerWait = 128;

thread_local EventLoop* current_loop = nullptr;

}  // namespace

struct EventLoop::Impl : IoHandler {
    UniqueFd epoll;
    UniqueFd wake;  // eventfd
    std::array<epoll_event, kEventsPerWait> events;
    int next_event = 0;
    int event_count = 0;
    std::vector<IoHandler*> again;
    std::vector<IoHandler*> again_running;
    std::vector<std::function<void()>> later;
    std::vector<std::function<void()>> later_running;
    std::vector<std::unique_ptr<Deferred>> deferred;
    std::atomic<bool> stop_requested{false};

    std::mutex posted_mutex;
    std::vector<std::function<void()>> posted;

    void signal() {
        const uint64_t one = 1;
        // Fails only when the counter is full, and then the loop is awake anyway.
        [[maybe_unused]] const ssize_t written = ::write(wake.get(), &one, sizeof(one));
    }
    void on_io(uint32_t) override {
        uint64_t count = 0;
        [[maybe_unused]] const ssize_t got = ::read(wake.get(), &count, sizeof(count));
        std::vector<std::function<void()>> tasks;
        {
            const std::lock_guard lock(posted_mutex);
            tasks.swap(posted);
        }
        for (auto& task : tasks) task();
    }
    bool control(int operation, int fd, uint32_t mask, IoHandler* handler) {
        epoll_event event{};
        event.events = mask;
        event.data.ptr = handler;
        return ::epoll_ctl(epoll.get(), operation, fd, &event) == 0;
    }
    void destroy_deferred() {
        while (!deferred.empty()) {
            std::vector<std::unique_ptr<Deferred>> dying;
            dying.swap(deferred);
            // Keep the memory for the next iteration unless a destructor handed over more.
            dying.clear();
            if (deferred.empty()) deferred.swap(dying);
        }
    }
};

EventLoop::EventLoop()
    : now_(std::chrono::steady_clock::now()),
      wall_now_(std::chrono::system_clock::now()),
      timers_(now_),
      impl_(std::make_unique<Impl>()) {
    impl_->epoll.reset(::epoll_create1(EPOLL_CLOEXEC));
    impl_->wake.reset(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    impl_->control(EPOLL_CTL_ADD, impl_->wake.get(), EPOLLIN, impl_.get());
}

EventLoop::~EventLoop() {
    // Destructors of what is still queued may call back into this loop, so impl_ has to be whole meanwhile.
    impl_->destroy_deferred();
    impl_->later.clear();
    std::vector<std::function<void()>> tasks;
    {
        const std::lock_guard lock(impl_->posted_mutex);
        tasks.swap(impl_->posted);
    }
    tasks.clear();
    impl_->destroy_deferred();
}

bool EventLoop::valid() const { return impl_->epoll.valid() && impl_->wake.valid(); }

EventLoop* EventLoop::current() { return current_loop; }

void EventLoop::run() {
    EventLoop* const outer = std::exchange(current_loop, this);
    Impl& impl = *impl_;
    now_ = std::chrono::steady_clock::now();
    timers_.set_now(now_);
    while (!impl.stop_requested.load(std::memory_order_acquire)) {
        const bool busy = !impl.later.empty() || !impl.again.empty() || !impl.deferred.empty();
        const int timeout_ms = busy ? 0 : timers_.next_timeout_ms(now_);
        const int count = ::epoll_wait(impl.epoll.get(), impl.events.data(), kEventsPerWait, timeout_ms);
        now_ = std::chrono::steady_clock::now();
        wall_now_ = std::chrono::system_clock::now();
        timers_.set_now(now_);

        impl.event_count = count > 0 ? count : 0;
        for (impl.next_event = 0; impl.next_event < impl.event_count;) {
            const epoll_event event = impl.events[impl.next_event++];
            if (event.data.ptr) static_cast<IoHandler*>(event.data.ptr)->on_io(event.events);
        }
        impl.event_count = 0;

        // What is asked for from here on runs in the next iteration, so that sockets and timers get their turn.
        impl.again_running.swap(impl.again);
        for (size_t i = 0; i < impl.again_running.size(); ++i) {
            if (IoHandler* handler = std::exchange(impl.again_running[i], nullptr)) handler->on_io(0);
        }
        impl.again_running.clear();

        timers_.advance(now_);

        impl.later_running.swap(impl.later);
        for (auto& task : impl.later_running) task();
        impl.later_running.clear();
        impl.destroy_deferred();
    }
    impl.stop_requested.store(false, std::memory_order_relaxed);
    current_loop = outer;
}

void EventLoop::stop() {
    impl_->stop_requested.store(true, std::memory_order_release);
    impl_->signal();
}

void EventLoop::post(std::function<void()> task) {
    bool first = false;
    {
        const std::lock_guard lock(impl_->posted_mutex);
        first = impl_->posted.empty();
        impl_->posted.push_back(std::move(task));
    }
    if (first) impl_->signal();
}

bool EventLoop::add(int fd, uint32_t events, IoHandler* handler) {
    return impl_->control(EPOLL_CTL_ADD, fd, events, handler);
}

bool EventLoop::modify(int fd, uint32_t events, IoHandler* handler) {
    return impl_->control(EPOLL_CTL_MOD, fd, events, handler);
}

void EventLoop::remove(int fd, IoHandler* handler) {
    impl_->control(EPOLL_CTL_DEL, fd, 0, nullptr);
    forget(handler);
}

void EventLoop::forget(IoHandler* handler) {
    Impl& impl = *impl_;
    for (int i = impl.next_event; i < impl.event_count; ++i) {
        if (impl.events[i].data.ptr == handler) impl.events[i].data.ptr = nullptr;
    }
    std::erase(impl.again, handler);
    for (IoHandler*& waiting : impl.again_running) {
        if (waiting == handler) waiting = nullptr;
    }
}

void EventLoop::call_again(IoHandler* handler) { impl_->again.push_back(handler); }

void EventLoop::destroy_later(std::unique_ptr<Deferred> object) { impl_->deferred.push_back(std::move(object)); }

void EventLoop::run_later(std::function<void()> task) { impl_->later.push_back(std::move(task)); }

}  // namespace heirloom::network
