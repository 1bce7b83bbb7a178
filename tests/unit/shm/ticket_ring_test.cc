// SPDX-License-Identifier: Apache-2.0
#include "shm/ticket_ring.h"

#include <doctest/doctest.h>

#include "shm/channel.h"

using namespace heirloom;
using namespace heirloom::shm;

TEST_CASE("each rotation puts a new key in front and keeps the two before it") {
    TicketRing ring;
    CHECK(ring.keys().empty());
    std::vector<TicketRing::Key> made;
    for (size_t n = 1; n <= 5; ++n) {
        REQUIRE(ring.rotate().ok());
        REQUIRE(ring.keys().size() == std::min<size_t>(n, 3));
        for (const TicketRing::Key& before : made) CHECK(ring.keys()[0] != before);
        made.insert(made.begin(), ring.keys()[0]);
        for (size_t at = 0; at < ring.keys().size(); ++at) CHECK(ring.keys()[at] == made[at]);
    }
    ring.clear();
    CHECK(ring.keys().empty());
}

TEST_CASE("the ring crosses a channel downward, not upward") {
    TicketRing ring;
    REQUIRE(ring.rotate().ok());
    REQUIRE(ring.rotate().ok());
    auto pair = Channel::make_pair();
    REQUIRE(pair.ok());
    Channel supervisor(std::move(pair->first), Direction::to_supervisor);
    Channel generation(std::move(pair->second), Direction::to_generation);
    REQUIRE(supervisor.send(ring.to_message()).ok());
    auto received = generation.receive();
    REQUIRE(received.ok());
    REQUIRE(received->message.ticket_keys().keys_size() == 2);
    for (int at = 0; at < 2; ++at) {
        const std::string& key = received->message.ticket_keys().keys(at);
        CHECK(std::equal(key.begin(), key.end(), ring.keys()[static_cast<size_t>(at)].begin(),
                         [](char a, uint8_t b) { return static_cast<uint8_t>(a) == b; }));
    }
    wipe(received->message);
    CHECK(received->message.ticket_keys().keys(0) == std::string(TicketRing::kKeyBytes, '\0'));
    REQUIRE(generation.send(ring.to_message()).ok());
    const auto upward = supervisor.receive();
    REQUIRE_FALSE(upward.ok());
    CHECK(upward.error().code == EPROTO);
}
