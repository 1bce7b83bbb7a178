// SPDX-License-Identifier: Apache-2.0
#include "supervisor/restart_backoff.h"

#include <algorithm>

namespace heirloom::supervisor {

std::chrono::milliseconds RestartBackoff::on_crash(TimePoint now) {
    if (live_since_ && now - *live_since_ >= kHealthy) crashes_in_a_row_ = 0;
    live_since_.reset();
    const uint32_t before = crashes_in_a_row_++;
    if (before == 0) return std::chrono::milliseconds(0);
    return std::min(kMost, kFirst * (1u << std::min(before - 1, 16u)));
}

}  // namespace heirloom::supervisor
