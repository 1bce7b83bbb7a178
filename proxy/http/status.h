// SPDX-License-Identifier: Apache-2.0
// Reason phrases of the status line, as Envoy writes them.
#pragma once

#include <cstdint>
#include <string_view>

namespace heirloom::http {

// "Unknown" for a code that is not in the registry.
std::string_view reason_phrase(uint16_t status);

}  // namespace heirloom::http
