// SPDX-License-Identifier: Apache-2.0
#include "proxy/config/retry_config.h"

#include <algorithm>
#include <array>
#include <utility>

namespace heirloom::config {

namespace {

constexpr std::array<std::pair<std::string_view, uint32_t>, 16> kNames{{
    {"5xx", kRetryOn5xx},
    {"gateway-error", kRetryOnGatewayError},
    {"reset", kRetryOnReset},
    {"reset-before-request", kRetryOnResetBeforeRequest},
    {"connect-failure", kRetryOnConnectFailure},
    {"envoy-ratelimited", kRetryOnEnvoyRatelimited},
    {"retriable-4xx", kRetryOnRetriable4xx},
    {"refused-stream", kRetryOnRefusedStream},
    {"retriable-status-codes", kRetryOnRetriableStatusCodes},
    {"retriable-headers", kRetryOnRetriableHeaders},
    {"cancelled", kRetryOnGrpcCancelled},
    {"deadline-exceeded", kRetryOnGrpcDeadlineExceeded},
    {"internal", kRetryOnGrpcInternal},
    {"resource-exhausted", kRetryOnGrpcResourceExhausted},
    {"unavailable", kRetryOnGrpcUnavailable},
    {"", 0},
}};

std::string_view trim(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

}  // namespace

uint32_t parse_retry_on(std::string_view text, std::string_view* unknown) {
    uint32_t conditions = 0;
    while (!text.empty()) {
        const size_t comma = std::min(text.find(','), text.size());
        const std::string_view word = trim(text.substr(0, comma));
        text.remove_prefix(std::min(comma + 1, text.size()));
        const auto* const found =
            std::find_if(kNames.begin(), kNames.end(), [word](const auto& each) { return each.first == word; });
        if (found != kNames.end()) {
            conditions |= found->second;
        } else if (unknown) {
            *unknown = word;
        }
    }
    return conditions;
}

}  // namespace heirloom::config
