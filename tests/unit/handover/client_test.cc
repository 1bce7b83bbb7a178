// SPDX-License-Identifier: Apache-2.0
// The generation's side of the channel, against a supervisor that the test plays.
#include "proxy/handover/client.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>

#include <optional>
#include <thread>

#include "proxy/handover/inherited_sockets.h"

namespace heirloom::handover {

using shm::proto::Message;
using Body = Message::BodyCase;
using std::chrono::milliseconds;

namespace {

struct Events : ClientCallbacks {
    void on_go_live() override { said.push_back("go_live"); }
    void on_drain(std::chrono::seconds time, bool immediate) override {
        said.push_back("drain " + std::to_string(time.count()) + (immediate ? " now" : ""));
    }
    void on_terminate(milliseconds grace) override { said.push_back("terminate " + std::to_string(grace.count())); }
    void on_reopen_logs() override { said.push_back("reopen"); }
    void on_ticket_keys(std::span<const std::string> keys) override {
        said.push_back("keys");
        for (const std::string& key : keys) said.back() += " " + key;
    }
    void on_refused(const std::string& request, const std::string& reason) override {
        said.push_back("refused " + request + ": " + reason);
    }
    void on_supervisor_lost(const std::string&) override { said.push_back("lost"); }
    std::vector<std::string> said;
};

// The supervisor's end; play() runs in a thread of its own, as the client blocks before it is attached.
struct Play {
    Play() {
        auto pair = shm::Channel::make_pair();
        REQUIRE(pair.ok());
        channel.emplace(std::move(pair->first), shm::Direction::to_supervisor);
        generation_end = std::move(pair->second);
        auto created = shm::Segment::create({.generation_slots = 2, .rows = 4, .stat_slots = 1u << 14});
        REQUIRE(created.ok());
        segment = *created;
    }
    Message next() {
        auto received = channel->receive_within(milliseconds(5000));
        return received ? std::move(received->message) : Message();
    }
    void welcome() {
        if (next().body_case() != Body::kHello) return;
        Message message;
        message.mutable_welcome()->set_epoch(7);
        message.mutable_welcome()->set_generation_slot(1);
        message.mutable_welcome()->set_previous_generations(1);
        const int fd = segment->fd();
        (void)channel->send(message, std::span(&fd, 1)).ok();
    }
    void say(const Message& message, std::span<const int> fds = {}) { CHECK(channel->send(message, fds).ok()); }
    std::unique_ptr<Client> connect() {
        std::thread other([this] { welcome(); });
        auto client = Client::connect(std::move(generation_end), 2);
        other.join();
        REQUIRE_MESSAGE(client.ok(), (client.ok() ? "" : client.error().text));
        return std::move(*client);
    }
    // Runs the loop until the callbacks heard so many things.
    void run_until(size_t count) {
        network::Timer timer;
        struct Look {
            Play& play;
            size_t count;
            network::Timer& timer;
            int left = 3000;
        } look{*this, count, timer};
        timer.set_callback(
            [](void* self) {
                auto& at = *static_cast<Look*>(self);
                if (at.play.events.said.size() >= at.count || --at.left == 0) return at.play.loop.stop();
                at.timer.arm(at.play.loop.timers(), milliseconds(1));
            },
            &look);
        timer.arm(loop.timers(), milliseconds(1));
        loop.run();
    }

