// SPDX-License-Identifier: Apache-2.0
// XXH64 with seed 0, the hash by which Envoy shows a version text as a number. Pure function, any thread.
#pragma once

#include <cstdint>
#include <string_view>

namespace heirloom::server {

uint64_t xxhash64(std::string_view text);

}  // namespace heirloom::server
