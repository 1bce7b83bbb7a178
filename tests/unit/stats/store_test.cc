// SPDX-License-Identifier: Apache-2.0
#include "proxy/stats/store.h"

#include "proxy/stats/rules.h"
#include "proxy/stats/value_log.h"
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

TEST_CASE_FIXTURE(SegmentFixture, "what the rules reject has no name and no cell") {
    auto rules = std::make_shared<Rules>();
    rules->rejects = [](std::string_view name) { return name.starts_with("cluster.") && !name.ends_with("_503"); };
    registrar.use(rules);
    const size_t before = segment->stat_count();
    CHECK(registrar.counter("cluster.a.upstream_rq_total").slot() == 0);
    CHECK(registrar.gauge("cluster.a.upstream_cx_active").slot() == 0);
    registrar.histogram("cluster.a.upstream_rq_time").record(5);
    CHECK(segment->stat_count() == before);
    CHECK(registrar.counter("server.kept").slot() != 0);
    // One code is kept, so all have cells; who shows them asks again.
    CHECK(registrar.code_counter("cluster.a.upstream_rq_").first_slot() != 0);
    rules->rejects = [](std::string_view) { return true; };
    CHECK(registrar.code_counter("cluster.b.upstream_rq_").first_slot() == 0);
    CHECK(segment->stat_count() == before + 2);
}

TEST_CASE_FIXTURE(SegmentFixture, "bins end where the configured buckets do") {
    auto rules = std::make_shared<Rules>();
    rules->buckets = {{[](std::string_view name) { return name == "h"; }, {3, 77.5}}};
    registrar.use(rules);
    registrar.histogram("h");
    const std::span<const double> bounds = segment->stat(segment->stat_count() - 1).bounds;
    CHECK(bounds.size() == shm::Segment::default_bounds().size() + 2);
    CHECK(std::binary_search(bounds.begin(), bounds.end(), 77.5));
    CHECK(std::is_sorted(bounds.begin(), bounds.end()));
}

TEST_CASE_FIXTURE(SegmentFixture, "single values are kept for who asks, until there is no room") {
    const Histogram time = registrar.histogram("h");
    ValueLog log(4);
    time.record(1);
    set_thread_log(&log);
    for (uint64_t value = 2; value < 8; ++value) time.record(value);
    set_thread_log(nullptr);
    std::vector<uint32_t> values;
    log.take([&](const ValueLog::Entry& entry) { values.push_back(entry.value); });
    CHECK(values == std::vector<uint32_t>{2, 3, 4, 5});
    CHECK(log.dropped() == 2);
    log.add(9, uint64_t{1} << 40);
    log.take([&](const ValueLog::Entry& entry) { values.push_back(entry.value); });
    CHECK(values.back() == UINT32_MAX);
    CHECK(segment->histogram(segment->stat(segment->stat_count() - 1)).count == 7);
}

}  // namespace heirloom::stats
