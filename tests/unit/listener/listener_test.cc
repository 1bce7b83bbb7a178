// SPDX-License-Identifier: Apache-2.0
#include "proxy/listener/listener.h"

#include <fcntl.h>
#include <sys/resource.h>

#include "proxy/runtime/table.h"
#include "tests/unit/connection_manager/fixture.h"

namespace heirloom::listener {

using connection_manager::kGet;
using std::chrono::milliseconds;

namespace {

struct Port : connection_manager::Site {
    Port() : socket(SOCK_STREAM) {
        REQUIRE(::listen(socket.fd.get(), 128) == 0);
        open();
        answer_all();
        listener.emplace(*loop, reserve,
                         Listener::Setting{.name = "test",
                                           .shards = {socket.fd.get()},
                                           .shared = false,
                                           .chains = {{.acceptor = *set}},
                                           .stats = make_listener_stats(*registrar, "10.0.0.1:80")});
    }
    ~Port() override { listener.reset(); }
    connection_manager::Client dial() {
        UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        REQUIRE(fd.valid());
        REQUIRE(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&socket.address.storage),
                          socket.address.length) == 0);
        connection_manager::Client client(std::move(fd));
        client.send(kGet);
        return client;
    }

    upstream::BoundSocket socket;
    FdReserve reserve;
    std::optional<Listener> listener;
};

// No descriptor can be opened while this lives.
struct OutOfDescriptors {
    OutOfDescriptors() {
        ::getrlimit(RLIMIT_NOFILE, &before);
        rlimit low = before;
        const UniqueFd next(::open("/dev/null", O_RDONLY | O_CLOEXEC));
        low.rlim_cur = static_cast<rlim_t>(next.get());
        ::setrlimit(RLIMIT_NOFILE, &low);
    }
    ~OutOfDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before); }
    rlimit before{};
};

}  // namespace

TEST_CASE("shards are dealt out to the workers; fewer shards than workers are shared") {
    CHECK(choose_shards(16, 0, 1).shards.size() == 16);
    CHECK(choose_shards(16, 1, 3).shards == std::vector<size_t>{1, 4, 7, 10, 13});
    CHECK_FALSE(choose_shards(16, 1, 3).shared);
    CHECK(choose_shards(1, 2, 4).shards == std::vector<size_t>{0});
    CHECK(choose_shards(1, 2, 4).shared);
    CHECK(choose_shards(1, 0, 1).shared == false);
    CHECK(choose_shards(2, 3, 4).shards == std::vector<size_t>{1});
    CHECK(choose_shards(0, 0, 1).shards.empty());
    std::vector<int> owners(16, 0);
    for (uint32_t worker = 0; worker < 5; ++worker) {
        for (const size_t shard : choose_shards(16, worker, 5).shards) ++owners[shard];
    }
    CHECK(owners == std::vector<int>(16, 1));
}

TEST_CASE_FIXTURE(Port, "connects wait until the listener starts, and again when it has stopped") {
    auto early = dial();
    run_for(milliseconds(10));
    CHECK(set->size() == 0);
    REQUIRE(listener->start());
    REQUIRE(run_until([&] { return early.has("ok"); }));
    CHECK(set->size() == 1);
    listener->stop();
    auto late = dial();
    run_for(milliseconds(10));
    CHECK(set->size() == 1);
    CHECK(counter("listener.10.0.0.1_80.downstream_cx_total") == 1);
    REQUIRE(listener->start());
    REQUIRE(run_until([&] { return late.has("ok"); }));
}

TEST_CASE_FIXTURE(Port,
                  "out of descriptors it pauses without spinning, and serves who waited when there are some again") {
    REQUIRE(listener->start());
    auto first = dial();
    auto second = dial();
    {
        const OutOfDescriptors shortage;
        reserve.give_up();
        // The place of the reserve is taken too.
        const UniqueFd filler(::open("/dev/null", O_RDONLY | O_CLOEXEC));
        CHECK(run_until([&] { return listener->paused(); }));
        run_for(milliseconds(250));
        CHECK(listener->paused());
        CHECK(set->size() == 0);
        CHECK(counter("listener.10.0.0.1_80.downstream_accept_paused") == 1);
    }
    REQUIRE(run_until([&] { return first.has("ok") && second.has("ok"); }));
    CHECK_FALSE(listener->paused());
}

TEST_CASE_FIXTURE(Port, "connections beyond a limit are closed at once, and counted") {
    network::ConnectionCount process;
    network::ListenerCounts counts(&process);
    const auto limited = [&](std::optional<uint64_t> fixed, bool ignore_global) {
        listener.emplace(*loop, reserve,
                         Listener::Setting{.name = "test",
                                           .shards = {socket.fd.get()},
                                           .chains = {{.acceptor = *set}},
                                           .stats = make_listener_stats(*registrar, "l"),
                                           .limits = {counts, "test", fixed, ignore_global}});
        REQUIRE(listener->start());
    };
    const runtime::Table two({{"overload.global_downstream_max_connections", config::parse_runtime_value("2")}});
    runtime::set_thread_table(&two);
    limited({}, false);
    auto one = dial();
    auto other = dial();
    REQUIRE(run_until([&] { return one.has("ok") && other.has("ok"); }));
    CHECK((process.now() == 2 && counts.own.now() == 2));
    {
        auto refused = dial();
        REQUIRE(run_until([&] { return counter("listener.l.downstream_global_cx_overflow") == 1; }));
        CHECK(set->size() == 2);
    }
    limited(3, false);  // the overload manager's goes before
    auto third = dial();
    REQUIRE(run_until([&] { return third.has("ok"); }));
    limited(1, true);
    auto fourth = dial();
    REQUIRE(run_until([&] { return fourth.has("ok"); }));
    CHECK(process.now() == 4);
    const runtime::Table own(
        {{"envoy.resource_limits.listener.test.connection_limit", config::parse_runtime_value("4")}});
    runtime::set_thread_table(&own);
    {
        auto refused = dial();
        REQUIRE(run_until([&] { return counter("listener.l.downstream_cx_overflow") == 1; }));
    }
    CHECK((process.now() == 4 && counts.own.now() == 4));
    set->close_now();
    CHECK((process.now() == 0 && counts.own.now() == 0));
    runtime::set_thread_table(nullptr);
    listener.reset();
}

}  // namespace heirloom::listener
