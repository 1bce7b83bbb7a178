// SPDX-License-Identifier: Apache-2.0
// A FieldMask on JSON: only the named fields of an object stay.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace heirloom::admin {

// "a.b,c" -> its paths.
std::vector<std::string> mask_paths(std::string_view mask);
// The paths below `field`, without it; "" among them: the field as a whole.
std::vector<std::string> paths_below(std::span<const std::string> paths, std::string_view field);
// `object` with the named fields only; no paths, or an empty one: all of it. REQUIRES: a valid JSON object.
std::string masked(std::string_view object, std::span<const std::string> paths);

}  // namespace heirloom::admin
