// SPDX-License-Identifier: Apache-2.0
#include "proxy/network/xxhash64.h"

#include <doctest/doctest.h>

namespace heirloom::network {

TEST_CASE("the numbers that Envoy shows for these versions") {
    CHECK(xxhash64("") == 17241709254077376921u);
    CHECK(xxhash64("v17") == 2880288701811005767u);
    CHECK(xxhash64("v18") == 16242411572145350798u);
    CHECK(xxhash64("2026-11-27T14:31:55.123456Z/abcdefghijklmnopq") == 8156229669822768157u);
}

}  // namespace heirloom::network
