// SPDX-License-Identifier: Apache-2.0
#include "shm/segment.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

using namespace heirloom;
using namespace heirloom::shm;

namespace {

constexpr SegmentOptions kSmall{4, 5, 4096};

std::shared_ptr<Segment> make_segment(const SegmentOptions& options = kSmall) {
    auto segment = Segment::create(options);
    REQUIRE_MESSAGE(segment.ok(), (segment.ok() ? "" : segment.error().text));
    return *segment;
}

std::shared_ptr<Segment> attach(const Segment& segment, bool writable) {
    auto attached = Segment::attach(UniqueFd(fcntl(segment.fd(), F_DUPFD_CLOEXEC, 0)), writable);
    REQUIRE_MESSAGE(attached.ok(), (attached.ok() ? "" : attached.error().text));
    return *attached;
}

uint32_t register_ok(Segment& segment, std::string_view name, StatKind kind, std::span<const double> bounds = {}) {
    auto slot = segment.register_stat(name, kind, bounds);
    REQUIRE_MESSAGE(slot.ok(), (slot.ok() ? "" : slot.error().text));
    return *slot;
}

void add(Cell* row, uint32_t slot, uint64_t n) { row[slot].store(row[slot].load() + n); }

}  // namespace

TEST_CASE("the owner registers, an observer reads the schema") {
    auto owner = make_segment();
    auto observer = attach(*owner, false);

    const uint32_t requests = register_ok(*owner, "http.in.rq_total", StatKind::counter);
    const uint32_t active = register_ok(*owner, "http.in.rq_active", StatKind::gauge);
    const uint32_t codes = register_ok(*owner, "cluster.x.upstream_rq_", StatKind::counter_by_code);
    const std::array bounds = {1.0, 10.0};
    const uint32_t time = register_ok(*owner, "http.in.rq_time", StatKind::histogram, bounds);

    CHECK(requests > 0);
    CHECK(register_ok(*owner, "http.in.rq_total", StatKind::counter) == requests);
    REQUIRE(observer->stat_count() == 4);
    CHECK(observer->stat(0).name == "http.in.rq_total");
    CHECK(observer->stat(1).first_slot == active);
    CHECK(observer->stat(2).slot_count == kCodeSlots);
    CHECK(observer->stat(2).first_slot == codes);
    CHECK(observer->stat(3).kind == StatKind::histogram);
    CHECK(observer->stat(3).first_slot == time);
    CHECK(observer->stat(3).slot_count == 5);
    CHECK(std::ranges::equal(observer->stat(3).bounds, bounds));
    CHECK(observer->stat(4).name.empty());
    CHECK(observer->created_ms() == owner->created_ms());
    CHECK(observer->layout_version() == 1);
}

TEST_CASE("what cannot be registered is refused with a reason") {
    auto owner = make_segment();
    register_ok(*owner, "a", StatKind::counter);
    CHECK(owner->register_stat("a", StatKind::gauge).error().text == "stat 'a': is registered as another kind");
    CHECK(!owner->register_stat("", StatKind::counter).ok());
    CHECK(!owner->register_stat("two\nlines", StatKind::counter).ok());
    CHECK(!owner->register_stat(std::string(1025, 'x'), StatKind::counter).ok());
    CHECK(!owner->register_stat("k", static_cast<StatKind>(9)).ok());
    const std::array falling = {2.0, 1.0};
    CHECK(!owner->register_stat("h", StatKind::histogram, falling).ok());
    const std::array zero = {0.0, 1.0};
    CHECK(!owner->register_stat("h", StatKind::histogram, zero).ok());

    // 4096 slots hold 8 times 500.
    int taken = 0;
    while (owner->register_stat("code" + std::to_string(taken), StatKind::counter_by_code).ok()) ++taken;
    CHECK(taken == 8);
    CHECK(owner->register_stat("more", StatKind::counter_by_code).error().text == "stat 'more': no slot is left");
    CHECK(owner->register_stat("small", StatKind::counter).ok());
}

