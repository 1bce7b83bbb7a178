// SPDX-License-Identifier: Apache-2.0
// The run directory: where heirloomd and heirloomctl meet. Header only, so that the client needs nothing else of ours.
//
//   control.sock   the control socket              lock           held by the heirloomd that owns this directory
//   generations    pids of living generations      segment        link to the living supervisor's segment
//   segment.last   copy of the segment, left by a supervisor that ended
#pragma once

#include <cstdlib>
#include <string>

namespace heirloom::supervisor {

inline constexpr const char* kControlSocket = "/control.sock";
inline constexpr const char* kLockFile = "/lock";
inline constexpr const char* kGenerationsFile = "/generations";
inline constexpr const char* kSegmentLink = "/segment";
inline constexpr const char* kSegmentCopy = "/segment.last";

// $RUNTIME_DIRECTORY (its first entry: systemd separates several by a colon), else /run/heirloom.
inline std::string default_run_dir() {
    const char* const given = std::getenv("RUNTIME_DIRECTORY");
    if (given == nullptr || *given == '\0') return "/run/heirloom";
    const std::string directories = given;
    return directories.substr(0, directories.find(':'));
}

}  // namespace heirloom::supervisor
