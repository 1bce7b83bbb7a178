// SPDX-License-Identifier: Apache-2.0
// Replacing by expression, as regex_rewrite asks for. Appends to a string that keeps its memory: nothing is allocated
// once that has grown.
#pragma once

#include <string>
#include <string_view>

#include "proxy/config/matchers.h"

namespace heirloom::router {

// Appends `text` with every match replaced. As in Envoy an expression that matches the empty text matches between
// characters too, and not right behind another match.
void replace_all(std::string& out, std::string_view text, const config::RegexRewrite& rewrite);

}  // namespace heirloom::router
