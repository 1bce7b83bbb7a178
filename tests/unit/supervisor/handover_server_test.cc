// SPDX-License-Identifier: Apache-2.0
#include "supervisor/handover_server.h"

#include <doctest/doctest.h>

#include "tests/unit/supervisor/fake_link.h"

using namespace heirloom;
using namespace heirloom::supervisor;

namespace {

struct Heard final : HandoverEvents {
    uint32_t generations_alive() const override { return 2; }
    void on_hello(Generation&) override { said += "hello "; }
    void on_ready(Generation&, const shm::proto::Ready&) override { said += "ready "; }
    void on_live_ack(Generation&) override { said += "live_ack "; }
    void on_drain_ack(Generation&) override { said += "drain_ack "; }
    void on_drained(Generation&, uint64_t) override { said += "drained "; }
    void on_stop_request(Generation&) override { said += "stop "; }
    void on_misbehaviour(Generation&, const std::string& what) override { said += "(" + what + ") "; }
    std::string said;
};

// A supervisor's side with one generation that just was spawned.
struct Dialogue {
    boost::asio::io_context io;
    std::shared_ptr<shm::Segment> segment = shm::Segment::create({4, 4, 8192}).value();
    SupervisorStats stats{*segment};
    SocketStore store{{2, 65536}, {}};
    Heard heard;
    std::shared_ptr<FakeLink> link = std::make_shared<FakeLink>();
    Generation generation{io, 5, link, *segment, stats};
    HandoverServer server{*segment, store, heard};

    shm::proto::Message& next() { return message = {}, message; }
    void say() {
        shm::Received received;
        received.message = message;
        server.handle(generation, std::move(received));
    }
    void say_hello() {
        next().mutable_hello()->set_program_version("v\n1");
        message.mutable_hello()->set_concurrency(2);
        say();
    }
    shm::proto::Message message;
};

}  // namespace

TEST_CASE("hello is answered by welcome with the segment") {
    Dialogue dialogue;
    dialogue.say_hello();
    CHECK(dialogue.heard.said == "hello ");
    CHECK(dialogue.generation.state() == State::initializing);
    CHECK(dialogue.generation.version() == "v 1");
    REQUIRE(dialogue.link->sent.size() == 1);
    CHECK(dialogue.link->sent[0].message.welcome().epoch() == 5);
    CHECK(dialogue.link->sent[0].message.welcome().previous_generations() == 1);
    CHECK(dialogue.link->sent[0].fds == std::vector<int>{dialogue.segment->fd()});
}

TEST_CASE("who does not say that it takes ticket keys is taken for one that does not know them") {
    Dialogue dialogue;
    SUBCASE("an older one") {
        dialogue.say_hello();
        CHECK_FALSE(dialogue.generation.takes_ticket_keys);
    }
    SUBCASE("one of today") {
        dialogue.next().mutable_hello()->set_concurrency(2);
        dialogue.message.mutable_hello()->set_takes_ticket_keys(true);
        dialogue.say();
        CHECK(dialogue.generation.takes_ticket_keys);
    }
}

TEST_CASE("what does not fit the state is named, and nothing is done") {
    Dialogue dialogue;
    dialogue.next().mutable_ready();
    dialogue.say();
    CHECK(dialogue.heard.said == "(sent ready while spawned) ");
    CHECK(dialogue.generation.state() == State::spawned);
    dialogue.heard.said.clear();
    dialogue.say_hello();
    dialogue.say_hello();
    CHECK(dialogue.heard.said == "hello (sent hello while initializing) ");
}

