// SPDX-License-Identifier: Apache-2.0
#include "proxy/stats/store.h"

#include "tests/unit/stats/fixture.h"

namespace heirloom::stats {

TEST_CASE_FIXTURE(SegmentFixture, "a counter is the sum of what all threads added") {
    const Counter requests = registrar.counter("http.edge.downstream_rq_total");
    write_as(1);
    requests.add();
    write_as(2);
    requests.add(41);
    CHECK(segment->counter(requests.slot()) == 42);
}

TEST_CASE_FIXTURE(SegmentFixture, "a gauge may go up on one thread and down on another") {
    const Gauge buffered = registrar.gauge("filesystem.write_total_buffered");
    write_as(1);
    buffered.add(100);
    write_as(0);
    buffered.sub(70);
    CHECK(segment->gauge(buffered.slot()) == 30);
}

TEST_CASE_FIXTURE(SegmentFixture, "a histogram keeps bins, sum and count; a value on an edge belongs below it") {
    const Histogram time = registrar.histogram("http.edge.downstream_rq_time");
    time.record(0);
    time.record(5);
    time.record(6);
    time.record(1u << 30);  // above the last bound
    const shm::StatInfo info = segment->stat(segment->stat_count() - 1);
    const shm::HistogramSnapshot snapshot = segment->histogram(info);
    CHECK(snapshot.count == 4);
    CHECK(snapshot.sum == 11 + (1u << 30));
    CHECK(snapshot.bins.front() == 1);
    CHECK(snapshot.bins.back() == 1);
    uint64_t up_to_5 = 0;
    for (size_t i = 0; i < info.bounds.size() && info.bounds[i] <= 5; ++i) up_to_5 += snapshot.bins[i];
    CHECK(up_to_5 == 2);
}

TEST_CASE_FIXTURE(SegmentFixture, "the same name is asked for once") {
    int asked = 0;
    Registrar counting(segment, [&](std::span<const Registrar::Spec> specs) {
        ++asked;
        std::vector<uint32_t> slots;
        for (const auto& spec : specs) slots.push_back(*segment->register_stat(spec.name, spec.kind, spec.bounds));
        return slots;
    });
    counting.prefetch({{"a.one", shm::StatKind::counter, {}}, {"a.two", shm::StatKind::gauge, {}}});
    const Counter one = counting.counter("a.one");
    CHECK(counting.counter("a.one").slot() == one.slot());
    CHECK(counting.gauge("a.two").slot() != one.slot());
    CHECK(asked == 1);
}

TEST_CASE_FIXTURE(SegmentFixture, "a refused name writes to nobody's cell") {
    Registrar refusing(segment, [](std::span<const Registrar::Spec>) { return std::vector<uint32_t>{}; });
    const Counter other = registrar.counter("other");
    refusing.counter("x").add();
    refusing.histogram("h").record(7);
    refusing.code_counter("cluster.x.upstream_rq_").add(200);
    CHECK(segment->counter(other.slot()) == 0);

    Registrar lying(segment, [](std::span<const Registrar::Spec> specs) {
        return std::vector<uint32_t>(specs.size(), UINT32_MAX);
    });
    CHECK(lying.counter("y").slot() == 0);
}

TEST_CASE_FIXTURE(SegmentFixture, "a name has one kind") {
    registrar.counter("twice").add();
    CHECK(registrar.gauge("twice").slot() == 0);
}

TEST_CASE_FIXTURE(SegmentFixture, "codes outside 100..599 are not counted") {
    const CodeCounter codes = registrar.code_counter("cluster.blue.upstream_rq_");
    codes.add(0);
    codes.add(99);
    codes.add(600);
    codes.add(503);
    const shm::StatInfo info = segment->stat(segment->stat_count() - 1);
    CHECK(segment->counter(info.first_slot + 403) == 1);
}

TEST_CASE("colons of addresses and names become underscores") {
    CHECK(sanitize("[::]:443") == "[__]_443");
    CHECK(sanitize("blue") == "blue");
}

}  // namespace heirloom::stats
