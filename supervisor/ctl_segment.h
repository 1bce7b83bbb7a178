// SPDX-License-Identifier: Apache-2.0
// Finds the statistics segment for `heirloomctl stats`, also when nobody answers. In this order:
//   1. the supervisor gives it over the control socket;
//   2. it hangs: DIR/segment leads to its descriptor;
//   3. it is gone: the generations it left behind hold the segment (DIR/generations);
//   4. it ended: DIR/segment.last is the copy it left;
//   5. all were killed at once, under systemd: the service manager holds it in its fd store (root may look there).
// When none of these is left the numbers are gone.
#pragma once

#include <memory>
#include <string>

#include "shm/segment.h"

namespace heirloom::supervisor {

// `source` says for people where it came from.
struct FoundSegment {
    std::shared_ptr<shm::Segment> segment;
    std::string source;
};
Result<FoundSegment> find_segment(const std::string& run_dir);

// All stats whose name contains `filter`, by name: `name: value` lines as Envoy's admin prints them, or one JSON
// object.
std::string print_stats(const shm::Segment& segment, std::string_view filter, bool as_json);

}  // namespace heirloom::supervisor
