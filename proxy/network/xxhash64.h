// SPDX-License-Identifier: Apache-2.0
// XXH64, Envoy's hash: of version texts that it shows as numbers, and of what requests are balanced by. Pure function,
// any thread.
#pragma once

#include <cstdint>
#include <string_view>

namespace heirloom::network {

uint64_t xxhash64(std::string_view text, uint64_t seed = 0);

}  // namespace heirloom::network
