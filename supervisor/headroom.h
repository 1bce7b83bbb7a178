// SPDX-License-Identifier: Apache-2.0
// Is there room for one more generation? A reload without is refused with the figure, before anything changed.
#pragma once

#include <string>

#include "shm/result.h"

namespace heirloom::supervisor {

// Descriptors of this process, and processes of its cgroup.
Status check_headroom();
// "40 of 40 processes" and the like, for a fork that failed with EAGAIN; empty when no limit is known.
std::string process_limit_text();
// Raises the soft limit of descriptors to the hard one (generations inherit it). Returns the limit.
uint64_t raise_descriptor_limit();

}  // namespace heirloom::supervisor
