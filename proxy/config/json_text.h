// SPDX-License-Identifier: Apache-2.0
// Text and numbers as JSON, in the forms that Envoy's access log gives them.
#pragma once

#include <string>
#include <string_view>

namespace heirloom::config {

// Escapes what stands in `text` from `from` on, so that it can be (a part of) a JSON string. UTF-8 stays as it is;
// where any byte of it is not UTF-8, each byte beyond ASCII becomes \u00xx. `scratch` is memory that the caller keeps:
// nothing is allocated once it has grown.
void escape_json(std::string& text, size_t from, std::string& scratch);
void append_json_string(std::string& out, std::string_view text);  // with its quotes
void append_json_number(std::string& out, double value);           // the shortest form; not finite: null

}  // namespace heirloom::config
