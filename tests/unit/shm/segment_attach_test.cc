// SPDX-License-Identifier: Apache-2.0
// What attach() and adopt() make of files that are not, or no longer, a sound segment.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <functional>

#include "shm/layout.h"
#include "shm/segment.h"

using namespace heirloom;
using namespace heirloom::shm;

namespace {

constexpr SegmentOptions kSmall{4, 5, 1024};
constexpr auto kGeometry = layout::geometry(4, 5, 1024);

UniqueFd duplicate(int fd) { return UniqueFd(fcntl(fd, F_DUPFD_CLOEXEC, 0)); }

// A sealed memfd with the first bytes of `segment`, changed by `change`.
UniqueFd forge(const Segment& segment, uint64_t size, int seals, const std::function<void(layout::Header&)>& change) {
    UniqueFd fd(memfd_create("forged", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    alignas(layout::Header) char bytes[sizeof(layout::Header)];
    REQUIRE(pread(segment.fd(), bytes, sizeof bytes, 0) == static_cast<ssize_t>(sizeof bytes));
    change(reinterpret_cast<layout::Header&>(bytes));
    REQUIRE(pwrite(fd.get(), bytes, sizeof bytes, 0) == static_cast<ssize_t>(sizeof bytes));
    REQUIRE(ftruncate(fd.get(), static_cast<off_t>(size)) == 0);
    REQUIRE(fcntl(fd.get(), F_ADD_SEALS, seals) == 0);
    return fd;
}

constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

std::string attach_error(UniqueFd fd) {
    const auto attached = Segment::attach(std::move(fd), false);
    return attached.ok() ? "attached" : attached.error().text;
}

// Writes one value into the file behind everyone's back, as a damaged owner would.
template <class T>
void poke(const Segment& segment, uint64_t offset, T value) {
    REQUIRE(pwrite(segment.fd(), &value, sizeof value, static_cast<off_t>(offset)) == sizeof value);
}

void add(Cell* row, uint32_t slot, uint64_t n) { row[slot].store(row[slot].load() + n); }

}  // namespace

TEST_CASE("only a sound segment is attached, and the error names the fault") {
    auto owner = *Segment::create(kSmall);
    const auto nothing = [](layout::Header&) {};
    CHECK(attach_error(forge(*owner, kGeometry.total, kSeals, nothing)) == "attached");
    CHECK(attach_error(forge(*owner, kGeometry.total, F_SEAL_GROW, nothing)) == "segment: its size is not sealed");
    CHECK(attach_error(forge(*owner, 8192, kSeals, nothing)).starts_with("segment: 8192 bytes long, its header says "));
    CHECK(attach_error(forge(*owner, 100, kSeals, nothing)) == "segment: not a segment, 100 bytes long");
    CHECK(attach_error(forge(*owner, kGeometry.total, kSeals, [](auto& h) { h.magic = 1; })) ==
          "segment: not a segment, wrong magic");
    CHECK(attach_error(forge(*owner, kGeometry.total, kSeals, [](auto& h) { h.layout_version = 2; })) ==
          "segment: layout version 2, this program reads 1");
    CHECK(attach_error(forge(*owner, kGeometry.total, kSeals, [](auto& h) {
              h.rows = 0;
          })).starts_with("segment: shape out of range"));
    CHECK(attach_error(forge(*owner, kGeometry.total, kSeals, [](auto& h) {
              h.stat_slots = 0xffffffff;
          })).starts_with("segment: shape out of range"));
    CHECK(attach_error(forge(*owner, kGeometry.total, kSeals, [](auto& h) {
              h.blocks_offset += 8;
          })).starts_with("segment: header is damaged"));
    CHECK(attach_error(UniqueFd(open("/dev/null", O_RDONLY | O_CLOEXEC))).starts_with("segment: not a segment"));
    CHECK(attach_error(UniqueFd()).starts_with("segment: fstat: "));
    CHECK(!Segment::create({0, 1, 1024}).ok());
    CHECK(!Segment::create({1, 1, 1}).ok());
}

TEST_CASE("the size is sealed, a read-only holder cannot write") {
    auto owner = *Segment::create(kSmall);
    CHECK(ftruncate(owner->fd(), 4096) < 0);
    CHECK((fcntl(owner->fd(), F_GETFD) & FD_CLOEXEC) != 0);
    const std::string path = "/proc/self/fd/" + std::to_string(owner->fd());
    const auto refused = Segment::attach(UniqueFd(open(path.c_str(), O_RDONLY | O_CLOEXEC)), true);
    REQUIRE(!refused.ok());
    CHECK(refused.error().text.starts_with("segment: cannot be written: "));

    auto observer = *Segment::attach(UniqueFd(open(path.c_str(), O_RDONLY | O_CLOEXEC)), false);
    CHECK(!observer->adopt().ok());
    CHECK(!observer->register_stat("c", StatKind::counter).ok());
    CHECK(!observer->claim_generation(0, 1).ok());
    observer->fold_generation(0);
    observer->reset_counters();
    observer->publish_shards("s", std::array{1u});
    observer->forget_shards("s");
    observer->set_generation(0, GenerationState::live);
    observer->set_active_connections(0, 1);
}

TEST_CASE("a damaged schema is read without harm and not adopted") {
    auto owner = *Segment::create(kSmall);
    REQUIRE(owner->register_stat("a", StatKind::counter).ok());
    REQUIRE(owner->register_stat("h", StatKind::histogram).ok());
    struct Damage {
        uint64_t field;
        uint32_t value;
    };
    using Entry = layout::SchemaEntry;
    for (const auto& [field, value] :
         {Damage{offsetof(Entry, kind), 77}, Damage{offsetof(Entry, name_offset), 0xffffff00},
          Damage{offsetof(Entry, name_bytes), 1u << 30}, Damage{offsetof(Entry, first_slot), 1020},
          Damage{offsetof(Entry, slot_count), 0x7fffffff}, Damage{offsetof(Entry, bounds_index), 0xfffffff0},
          Damage{offsetof(Entry, bounds_count), 0xffffffff}}) {
        const uint64_t at = kGeometry.schema + sizeof(Entry) + field;
        uint32_t before = 0;
        REQUIRE(pread(owner->fd(), &before, sizeof before, static_cast<off_t>(at)) == sizeof before);
        poke(*owner, at, value);
        auto attached = *Segment::attach(duplicate(owner->fd()), true);
        CHECK(attached->stat(0).name == "a");
        CHECK(attached->stat(1).name.empty());
        CHECK(attached->histogram(attached->stat(1)).bins.empty());
        const Status adopted = attached->adopt();
        REQUIRE(!adopted.ok());
        CHECK(adopted.error().text == "segment: damaged, entry 1 of the schema makes no sense");
        poke(*owner, at, before);
    }
    poke(*owner, offsetof(layout::Header, stat_count), 0xffffffffu);
    auto attached = *Segment::attach(duplicate(owner->fd()), true);
    CHECK(attached->stat_count() == 1024);
    CHECK(attached->stat(1023).name.empty());
    CHECK(!attached->adopt().ok());
    // The owner goes by its own truth.
    CHECK(owner->register_stat("b", StatKind::counter).ok());
    CHECK(owner->stat_count() == 3);
}

TEST_CASE("a new owner goes on where the dead one stopped") {
    auto first = *Segment::create(kSmall);
    const uint32_t counter = *first->register_stat("c", StatKind::counter);
    const uint32_t time = *first->register_stat("h", StatKind::histogram);
    const uint32_t dead = *first->claim_generation(0, 1);
    const uint32_t living = *first->claim_generation(1, 2);
    first->set_generation(living, GenerationState::live, 77, "v");
    add(first->row(dead, 0), counter, 1);
    add(first->row(living, 2), counter, 2);
    first->fold_generation(dead);
    first->publish_shards("tcp:[::]:80", std::array{1u, 1u});

    auto second = *Segment::attach(duplicate(first->fd()), true);
    first.reset();
    REQUIRE(second->adopt().ok());
    CHECK(second->adopt().ok());
    CHECK(*second->register_stat("c", StatKind::counter) == counter);
    CHECK(*second->register_stat("h", StatKind::histogram) == time);
    const uint32_t fresh = *second->register_stat("new", StatKind::histogram);
    CHECK(fresh == time + second->stat(1).slot_count);
    CHECK(second->stat(2).bounds.data() == second->stat(1).bounds.data());
    CHECK(second->counter(counter) == 3);
    CHECK(*second->claim_generation(2, 1) == dead);
    second->forget_shards("tcp:[::]:80");
    CHECK(second->shards().empty());
    second->fold_generation(living);
    CHECK(second->counter(counter) == 3);
    CHECK(second->generations().size() == 1);
}

TEST_CASE("a fold or claim that was interrupted is finished by the next owner") {
    auto first = *Segment::create(kSmall);
    const uint32_t counter = *first->register_stat("c", StatKind::counter);
    const uint32_t slot = *first->claim_generation(0, 1);
    add(first->row(slot, 1), counter, 5);
    const uint64_t entry = kGeometry.generations + slot * sizeof(layout::GenerationEntry);
    const uint64_t other_bank = kGeometry.tombstones + kGeometry.row_bytes;

    SUBCASE("before the bank was complete: nothing has happened") {
        poke(*first, other_bank + counter * 8, uint64_t{5});
        auto second = *Segment::attach(duplicate(first->fd()), true);
        CHECK(second->counter(counter) == 5);
        second->fold_generation(slot);
        CHECK(second->counter(counter) == 5);
    }
    SUBCASE("after the flip, before the table: it has happened") {
        poke(*first, other_bank + counter * 8, uint64_t{5});
        poke(*first, offsetof(layout::Header, fold_word), uint64_t{7} << 33 | uint64_t{1} << 32);
        auto second = *Segment::attach(duplicate(first->fd()), true);
        CHECK(second->counter(counter) == 5);
        CHECK(second->generations().size() == 1);
        REQUIRE(second->adopt().ok());
        CHECK(second->generations().empty());
        CHECK(second->counter(counter) == 5);
        CHECK(*second->claim_generation(1, 1) == slot);
        CHECK(second->counter(counter) == 5);
    }
    SUBCASE("in the middle of a table entry: readers do not hang, the next owner repairs it") {
        poke(*first, entry, uint32_t{13});
        auto second = *Segment::attach(duplicate(first->fd()), true);
        CHECK(second->generations().size() == 1);
        REQUIRE(second->adopt().ok());
        second->set_generation(slot, GenerationState::live);
        CHECK(second->generations()[0].state == GenerationState::live);
        CHECK(second->counter(counter) == 5);
    }
    SUBCASE("a slot that counts without an entry keeps its numbers") {
        poke(*first, entry + offsetof(layout::GenerationEntry, state), uint32_t{0});
        auto second = *Segment::attach(duplicate(first->fd()), true);
        REQUIRE(second->adopt().ok());
        CHECK(second->counter(counter) == 5);
        CHECK(*second->claim_generation(1, 1) == slot);
        CHECK(second->counter(counter) == 5);
    }
}

TEST_CASE("a generation that is killed leaves its numbers to the owner") {
    auto owner = *Segment::create(kSmall);
    const uint32_t counter = *owner->register_stat("c", StatKind::counter);
    const uint32_t slot = *owner->claim_generation(0, 1);
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        auto attached = Segment::attach(duplicate(owner->fd()), true);
        Cell* row = attached.ok() ? attached.value()->row(slot, 1) : nullptr;
        for (uint64_t n = 1; row != nullptr; ++n) row[counter].store(n, std::memory_order_relaxed);
        _exit(1);
    }
    while (owner->counter(counter) < 1000) sched_yield();
    REQUIRE(kill(child, SIGKILL) == 0);
    REQUIRE(waitpid(child, nullptr, 0) == child);
    const uint64_t at_death = owner->counter(counter);
    owner->fold_generation(slot);
    CHECK(owner->counter(counter) == at_death);
}

TEST_CASE("a generation cannot write names or tombstones by a stray pointer") {
    auto owner = *Segment::create(kSmall);
    const uint32_t slot = *owner->claim_generation(0, 1);
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        for (const int signal : {SIGSEGV, SIGBUS}) ::signal(signal, SIG_DFL);
        auto attached = Segment::attach(duplicate(owner->fd()), true);
        if (!attached.ok()) _exit(1);
        // One row back from the first block: the tombstones.
        attached.value()->row(slot, 0)[-2048] = 1;
        _exit(0);
    }
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status));
}