TEST_CASE("the default bounds hold Envoy's and rise") {
    const auto bounds = Segment::default_bounds();
    CHECK(std::is_sorted(bounds.begin(), bounds.end()));
    for (const double edge : {0.5, 1.0, 5.0, 10.0, 25.0, 2500.0, 30000.0, 3600000.0}) {
        CHECK(std::find(bounds.begin(), bounds.end(), edge) != bounds.end());
    }
}

TEST_CASE("counters and gauges are summed over rows and generations") {
    auto owner = make_segment();
    const uint32_t counter = register_ok(*owner, "c", StatKind::counter);
    const uint32_t gauge = register_ok(*owner, "g", StatKind::gauge);
    const uint32_t first = *owner->claim_generation(0, 2);
    const uint32_t second = *owner->claim_generation(1, 4);
    auto generation = attach(*owner, true);

    add(generation->row(first, 0), counter, 1);
    add(generation->row(first, 2), counter, 20);
    add(generation->row(second, 4), counter, 300);
    // A connection opened by one thread and closed by another leaves a negative part in one row.
    add(generation->row(second, 1), gauge, 5);
    add(generation->row(second, 2), gauge, static_cast<uint64_t>(-2));
    add(generation->row(first, 1), gauge, 7);

    CHECK(owner->counter(counter) == 321);
    CHECK(owner->gauge(gauge) == 10);
    CHECK(owner->gauge_of(second, gauge) == 3);
    CHECK(owner->counter(4096) == 0);
    CHECK(owner->gauge_of(99, gauge) == 0);

    owner->fold_generation(first);
    CHECK(owner->counter(counter) == 321);
    CHECK(owner->gauge(gauge) == 3);
    owner->fold_generation(first);
    owner->fold_generation(77);
    CHECK(owner->counter(counter) == 321);
    owner->fold_generation(second);
    CHECK(attach(*owner, false)->counter(counter) == 321);
    CHECK(owner->gauge(gauge) == 0);

    // The slot's next life starts at zero and the numbers go on.
    const uint32_t third = *owner->claim_generation(2, 4);
    CHECK(third == first);
    add(owner->row(third, 1), counter, 4);
    CHECK(owner->counter(counter) == 325);
}

TEST_CASE("names that come after a fold start at zero") {
    auto owner = make_segment();
    const uint32_t early = register_ok(*owner, "early", StatKind::counter);
    for (uint32_t epoch = 0; epoch < 5; ++epoch) {
        const uint32_t slot = *owner->claim_generation(epoch, 1);
        add(owner->row(slot, 1), early, 10);
        owner->fold_generation(slot);
        CHECK(owner->counter(early) == 10 * (epoch + 1));
        const uint32_t late = register_ok(*owner, "late" + std::to_string(epoch), StatKind::counter);
        CHECK(owner->counter(late) == 0);
    }
}

TEST_CASE("a histogram survives its generation") {
    auto owner = make_segment();
    const std::array bounds = {1.0, 10.0};
    const uint32_t first = register_ok(*owner, "h", StatKind::histogram, bounds);
    const uint32_t slot = *owner->claim_generation(0, 1);
    Cell* row = owner->row(slot, 1);
    add(row, first, 1);       // <= 1
    add(row, first + 2, 2);   // > 10
    add(row, first + 3, 61);  // sum
    add(row, first + 4, 3);   // count
    for (int i = 0; i < 2; ++i) {
        const HistogramSnapshot snapshot = owner->histogram(owner->stat(0));
        CHECK(snapshot.bins == std::vector<uint64_t>{1, 0, 2});
        CHECK(snapshot.sum == 61);
        CHECK(snapshot.count == 3);
        owner->fold_generation(slot);
    }
}

