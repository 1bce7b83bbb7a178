// SPDX-License-Identifier: Apache-2.0
// When a request is tried again, as `retry_policy` and the x-envoy-retry-* fields say it. Immutable once read.
// Source: Envoy, router filter documentation, "x-envoy-retry-on" and "x-envoy-retry-grpc-on".
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/config/matchers.h"

namespace heirloom::config {

// Conditions, as bits of a set.
enum RetryOn : uint32_t {
    kRetryOn5xx = 1u << 0,
    kRetryOnGatewayError = 1u << 1,
    kRetryOnReset = 1u << 2,
    kRetryOnResetBeforeRequest = 1u << 3,
    kRetryOnConnectFailure = 1u << 4,
    kRetryOnEnvoyRatelimited = 1u << 5,
    kRetryOnRetriable4xx = 1u << 6,
    kRetryOnRefusedStream = 1u << 7,
    kRetryOnRetriableStatusCodes = 1u << 8,
    kRetryOnGrpcCancelled = 1u << 9,
    kRetryOnGrpcDeadlineExceeded = 1u << 10,
    kRetryOnGrpcInternal = 1u << 11,
    kRetryOnGrpcResourceExhausted = 1u << 12,
    kRetryOnGrpcUnavailable = 1u << 13,
    kRetryOnRetriableHeaders = 1u << 14,
};

// `text`: conditions separated by commas, blanks around them ignored. A word that is none goes to `unknown`, when given
// (a view into `text`; the last one).
uint32_t parse_retry_on(std::string_view text, std::string_view* unknown = nullptr);

struct RetryPolicyConfig {
    uint32_t conditions = 0;
    uint32_t num_retries = 1;
    std::chrono::milliseconds per_try_timeout{0};  // 0: the route's only
    std::vector<uint32_t> status_codes;            // for kRetryOnRetriableStatusCodes
    // The wait before retry N is random, up to (2^N - 1) x base, at most max. Where none is configured the runtime has
    // a say: upstream.base_retry_backoff_ms.
    bool back_off_configured = false;
    std::chrono::milliseconds base_interval{25};
    std::chrono::milliseconds max_interval{250};
    std::chrono::milliseconds per_try_idle_timeout{0};   // no byte of an answer, once the request is whole; 0: none
    std::vector<HeaderMatch> retriable_headers;          // of a response, for kRetryOnRetriableHeaders
    std::vector<HeaderMatch> retriable_request_headers;  // a request that fits none is not tried again; empty: any may
    // Another endpoint than those that were tried; after so many choices more than one, the last choice stands.
    bool avoids_previous_hosts = false;
    uint32_t more_choices = 1;
    // An upstream that is limited says when it may be asked again: by the first of these fields that says it, unless
    // that is later than the maximum.
    struct ResetHeader {
        std::string name;           // lower case
        bool is_timestamp = false;  // seconds since 1970; else from now on
    };
    std::vector<ResetHeader> reset_headers;
    std::chrono::milliseconds reset_max_interval{300 * 1000};
};

}  // namespace heirloom::config
