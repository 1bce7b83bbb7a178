// SPDX-License-Identifier: Apache-2.0
#include "proxy/router/retry_state.h"

#include <algorithm>
#include <charconv>

#include "proxy/runtime/table.h"

namespace heirloom::router {

using http::StreamReset;
using std::chrono::milliseconds;

namespace {

const config::RetryPolicyConfig& default_policy() {
    static const config::RetryPolicyConfig policy;
    return policy;
}

bool lists(std::string_view codes, uint16_t status) {
    while (!codes.empty()) {
        const size_t comma = std::min(codes.find(','), codes.size());
        std::string_view word = codes.substr(0, comma);
        codes.remove_prefix(std::min(comma + 1, codes.size()));
        while (!word.empty() && word.front() == ' ') word.remove_prefix(1);
        while (!word.empty() && word.back() == ' ') word.remove_suffix(1);
        uint32_t code = 0;
        const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), code);
        if (error == std::errc() && end == word.data() + word.size() && code == status) return true;
    }
    return false;
}

}  // namespace

void RetryState::begin(const config::RetryPolicyConfig* policy, const EnvoyOrders& orders, milliseconds route_timeout) {
    policy_ = policy ? policy : &default_policy();
    status_codes_ = orders.retriable_status_codes;
    conditions_ = policy_->conditions;
    if (!orders.retry_on.empty()) conditions_ |= config::parse_retry_on(orders.retry_on);
    if (!orders.retry_grpc_on.empty()) conditions_ |= config::parse_retry_on(orders.retry_grpc_on);
    left_ = orders.max_retries.value_or(policy_->num_retries);
    taken_ = 0;
    per_try_timeout_ = orders.per_try_timeout.value_or(policy_->per_try_timeout);
    if (route_timeout.count() > 0 && per_try_timeout_ >= route_timeout) per_try_timeout_ = milliseconds(0);
}

bool RetryState::wants(uint16_t status, const http::HeaderMap& response) const {
    // Who is told to send less does not send it again.
    if (response.find("x-envoy-ratelimited")) return (conditions_ & config::kRetryOnEnvoyRatelimited) != 0;
    return wants_status(status) || wants_grpc(response);
}

bool RetryState::wants_status(uint16_t status) const {
    const auto set = [this](config::RetryOn condition) { return (conditions_ & condition) != 0; };
    if (status >= 500 && status < 600 && set(config::kRetryOn5xx)) return true;
    if (status >= 502 && status <= 504 && set(config::kRetryOnGatewayError)) return true;
    if (status == 409 && set(config::kRetryOnRetriable4xx)) return true;
    if (!set(config::kRetryOnRetriableStatusCodes)) return false;
    const auto& codes = policy_->status_codes;
    return std::find(codes.begin(), codes.end(), status) != codes.end() || lists(status_codes_, status);
}

bool RetryState::wants_grpc(const http::HeaderMap& response) const {
    constexpr uint32_t kAny = config::kRetryOnGrpcCancelled | config::kRetryOnGrpcDeadlineExceeded |
                              config::kRetryOnGrpcInternal | config::kRetryOnGrpcResourceExhausted |
                              config::kRetryOnGrpcUnavailable;
    if ((conditions_ & kAny) == 0) return false;
    const http::HeaderField* const field = response.find("grpc-status");
    if (!field) return false;
    uint32_t condition = 0;
    if (field->value == "1") condition = config::kRetryOnGrpcCancelled;
    if (field->value == "4") condition = config::kRetryOnGrpcDeadlineExceeded;
    if (field->value == "8") condition = config::kRetryOnGrpcResourceExhausted;
    if (field->value == "13") condition = config::kRetryOnGrpcInternal;
    if (field->value == "14") condition = config::kRetryOnGrpcUnavailable;
    return (conditions_ & condition) != 0;
}

bool RetryState::wants(StreamReset reason, bool sent) const {
    const auto set = [this](uint32_t conditions) { return (conditions_ & conditions) != 0; };
    if (reason == StreamReset::overflow) return false;
    if (!sent && set(config::kRetryOnResetBeforeRequest)) return true;
    if (set(config::kRetryOnReset | config::kRetryOn5xx | config::kRetryOnGatewayError)) return true;
    switch (reason) {
        case StreamReset::connection_failed:
        case StreamReset::connection_timeout:
            return set(config::kRetryOnConnectFailure);
        case StreamReset::remote_refused:
        case StreamReset::unprocessed:
            return set(config::kRetryOnRefusedStream);
        default:
            return false;
    }
}

bool RetryState::take() {
    if (left_ == 0) return false;
    --left_;
    ++taken_;
    return true;
}

milliseconds RetryState::wait(uint64_t random) const {
    constexpr uint32_t kMostDoublings = 20;
    constexpr uint64_t kGrowth = 10;  // of the wait, where no maximum is given
    static const auto key = config::RuntimeKey::of("upstream.base_retry_backoff_ms");
    const uint64_t steps = (uint64_t{1} << std::min(taken_, kMostDoublings)) - 1;
    auto base = static_cast<uint64_t>(policy_->base_interval.count());
    auto limit = static_cast<uint64_t>(policy_->max_interval.count());
    if (!policy_->back_off_configured && runtime::thread_table().has(key)) {
        base = runtime::integer32(key, static_cast<uint32_t>(base));
        limit = kGrowth * base;
    }
    const uint64_t most = std::min(steps * base, limit);
    return milliseconds(random % std::max<uint64_t>(most, 1));
}

}  // namespace heirloom::router