TEST_CASE("reset starts counters at zero, also of running generations") {
    auto owner = make_segment();
    const uint32_t counter = register_ok(*owner, "c", StatKind::counter);
    const uint32_t codes = register_ok(*owner, "rq_", StatKind::counter_by_code);
    const uint32_t gauge = register_ok(*owner, "g", StatKind::gauge);
    const uint32_t dead = *owner->claim_generation(0, 1);
    const uint32_t living = *owner->claim_generation(1, 1);
    add(owner->row(dead, 1), counter, 5);
    add(owner->row(living, 1), counter, 6);
    add(owner->row(living, 1), codes + 100, 6);
    add(owner->row(living, 1), gauge, 2);
    owner->fold_generation(dead);
    owner->reset_counters();
    CHECK(owner->counter(counter) == 0);
    CHECK(owner->counter(codes + 100) == 0);
    CHECK(owner->gauge(gauge) == 2);
    add(owner->row(living, 1), counter, 3);
    CHECK(owner->counter(counter) == 3);
    owner->fold_generation(living);
    CHECK(owner->counter(counter) == 3);
}

TEST_CASE("the owner counts too, and its numbers go through folds") {
    auto owner = make_segment();
    const uint32_t reloads = register_ok(*owner, "supervisor.reloads_total", StatKind::counter);
    owner->owner_add(reloads, 2);
    owner->fold_generation(*owner->claim_generation(0, 1));
    owner->owner_add(reloads, 1);
    owner->owner_add(reloads + 1, 1);
    owner->owner_add(0xffffffff, 1);
    CHECK(owner->counter(reloads) == 3);
    CHECK(owner->counter(reloads + 1) == 0);
}

TEST_CASE("the generation table tells what lives") {
    auto owner = make_segment();
    auto observer = attach(*owner, false);
    const uint32_t first = *owner->claim_generation(7, 2);
    const uint32_t second = *owner->claim_generation(6, 4);
    owner->set_generation(first, GenerationState::live, 1234, "abc/0.1.0/Clean/RELEASE/OpenSSL");
    owner->set_active_connections(first, 42);
    owner->set_generation(first, GenerationState::draining);

    const auto table = observer->generations();
    REQUIRE(table.size() == 2);
    CHECK(table[0].epoch == 6);
    CHECK(table[0].state == GenerationState::spawned);
    CHECK(table[0].concurrency == 4);
    CHECK(table[1].slot == first);
    CHECK(table[1].pid == 1234);
    CHECK(table[1].version == "abc/0.1.0/Clean/RELEASE/OpenSSL");
    CHECK(table[1].active_connections == 42);
    CHECK(name_of(table[1].state) == "draining");
    CHECK(table[1].start_time_ms >= observer->created_ms());

    owner->fold_generation(second);
    CHECK(observer->generations().size() == 1);
    // Neither a free slot nor one that does not exist can be given a state.
    owner->set_generation(second, GenerationState::live);
    owner->set_generation(99, GenerationState::live);
    CHECK(observer->generations().size() == 1);
}

TEST_CASE("a claim without room is refused") {
    auto owner = make_segment();
    CHECK(owner->claim_generation(0, 5).error().text == "segment: 5 workers, it has rows for 4");
    for (uint32_t epoch = 0; epoch < 4; ++epoch) CHECK(owner->claim_generation(epoch, 1).ok());
    const auto fifth = owner->claim_generation(4, 1);
    REQUIRE(!fifth.ok());
    CHECK(fifth.error().retriable);
    owner->fold_generation(2);
    CHECK(*owner->claim_generation(5, 1) == 2);
}

