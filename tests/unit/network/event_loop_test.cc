// SPDX-License-Identifier: Apache-2.0
#include "proxy/network/event_loop.h"

#include <doctest/doctest.h>
#include <fcntl.h>

#include <string>
#include <thread>

using namespace heirloom;
using namespace heirloom::network;
using std::chrono::milliseconds;

namespace {

struct Pipe {
    UniqueFd read_end, write_end;
    Pipe() {
        int fds[2];
        REQUIRE(::pipe2(fds, O_NONBLOCK | O_CLOEXEC) == 0);
        read_end.reset(fds[0]);
        write_end.reset(fds[1]);
    }
    void write() { REQUIRE(::write(write_end.get(), "x", 1) == 1); }
};

struct Handler : IoHandler {
    std::function<void(uint32_t)> action;
    int calls = 0;
    void on_io(uint32_t events) override {
        ++calls;
        if (action) action(events);
    }
};

}  // namespace

TEST_CASE("posted tasks run in order on the loop's thread") {
    EventLoop loop;
    REQUIRE(loop.valid());
    std::string order;
    std::thread::id where;
    std::thread thread([&] { loop.run(); });
    for (char c = 'a'; c <= 'e'; ++c) loop.post([&order, c] { order += c; });
    loop.post([&] {
        where = std::this_thread::get_id();
        CHECK(EventLoop::current() == &loop);
        loop.stop();
    });
    const auto expected = thread.get_id();
    thread.join();
    CHECK(order == "abcde");
    CHECK(where == expected);
    CHECK(EventLoop::current() == nullptr);
}

TEST_CASE("a stop before run is not lost") {
    EventLoop loop;
    loop.stop();
    loop.run();
}

TEST_CASE("remove drops an event that was already fetched") {
    EventLoop loop;
    Pipe first, second;
    Handler a, b;
    // Whichever comes first takes the other away.
    a.action = [&](uint32_t) {
        loop.remove(second.read_end.get(), &b);
        loop.stop();
    };
    b.action = [&](uint32_t) {
        loop.remove(first.read_end.get(), &a);
        loop.stop();
    };
    REQUIRE(loop.add(first.read_end.get(), EPOLLIN | EPOLLET, &a));
    REQUIRE(loop.add(second.read_end.get(), EPOLLIN | EPOLLET, &b));
    first.write();
    second.write();
    loop.run();
    CHECK(a.calls + b.calls == 1);
}

TEST_CASE("a level-triggered descriptor is paused and resumed") {
    EventLoop loop;
    Pipe pipe;
    Handler handler;
    Timer resume, stop;
    handler.action = [&](uint32_t) {
        loop.modify(pipe.read_end.get(), 0, &handler);
        if (handler.calls == 2) loop.stop();
    };
    resume.set_callback([](void* arg) { (*static_cast<std::function<void()>*>(arg))(); }, nullptr);
    std::function<void()> on_resume = [&] {
        CHECK(handler.calls == 1);
        loop.modify(pipe.read_end.get(), EPOLLIN, &handler);
    };
    resume.set_callback([](void* arg) { (*static_cast<std::function<void()>*>(arg))(); }, &on_resume);
    REQUIRE(loop.add(pipe.read_end.get(), EPOLLIN, &handler));
    resume.arm(loop.timers(), milliseconds(5));
    pipe.write();
    loop.run();
    CHECK(handler.calls == 2);
    loop.remove(pipe.read_end.get(), &handler);
}

TEST_CASE("adding a descriptor that cannot be watched fails") {
    EventLoop loop;
    Handler handler;
    CHECK_FALSE(loop.add(-1, EPOLLIN, &handler));
}

TEST_CASE("deferred objects die at the end of the iteration, late tasks run before") {
    std::string order;
    EventLoop loop;
    struct Dying : Deferred {
        std::string& order;
        explicit Dying(std::string& log) : order(log) {}
        ~Dying() override { order += "dead "; }
    };
    loop.post([&] {
        loop.destroy_later(std::make_unique<Dying>(order));
        loop.run_later([&] { order += "late "; });
        order += "task ";
        loop.stop();
    });
    loop.run();
    CHECK(order == "task late dead ");
    loop.destroy_later(std::make_unique<Dying>(order));
    // What is left dies with the loop.
}

TEST_CASE("call_again comes back once and yields to others") {
    EventLoop loop;
    Handler handler, silent;
    int tasks = 0;
    handler.action = [&](uint32_t events) {
        CHECK(events == 0);
        if (handler.calls < 3) {
            loop.call_again(&handler);
            loop.run_later([&] { ++tasks; });
        } else {
            CHECK(tasks == 2);
            loop.stop();
        }
    };
    loop.call_again(&handler);
    loop.call_again(&silent);
    loop.forget(&silent);
    loop.run();
    CHECK(handler.calls == 3);
    CHECK(silent.calls == 0);
}

TEST_CASE("timers fire from the loop") {
    EventLoop loop;
    const auto begin = std::chrono::steady_clock::now();
    Timer timer([](void* arg) { static_cast<EventLoop*>(arg)->stop(); }, &loop);
    timer.arm(loop.timers(), milliseconds(20));
    loop.run();
    CHECK(std::chrono::steady_clock::now() - begin >= milliseconds(20));
}
