// SPDX-License-Identifier: Apache-2.0
#include "proxy/tls/ticket_keys.h"

#include <doctest/doctest.h>

#include <thread>
#include <vector>

using namespace heirloom;
using namespace heirloom::tls;

namespace {

std::string key_of(char c) { return std::string(TicketKeys::kKeyBytes, c); }

std::array<uint8_t, 16> name_of(char c) {
    std::array<uint8_t, 16> name{};
    name.fill(static_cast<uint8_t>(c));
    return name;
}

}  // namespace

TEST_CASE("the first key seals, all open, a removed one does not") {
    TicketKeys keys;
    CHECK_FALSE(keys.sealing_key());
    REQUIRE(keys.set(std::vector{key_of('a'), key_of('b')}).ok());
    CHECK(keys.sealing_key()->name == name_of('a'));
    CHECK(keys.find(name_of('a'))->current);
    CHECK_FALSE(keys.find(name_of('b'))->current);
    CHECK(keys.find(name_of('b'))->key.aes[31] == 'b');
    REQUIRE(keys.set(std::vector{key_of('c'), key_of('a')}).ok());
    CHECK_FALSE(keys.find(name_of('a'))->current);
    CHECK_FALSE(keys.find(name_of('b')));
    REQUIRE(keys.set({}).ok());
    CHECK_FALSE(keys.sealing_key());
    CHECK_FALSE(keys.find(name_of(0)));
}

TEST_CASE("a key of the wrong size or too many of them change nothing") {
    TicketKeys keys;
    REQUIRE(keys.set(std::vector{key_of('a')}).ok());
    CHECK(keys.set(std::vector{key_of('b'), std::string(48, 'x')}).error().text ==
          "session ticket keys: a key has 48 bytes, not 80");
    CHECK_FALSE(keys.set(std::vector<std::string>(17, key_of('b'))).ok());
    CHECK(keys.sealing_key()->name == name_of('a'));
}

TEST_CASE("readers never see half of a change") {
    TicketKeys keys;
    REQUIRE(keys.set(std::vector{key_of('a'), key_of('b')}).ok());
    std::atomic<bool> done{false};
    std::thread reader([&] {
        while (!done.load()) {
            const TicketKey key = keys.sealing_key().value();
            CHECK(key.name[0] == key.aes[31]);
            const auto found = keys.find(name_of('b'));
            REQUIRE(found);  // it is always there, in one place or the other
            CHECK(found->key.hmac[0] == 'b');
        }
    });
    for (int i = 0; i < 20'000; ++i) {
        REQUIRE(keys.set(std::vector{key_of('b'), key_of('a')}).ok());
        REQUIRE(keys.set(std::vector{key_of('a'), key_of('b')}).ok());
    }
    done = true;
    reader.join();
}
