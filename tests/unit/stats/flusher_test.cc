// SPDX-License-Identifier: Apache-2.0
#include "proxy/stats/flusher.h"

#include <sys/socket.h>
#include <sys/un.h>

#include "tests/unit/stats/fixture.h"

namespace heirloom::stats {

namespace {

// Keeps what it was told as lines; may hold them back as a real one does.
struct FakeWriter : LineWriter {
    std::string& told;
    size_t room;  // bytes that are kept until a flush; 0: none
    std::string kept;

    FakeWriter(std::string& lines, size_t bytes) : told(lines), room(bytes) {}
    void write(std::string_view line) override {
        kept.append(line).append("\n");
        if (kept.size() > room) flush();
    }
    void flush() override { told += std::exchange(kept, ""); }
    bool would_send(size_t bytes) const override { return !kept.empty() && kept.size() + bytes > room; }
};

struct FlusherFixture : SegmentFixture {
    Rules rules;
    std::string told;

    std::unique_ptr<Flusher> make(Registrar& names, uint32_t slot, bool tags = false, size_t room = 0) {
        std::vector<Sink> sinks;
        sinks.push_back({"envoy", tags, std::make_unique<FakeWriter>(told, room)});
        auto flusher = std::make_unique<Flusher>(names, slot, rules, std::move(sinks));
        flusher->prepare();
        return flusher;
    }
    std::string take() { return std::exchange(told, ""); }
};

}  // namespace

TEST_CASE_FIXTURE(FlusherFixture, "counters are told as what is new, gauges as they are, neither before it is used") {
    const Counter requests = registrar.counter("http.edge.downstream_rq_total");
    const CodeCounter codes = registrar.code_counter("cluster.blue.upstream_rq_");
    const Gauge active = registrar.gauge("server.active");
    registrar.counter("http.edge.unused");
    const auto flusher = make(registrar, generation);
    requests.add(3);
    CHECK(flusher->flush());
    CHECK(take() == "");  // not live yet
    flusher->begin();
    CHECK(flusher->flush());
    CHECK(take() == "envoy.http.edge.downstream_rq_total:3|c\n");
    requests.add(2);
    codes.add(503);
    active.set(7);
    flusher->flush();
    CHECK(take() ==
          "envoy.http.edge.downstream_rq_total:2|c\nenvoy.server.active:7|g\nenvoy.cluster.blue.upstream_rq_503:1|c\n");
    active.set(0);
    flusher->flush();
    CHECK(take() ==
          "envoy.http.edge.downstream_rq_total:0|c\nenvoy.server.active:0|g\nenvoy.cluster.blue.upstream_rq_503:0|c\n");
}

TEST_CASE_FIXTURE(FlusherFixture, "dog_statsd: the name without its tags, the tags behind the value") {
    registrar.code_counter("cluster.blue.upstream_rq_").add(503);
    registrar.gauge("server.live").set(1);
    rules.tags = {{"site", TagRule::Kind::fixed, nullptr, "", "a"}};
    const auto flusher = make(registrar, generation, true, 1000);
    flusher->begin();
    flusher->flush();
    CHECK(take() ==
          "envoy.server.live:1|g|#site:a\n"
          "envoy.cluster.upstream_rq:1|c|#envoy.response_code:503,site:a,envoy.cluster_name:blue\n");
}

TEST_CASE_FIXTURE(FlusherFixture, "each unit is told once over generations, also over one that was killed") {
    const Counter counter = registrar.counter("server.things");
    const auto first = make(registrar, generation);
    first->begin();
    counter.add(5);
    first->flush();
    CHECK(take() == "envoy.server.things:5|c\n");
    counter.add(2);

    // The next one waits as long as the first tells.
    const uint32_t slot = *segment->claim_generation(1, 1);
    Registrar names = Registrar::for_owner(segment);
    set_thread_row(segment->row(slot, 0));
    const auto second = make(names, slot);
    second->begin();
    CHECK_FALSE(second->flush());
    CHECK(take() == "");
    SUBCASE("the first one drains") {
        write_as(0);
        first->end();
        CHECK(take() == "envoy.server.things:2|c\n");
        counter.add(1);  // of a connection that is not over yet
        CHECK(first->flush());
        CHECK(take() == "");
        set_thread_row(segment->row(slot, 0));
        CHECK(second->flush());
        CHECK(take() == "envoy.server.things:1|c\n");
        segment->fold_generation(generation);
        CHECK(second->flush());
        CHECK(take() == "envoy.server.things:0|c\n");
    }
    SUBCASE("the first one is killed") {
        segment->fold_generation(generation);
        CHECK(second->flush());
        CHECK(take() == "envoy.server.things:2|c\n");
    }
}

TEST_CASE_FIXTURE(FlusherFixture, "what was counted before there was a sink is not told") {
    const Counter counter = registrar.counter("server.things");
    const CodeCounter codes = registrar.code_counter("cluster.blue.upstream_rq_");
    counter.add(100);
    codes.add(200);
    const uint32_t slot = *segment->claim_generation(1, 1);
    Registrar names = Registrar::for_owner(segment);
    set_thread_row(segment->row(slot, 0));
    counter.add(1);  // of its own: it is the first to count this
    const auto flusher = make(names, slot);
    flusher->begin();
    flusher->flush();
    CHECK(take() == "envoy.server.things:1|c\nenvoy.cluster.blue.upstream_rq_200:0|c\n");
}

TEST_CASE_FIXTURE(FlusherFixture, "a reset of the counters is no change") {
    const Counter counter = registrar.counter("server.things");
    const auto flusher = make(registrar, generation);
    flusher->begin();
    counter.add(5);
    flusher->flush();
    segment->reset_counters();
    counter.add(2);
    take();
    flusher->flush();
    CHECK(take() == "envoy.server.things:2|c\n");
}

TEST_CASE_FIXTURE(FlusherFixture,
                  "where there is no room to note what was told, nothing is, and nobody's room is taken") {
    const auto add_clusters = [&](int from, int to) {
        for (int i = from; i < to; ++i)
            registrar.code_counter("cluster.c" + std::to_string(i) + ".upstream_rq_").add(200);
    };
    SUBCASE("what was noted before counts once") {
        add_clusters(0, 12);
        make(registrar, generation);
        add_clusters(12, 13);  // of the next generation
        const auto flusher = make(registrar, generation);
        flusher->begin();
        flusher->flush();
        CHECK(take().find("cluster.c12.upstream_rq_200:1|c") != std::string::npos);
    }
    SUBCASE("too many at once") {
        add_clusters(0, 17);
        const auto flusher = make(registrar, generation);
        flusher->begin();
        CHECK(flusher->flush());
        CHECK(take().empty());
        CHECK(segment->register_stat("one.more.", shm::StatKind::counter_by_code).ok());
    }
}

TEST_CASE_FIXTURE(FlusherFixture, "what is rejected is not told") {
    registrar.counter("server.things").add();
    registrar.counter("server.others").add();
    registrar.histogram("server.time").record(1);
    registrar.code_counter("cluster.blue.upstream_rq_").add(503);
    rules.rejects = [](std::string_view name) { return name != "server.others"; };
    const auto flusher = make(registrar, generation);
    flusher->begin();
    flusher->flush();
    CHECK(take() == "envoy.server.others:1|c\n");
}

TEST_CASE_FIXTURE(FlusherFixture, "each value of a histogram is told, in milliseconds") {
    const Histogram time = registrar.histogram("http.edge.downstream_rq_time");
    const auto flusher = make(registrar, generation, true);
    ValueLog log(8);
    set_thread_log(&log);
    time.record(12);
    time.record(0);
    set_thread_log(nullptr);
    flusher->tell_values(log);
    CHECK(take() ==
          "envoy.http.downstream_rq_time:12|ms|#envoy.http_conn_manager_prefix:edge\n"
          "envoy.http.downstream_rq_time:0|ms|#envoy.http_conn_manager_prefix:edge\n");
}

TEST_CASE_FIXTURE(SegmentFixture, "datagrams: one for each line, or as many lines as fit; a dead sink only counts") {
    const Counter dropped = registrar.counter("stats_sinks.lines_dropped");
    const std::string path = "/tmp/heirloom-sink-" + std::to_string(::getpid());
    ::unlink(path.c_str());
    const auto address = *shm::make_unix_address(path);
    const auto single = make_datagram_writer(address, 0, dropped), joined = make_datagram_writer(address, 9, dropped);
    single->write("a:1|c");
    single->flush();
    CHECK(segment->counter(dropped.slot()) == 1);

    const UniqueFd receiver(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    REQUIRE(::bind(receiver.get(), reinterpret_cast<const sockaddr*>(&address.storage), address.length) == 0);
    const auto receive = [&] {
        char bytes[100];
        const ssize_t size = ::recv(receiver.get(), bytes, sizeof bytes, 0);
        return size < 0 ? std::string("none") : std::string(bytes, static_cast<size_t>(size));
    };
    CHECK_FALSE(single->would_send(1));
    single->write("a:1|c");
    CHECK(single->would_send(1));
    single->write("b:1|c");
    CHECK(receive() == "none");
    single->flush();
    CHECK(receive() == "a:1|c");
    CHECK(receive() == "b:1|c");
    joined->write("a:1");
    CHECK_FALSE(joined->would_send(5));
    CHECK(joined->would_send(6));
    joined->write("b:222");
    joined->write("c:1");
    CHECK(receive() == "a:1\nb:222");
    joined->write("longer than all:1");
    joined->flush();
    CHECK(receive() == "c:1");
    CHECK(receive() == "longer than all:1");
    CHECK(receive() == "none");
    CHECK(segment->counter(dropped.slot()) == 1);
    ::unlink(path.c_str());
}

}  // namespace heirloom::stats