TEST_CASE("shards are published, changed and forgotten") {
    auto owner = make_segment();
    auto observer = attach(*owner, false);
    CHECK(observer->shards().empty());
    owner->publish_shards("tcp:[::]:80", std::array{0u, 0u, 1u});
    owner->publish_shards("tcp:127.0.0.1:81", std::array{0u});
    owner->publish_shards("tcp:[::]:80", std::array{1u, 1u, 1u, 1u});
    auto shards = observer->shards();
    REQUIRE(shards.size() == 2);
    CHECK(shards[1].socket_name == "tcp:[::]:80");
    CHECK(shards[1].epoch_of_shard == std::vector<uint32_t>{1, 1, 1, 1});
    owner->forget_shards("tcp:[::]:80");
    owner->forget_shards("tcp:[::]:80");
    shards = observer->shards();
    REQUIRE(shards.size() == 1);
    CHECK(shards[0].socket_name == "tcp:127.0.0.1:81");

    // A thousand shards more than fit, sockets more than fit: cut, never beyond the map.
    owner->publish_shards("long", std::vector<uint32_t>(5000, 3));
    for (int i = 0; i < 1100; ++i) owner->publish_shards("s" + std::to_string(i), std::array{1u});
    shards = observer->shards();
    CHECK(shards.size() == 1024);
    CHECK(shards[0].socket_name == "long");
    CHECK(shards[0].epoch_of_shard.size() == 1024);
}

TEST_CASE("the default segment is sparse and goes through create, claim and fold") {
    auto owner = make_segment(SegmentOptions{});
    const uint32_t slot = *owner->claim_generation(0, 64);
    const uint32_t counter = register_ok(*owner, "c", StatKind::counter);
    add(owner->row(slot, 64), counter, 9);
    owner->fold_generation(slot);
    CHECK(owner->counter(counter) == 9);
    struct stat file {};
    REQUIRE(fstat(owner->fd(), &file) == 0);
    CHECK(file.st_size > (int64_t{1} << 30));
    CHECK(file.st_blocks * 512 < (1 << 20));
}

TEST_CASE("neither a survey nor a fold nor a reset makes memory of what nobody counted") {
    auto owner = make_segment(SegmentOptions{});
    std::vector<uint32_t> codes;
    for (int i = 0; i < 2000; ++i) {
        codes.push_back(register_ok(*owner, "c" + std::to_string(i) + ".rq_", StatKind::counter_by_code));
    }
    const uint32_t gauge = register_ok(*owner, "g", StatKind::gauge);
    const uint32_t histogram = register_ok(*owner, "h", StatKind::histogram);
    auto observer = attach(*owner, false);
    const auto blocks = [&] {
        struct stat file {};
        REQUIRE(fstat(owner->fd(), &file) == 0);
        return file.st_blocks;
    };
    const auto sum_of_all = [&](const Segment& segment) {
        uint64_t sum = 0;
        for (const uint32_t first : codes) {
            for (uint32_t i = 0; i < kCodeSlots; ++i) sum += segment.counter(first + i);
        }
        return sum;
    };
    for (uint32_t epoch = 0; epoch < 3; ++epoch) {
        const uint32_t slot = *owner->claim_generation(epoch, 2);
        for (uint32_t row = 0; row < 3; ++row) add(owner->row(slot, row), codes[700 * row] + 100, 1);
        add(owner->row(slot, 1), gauge, 4);
        add(owner->row(slot, 1), histogram, 1);
        const auto before = blocks();
        {
            const Segment::Survey survey(*observer);
            CHECK(sum_of_all(*observer) == 3 * (epoch + 1));
            CHECK(observer->gauge(gauge) == 4);
            CHECK(observer->gauge_of(slot, gauge) == 4);
            CHECK(observer->histogram(observer->stat(observer->stat_count() - 1)).bins[0] == epoch + 1);
            CHECK(blocks() == before);
            // What changes while it lives is seen all the same.
            owner->fold_generation(slot);
            CHECK(observer->counter(codes[1400] + 100) == epoch + 1);
            CHECK(observer->gauge(gauge) == 0);
        }
        CHECK(blocks() <= before + 8 * 8);  // pages of a bank for those of rows
    }
    const auto before = blocks();
    owner->reset_counters();
    CHECK(blocks() <= before + 5 * 8);  // the other bank's pages of what had been counted
    const Segment::Survey survey(*observer);
    CHECK(sum_of_all(*observer) == 0);
}