    std::optional<shm::Channel> channel;
    UniqueFd generation_end;
    std::shared_ptr<shm::Segment> segment;
    network::EventLoop loop;
    Events events;
};

}  // namespace

TEST_CASE_FIXTURE(Play, "hello is answered by a place in the segment") {
    const auto client = connect();
    CHECK(client->epoch() == 7);
    CHECK(client->generation_slot() == 1);
    CHECK(client->previous_generations() == 1);
    CHECK(client->segment()->created_ms() == segment->created_ms());
}

TEST_CASE_FIXTURE(Play, "ticket keys that came before the loop are told before anything later") {
    const auto client = connect();
    Message keys;
    keys.mutable_ticket_keys()->add_keys("new");
    keys.mutable_ticket_keys()->add_keys("old");
    say(keys);
    Message go;
    go.mutable_go_live();
    say(go);
    client->attach(loop, events);
    run_until(2);
    CHECK(events.said == std::vector<std::string>{"keys new old", "go_live"});
}

TEST_CASE_FIXTURE(Play, "a supervisor that is silent, gone or lies is an error in time") {
    SUBCASE("silent") {
        const auto client = Client::connect(std::move(generation_end), 2, milliseconds(20));
        REQUIRE_FALSE(client.ok());
        CHECK(client.error().code == ETIMEDOUT);
    }
    SUBCASE("gone") {
        channel.reset();
        CHECK_FALSE(Client::connect(std::move(generation_end), 2, milliseconds(1000)).ok());
    }
    SUBCASE("a place outside of the segment") {
        Message message;
        message.mutable_welcome()->set_generation_slot(99);
        const int fd = segment->fd();
        say(message, std::span(&fd, 1));
        CHECK_FALSE(Client::connect(std::move(generation_end), 2, milliseconds(1000)).ok());
    }
    SUBCASE("no segment") {
        Message message;
        message.mutable_welcome();
        say(message);
        CHECK_FALSE(Client::connect(std::move(generation_end), 2, milliseconds(1000)).ok());
    }
    SUBCASE("more workers than rows") {
        std::thread other([this] { welcome(); });
        CHECK_FALSE(Client::connect(std::move(generation_end), 4, milliseconds(1000)).ok());
        other.join();
    }
}

TEST_CASE_FIXTURE(Play,
                  "stats get slots from the owner; a refused one gets the scratch slot; many go in several messages") {
    const auto client = connect();
    const auto backend = client->registrar_backend();
    std::vector<stats::Registrar::Spec> specs;
    for (int i = 0; i < 3000; ++i) specs.push_back({"name." + std::to_string(i), shm::StatKind::counter, {}});
    std::thread owner([this] {
        for (int seen = 0; seen < 3000;) {
            const Message request = next();
            if (request.body_case() != Body::kRegisterStats) return;
            Message answer;
            answer.mutable_stats_registered()->set_request_id(request.register_stats().request_id());
            for (const auto& stat : request.register_stats().stats()) {
                const bool refused = stat.name() == "name.5";
                answer.mutable_stats_registered()->add_slots(refused ? UINT32_MAX : static_cast<uint32_t>(100 + seen));
                ++seen;
            }
            (void)channel->send(answer).ok();
        }
    });
    const auto slots = backend(specs);
    owner.join();
    REQUIRE(slots.size() == 3000);
    CHECK(slots[0] == 100);
    CHECK(slots[5] == 0);
    CHECK(slots[2999] == 3099);
}

TEST_CASE_FIXTURE(Play, "sockets come in order and in several packets") {
    const auto client = connect();
    int pipe_ends[2];
    REQUIRE(::pipe2(pipe_ends, O_CLOEXEC) == 0);
    const UniqueFd left(pipe_ends[0]);
    const UniqueFd right(pipe_ends[1]);
    const int two[] = {left.get(), right.get()};
    const auto result = [](Message& message, const char* name, const char* bound, uint32_t shards, uint32_t fds) {
        auto& one = *message.mutable_sockets()->add_sockets();
        one.set_name(name);
        one.set_bound_name(bound);
        one.set_shard_count(shards);
        one.set_fd_count(fds);
    };
    Message first;
    first.mutable_sockets()->set_request_id(1);
    result(first, "tcp:127.0.0.1:0", "tcp:127.0.0.1:40001", 1, 1);
    result(first, "tcp:127.0.0.1:0", "tcp:127.0.0.1:40002", 2, 1);
    say(first, two);
    Message second;
    second.mutable_sockets()->set_request_id(1);
    second.mutable_sockets()->set_last(true);
    result(second, "tcp:127.0.0.1:0", "tcp:127.0.0.1:40002", 2, 1);
    auto& refused = *second.mutable_sockets()->add_sockets();
    refused.set_name("tcp:10.255.255.1:80");
    refused.set_error("Cannot assign requested address");
    say(second, std::span(two, 1));

    std::vector<shm::proto::SocketSpec> specs(3);
    specs[0].set_name("tcp:127.0.0.1:0");
    specs[1].set_name("tcp:127.0.0.1:0");
    specs[2].set_name("tcp:10.255.255.1:80");
    const auto sockets = client->bind_sockets(specs);
    REQUIRE_MESSAGE(sockets.ok(), (sockets.ok() ? "" : sockets.error().text));
    CHECK((*sockets)[0].bound == "tcp:127.0.0.1:40001");
    CHECK((*sockets)[0].shards.size() == 1);
    CHECK((*sockets)[1].bound == "tcp:127.0.0.1:40002");
    CHECK((*sockets)[1].shards.size() == 2);
    CHECK((*sockets)[2].error == "Cannot assign requested address");
}

TEST_CASE_FIXTURE(
    Play, "what the supervisor says in the loop is called back, also what came while something else was awaited") {
    const auto client = connect();
    Message reopen;
    reopen.mutable_reopen_logs();
    Message slots;
    slots.mutable_stats_registered()->set_request_id(1);
    slots.mutable_stats_registered()->add_slots(42);
    say(reopen);
    say(slots);
    const stats::Registrar::Spec spec{"one", shm::StatKind::counter, {}};
    CHECK(client->registrar_backend()(std::span(&spec, 1)) == std::vector<uint32_t>{42});

    client->attach(loop, events);
    Message live;
    live.mutable_go_live();
    say(live);
    Message drain;
    drain.mutable_drain()->set_drain_time_s(30);
    drain.mutable_drain()->set_immediate(true);
    say(drain);
    Message terminate;
    terminate.mutable_terminate()->set_grace_ms(500);
    say(terminate);
    run_until(4);
    CHECK(events.said == std::vector<std::string>{"reopen", "go_live", "drain 30 now", "terminate 500"});
}

TEST_CASE_FIXTURE(Play, "the generation's messages arrive, with heartbeats; then a lost supervisor is told once") {
    const auto client = connect();
    client->set_active_connections(3);
    client->attach(loop, events);
    client->ready("/etc/a.yaml", 99, 2, 1);
    client->live_ack();
    client->drain_ack(3);
    client->drained(1);
    CHECK(next().heartbeat().active_connections() == 3);
    CHECK(next().ready().config_hash() == 99);
    CHECK(next().body_case() == Body::kLiveAck);
    CHECK(next().drain_ack().active_connections() == 3);
    CHECK(next().drained().connections_cut() == 1);
    channel.reset();
    run_until(1);
    client->stop_request();
    CHECK(events.said == std::vector<std::string>{"lost"});
    CHECK(client->lost());
}

TEST_CASE_FIXTURE(Play, "nonsense from the supervisor is the end of the channel, not of the generation") {
    const auto client = connect();
    client->attach(loop, events);
    REQUIRE(::send(channel->fd(), "nonsense", 8, 0) == 8);
    run_until(1);
    CHECK(events.said == std::vector<std::string>{"lost"});
}

TEST_CASE("alone, sockets are bound here: a shard per worker on one port, or taken over when inherited") {
    SocketRequest request;
    request.address = *shm::make_ip_address("127.0.0.1", 0);
    auto first = open_alone({request}, 3, {});
    REQUIRE(first.ok());
    CHECK((*first)[0].shards.size() == 3);
    CHECK((*first)[0].bound.port() != 0);

    SocketRequest same;
    same.address = (*first)[0].bound;
    const auto taken = open_alone({same}, 1, {});
    REQUIRE_FALSE(taken.ok());
    CHECK(taken.error().text == "cannot bind '" + same.address.to_string() + "': Address already in use");

    std::vector<UniqueFd> inherited;
    inherited.push_back(std::move((*first)[0].shards[1]));
    const int fd = inherited[0].get();
    const auto again = open_alone({same}, 3, std::move(inherited));
    REQUIRE(again.ok());
    CHECK((*again)[0].fds() == std::vector<int>{fd});
}

}  // namespace heirloom::handover