TEST_CASE("a concurrency the segment has no rows for is refused") {
    Dialogue dialogue;
    dialogue.next().mutable_hello()->set_concurrency(4'000'000'000u);
    dialogue.say();
    CHECK(dialogue.heard.said.starts_with("(cannot be given a place in the segment: "));
    CHECK(dialogue.link->sent.empty());
}

TEST_CASE("names become slots; what cannot be registered is refused one by one") {
    Dialogue dialogue;
    dialogue.say_hello();
    auto& request = *dialogue.next().mutable_register_stats();
    request.set_request_id(9);
    for (const uint32_t kind : {1u, 2u, 77u, 0u}) {
        request.add_stats()->set_name("x." + std::to_string(kind));
        request.mutable_stats(request.stats_size() - 1)->set_kind(kind);
    }
    request.add_stats()->set_kind(1);  // no name
    dialogue.say();
    const auto& answer = dialogue.link->sent.back().message.stats_registered();
    CHECK(answer.request_id() == 9);
    REQUIRE(answer.slots_size() == 5);
    CHECK(answer.slots(0) != 0xffffffff);
    CHECK(answer.slots(1) != answer.slots(0));
    CHECK(answer.slots(2) == 0xffffffff);
    CHECK(answer.slots(3) == 0xffffffff);
    CHECK(answer.slots(4) == 0xffffffff);
    dialogue.say();
    CHECK(dialogue.link->sent.back().message.stats_registered().slots(0) == answer.slots(0));
}

TEST_CASE("many shards come in several packets, in the order of the question, errors among them") {
    Dialogue dialogue;
    dialogue.say_hello();
    auto& request = *dialogue.next().mutable_bind_sockets();
    request.set_request_id(4);
    for (int count = 0; count < 10; ++count) request.add_sockets()->set_name("tcp:127.0.0.1:0");
    request.add_sockets()->set_name("tcp:bad");
    request.add_sockets()->set_name("tcp:127.0.0.1:0");
    const size_t before = dialogue.link->sent.size();
    dialogue.say();
    size_t fds = 0;
    size_t results = 0;
    std::string errors;
    for (size_t at = before; at < dialogue.link->sent.size(); ++at) {
        const FakeLink::Sent& packet = dialogue.link->sent[at];
        CHECK(packet.fds.size() <= shm::kMaxFdsPerMessage);
        CHECK(packet.message.sockets().request_id() == 4);
        CHECK(packet.message.sockets().last() == (at + 1 == dialogue.link->sent.size()));
        size_t announced = 0;
        for (const auto& result : packet.message.sockets().sockets()) {
            announced += result.fd_count();
            errors += result.error();
            results += result.error().empty() && result.first_shard() == 0 ? 1 : 0;
        }
        CHECK(announced == packet.fds.size());
        fds += packet.fds.size();
    }
    CHECK(dialogue.link->sent.size() - before == 2);
    CHECK(fds == 11 * 16);
    CHECK(results == 11);
    CHECK(errors.find("bad") != std::string::npos);
}

TEST_CASE("the rest of a life: ready, live, drain, drained") {
    Dialogue dialogue;
    dialogue.say_hello();
    dialogue.next().mutable_ready();
    dialogue.say();
    dialogue.next().mutable_live_ack();
    dialogue.say();
    CHECK(dialogue.heard.said == "hello ready live_ack ");
    dialogue.generation.transition(State::live);
    dialogue.say();  // once more
    CHECK(dialogue.heard.said.ends_with("(sent live_ack while live) "));
    dialogue.next().mutable_drain_ack();
    dialogue.say();
    CHECK(dialogue.heard.said.ends_with("(sent drain_ack while live) "));
    dialogue.generation.transition(State::draining);
    dialogue.message.mutable_drain_ack()->set_active_connections(12);
    dialogue.say();
    CHECK(dialogue.heard.said.ends_with("drain_ack "));
    CHECK(dialogue.generation.active_connections == 12);
    dialogue.next().mutable_bind_sockets();
    dialogue.say();
    CHECK(dialogue.link->sent.back().message.refused().request() == "bind_sockets");
    dialogue.next().mutable_drained();
    dialogue.say();
    CHECK(dialogue.heard.said.ends_with("drained "));
}

TEST_CASE("a reason is made fit for a terminal, and cut") {
    Dialogue dialogue;
    dialogue.say_hello();
    dialogue.next().mutable_failed()->set_reason("line 3:\n\x1b[31mbad" + std::string(10'000, 'x'));
    dialogue.say();
    CHECK(dialogue.generation.reason.starts_with("line 3:  [31mbad"));
    CHECK(dialogue.generation.reason.size() == 4096);
}
