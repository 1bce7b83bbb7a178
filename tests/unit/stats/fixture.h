// SPDX-License-Identifier: Apache-2.0
// A segment of its own for each test, with two threads' rows of one living generation.
#pragma once

#include <doctest/doctest.h>

#include "proxy/stats/store.h"

namespace heirloom::stats {

struct SegmentFixture {
    std::shared_ptr<shm::Segment> segment = make();
    uint32_t generation = *segment->claim_generation(0, 2);
    Registrar registrar = Registrar::for_owner(segment);

    SegmentFixture() { write_as(0); }
    ~SegmentFixture() { set_thread_row(nullptr); }
    void write_as(uint32_t row) { set_thread_row(segment->row(generation, row)); }

    static std::shared_ptr<shm::Segment> make() {
        Result<std::shared_ptr<shm::Segment>> created =
            shm::Segment::create({.generation_slots = 4, .rows = 4, .stat_slots = 1u << 14});
        REQUIRE(created.ok());
        return *created;
    }
};

}  // namespace heirloom::stats
