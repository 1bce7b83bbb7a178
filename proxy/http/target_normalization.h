// SPDX-License-Identifier: Apache-2.0
// What becomes of a request's path and host before anybody looks at them: `normalize_path`, `merge_slashes`,
// `path_with_escaped_slashes_action`, `strip_any_host_port` and its kin. The query is never touched. A target that is
// in order already is only looked at: nothing is copied.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/config/snapshot.h"
#include "proxy/http/headers.h"

namespace heirloom::http {

// A path without its query, in the canonical form of the library that Envoy uses (googleurl): dot segments are
// resolved, `\` is `/`, what need not be escaped is not, what must be is; `%2F` stays. False: it holds %00.
// `result` is replaced.
bool canonicalize_path(std::string_view path, std::string& result);
// As `path_with_escaped_slashes_action`: %2F and %5C, in either case, become what they stand for. False: there are
// none, and `result` is not touched.
bool unescape_slashes(std::string_view path, std::string& result);
// Of slashes in a row one is left. False: there are none.
bool merge_slashes(std::string_view path, std::string& result);

enum class PathVerdict : uint8_t { go_on, refuse, redirect };
// Changes `:path`. redirect: to what it is now. A request without a path goes on.
PathVerdict normalize_path(HeaderMap& headers, const config::TargetRules& rules);

// Changes `:authority`; the port of a CONNECT stays, it is whom it asks for. `listening`: the port that the client
// came to, for strip_matching_host_port.
void normalize_host(HeaderMap& headers, const config::TargetRules& rules, uint16_t listening);

}  // namespace heirloom::http
