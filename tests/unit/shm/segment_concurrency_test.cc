// SPDX-License-Identifier: Apache-2.0
// Writers, the owner and readers at once: no counter ever falls, none is counted twice, none is lost.
#include <doctest/doctest.h>
#include <fcntl.h>

#include <thread>

#include "shm/segment.h"

using namespace heirloom;
using namespace heirloom::shm;

namespace {

void increment(Cell& cell) { cell.store(cell.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed); }

}  // namespace

TEST_CASE("counters stay exact while generations come, write, die and are read") {
    constexpr uint32_t kWriters = 2;
    constexpr uint64_t kPerWriter = 2000;
    constexpr uint32_t kGenerations = 60;
    auto owner = *Segment::create({4, kWriters + 1, 1024});
    const uint32_t counter = *owner->register_stat("c", StatKind::counter);
    const uint32_t gauge = *owner->register_stat("g", StatKind::gauge);
    const uint32_t time = *owner->register_stat("h", StatKind::histogram, std::array{1.0});
    const StatInfo histogram = owner->stat(2);
    const uint32_t standing = *owner->claim_generation(1000, 1);
    owner->row(standing, 1)[gauge].store(1);

    std::atomic<bool> stop = false;
    std::atomic<uint64_t> falls = 0;
    std::atomic<uint64_t> beyond = 0;
    std::atomic<uint64_t> reads = 0;
    const auto read = [&] {
        auto observer = *Segment::attach(UniqueFd(fcntl(owner->fd(), F_DUPFD_CLOEXEC, 0)), false);
        uint64_t last = 0;
        uint64_t last_count = 0;
        while (!stop) {
            const uint64_t now = observer->counter(counter);
            const uint64_t count = observer->histogram(histogram).count;
            if (now < last || count < last_count) ++falls;
            // Of a generation being folded the gauge counts or does not; nothing in between.
            if (observer->gauge(gauge) > 1 + kWriters) ++beyond;
            observer->generations();
            observer->shards();
            last = now;
            last_count = count;
            ++reads;
        }
        if (last > kGenerations * kWriters * kPerWriter) ++beyond;
    };
    std::vector<std::thread> readers;
    for (int i = 0; i < 2; ++i) readers.emplace_back(read);

    for (uint32_t epoch = 0; epoch < kGenerations; ++epoch) {
        const uint32_t slot = *owner->claim_generation(epoch, kWriters);
        std::vector<std::thread> writers;
        for (uint32_t writer = 1; writer <= kWriters; ++writer) {
            writers.emplace_back([&, writer] {
                Cell* row = owner->row(slot, writer);
                row[gauge].store(1, std::memory_order_relaxed);
                for (uint64_t n = 0; n < kPerWriter; ++n) {
                    increment(row[counter]);
                    increment(row[time]);
                    increment(row[time + 3]);
                }
            });
        }
        owner->set_generation(slot, GenerationState::live, 1, "version");
        owner->publish_shards("tcp:[::]:80", std::vector<uint32_t>(16, epoch));
        for (auto& writer : writers) writer.join();
        owner->fold_generation(slot);
    }
    while (reads == 0) std::this_thread::yield();
    stop = true;
    for (auto& reader : readers) reader.join();

    CHECK(falls == 0);
    CHECK(beyond == 0);
    CHECK(owner->counter(counter) == kGenerations * kWriters * kPerWriter);
    CHECK(owner->histogram(histogram).count == kGenerations * kWriters * kPerWriter);
    CHECK(owner->gauge(gauge) == 1);
}

TEST_CASE("a reset under load loses nothing that came after it") {
    auto owner = *Segment::create({2, 2, 1024});
    const uint32_t counter = *owner->register_stat("c", StatKind::counter);
    const uint32_t slot = *owner->claim_generation(0, 1);
    constexpr uint64_t kTotal = 200'000;
    std::thread writer([&] {
        for (uint64_t n = 0; n < kTotal; ++n) increment(owner->row(slot, 1)[counter]);
    });
    for (int i = 0; i < 50; ++i) {
        owner->reset_counters();
        CHECK(owner->counter(counter) <= kTotal);
    }
    writer.join();
    owner->reset_counters();
    CHECK(owner->counter(counter) == 0);
    increment(owner->row(slot, 1)[counter]);
    CHECK(owner->counter(counter) == 1);
}
