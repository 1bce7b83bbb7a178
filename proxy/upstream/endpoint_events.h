// SPDX-License-Identifier: Apache-2.0
// What workers find out about an endpoint from its answers, and tell the main thread: seldom, by post.
#pragma once

#include <atomic>
#include <cstdint>

namespace heirloom::upstream {

enum class EndpointEvent : uint8_t {
    told_to_leave,  // x-envoy-immediate-health-check-fail
    consecutive_5xx,
    consecutive_gateway_failure,
    consecutive_local_origin_failure,
};

// What happened before a response, or instead of one.
enum class LocalOrigin : uint8_t { connected, failed, timeout };

// Failures in a row, of all workers together: a worker writes only when something fails, or to end a row of failures.
struct alignas(64) FailureStreaks {
    std::atomic<uint32_t> responses_5xx{0};
    std::atomic<uint32_t> gateway{0};
    std::atomic<uint32_t> local_origin{0};
};

}  // namespace heirloom::upstream
