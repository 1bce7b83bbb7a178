// SPDX-License-Identifier: Apache-2.0
#include "proxy/router/retry_state.h"

#include <strings.h>

#include <algorithm>
#include <charconv>

#include "proxy/http/message_match.h"
#include "proxy/runtime/table.h"

namespace heirloom::router {

using http::StreamReset;
using std::chrono::milliseconds;

namespace {

const config::RetryPolicyConfig& default_policy() {
    static const config::RetryPolicyConfig policy;
    return policy;
}

// Does `is_it` hold for one of the words between commas?
template <class IsIt>
bool any_word(std::string_view text, const IsIt& is_it) {
    while (!text.empty()) {
        const size_t comma = std::min(text.find(','), text.size());
        std::string_view word = text.substr(0, comma);
        text.remove_prefix(std::min(comma + 1, text.size()));
        while (!word.empty() && word.front() == ' ') word.remove_prefix(1);
        while (!word.empty() && word.back() == ' ') word.remove_suffix(1);
        if (!word.empty() && is_it(word)) return true;
    }
    return false;
}

template <class Number>
std::optional<Number> number_of(std::string_view word) {
    Number number = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
    if (error != std::errc() || end != word.data() + word.size()) return std::nullopt;
    return number;
}

bool lists(std::string_view codes, uint16_t status) {
    return any_word(codes, [status](std::string_view word) { return number_of<uint32_t>(word) == uint32_t{status}; });
}

bool has_field(const http::HeaderMap& headers, std::string_view name) {
    return std::any_of(headers.fields().begin(), headers.fields().end(), [name](const http::HeaderField& field) {
        return !field.removed && field.name.size() == name.size() &&
               ::strncasecmp(field.name.data(), name.data(), name.size()) == 0;
    });
}

}  // namespace

void RetryState::begin(const config::RetryPolicyConfig* policy, const EnvoyOrders& orders,
                       const http::HeaderMap& request, milliseconds route_timeout) {
    policy_ = policy ? policy : &default_policy();
    status_codes_ = orders.retriable_status_codes;
    header_names_ = orders.retriable_header_names;
    conditions_ = policy_->conditions;
    if (!orders.retry_on.empty()) conditions_ |= config::parse_retry_on(orders.retry_on);
    if (!orders.retry_grpc_on.empty()) conditions_ |= config::parse_retry_on(orders.retry_grpc_on);
    const auto& wanted = policy_->retriable_request_headers;
    const auto fits = [&](const config::HeaderMatch& match) { return http::matches(match, request); };
    if (!wanted.empty() && std::none_of(wanted.begin(), wanted.end(), fits)) conditions_ = 0;
    left_ = orders.max_retries.value_or(policy_->num_retries);
    taken_ = 0;
    per_try_timeout_ = orders.per_try_timeout.value_or(policy_->per_try_timeout);
    if (route_timeout.count() > 0 && per_try_timeout_ >= route_timeout) per_try_timeout_ = milliseconds(0);
}

bool RetryState::wants(uint16_t status, const http::HeaderMap& response) const {
    // Who is told to send less does not send it again.
    if (response.find("x-envoy-ratelimited")) return (conditions_ & config::kRetryOnEnvoyRatelimited) != 0;
    return wants_status(status) || wants_grpc(response) || wants_headers(response);
}

bool RetryState::wants_headers(const http::HeaderMap& response) const {
    if ((conditions_ & config::kRetryOnRetriableHeaders) == 0) return false;
    const auto& wanted = policy_->retriable_headers;
    return std::any_of(wanted.begin(), wanted.end(),
                       [&](const config::HeaderMatch& match) { return http::matches(match, response); }) ||
           any_word(header_names_, [&](std::string_view name) { return has_field(response, name); });
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

std::optional<milliseconds> RetryState::asked_wait(const http::HeaderMap& response, std::chrono::seconds since_1970,
                                                   uint64_t random) const {
    for (const auto& header : policy_->reset_headers) {
        const http::HeaderField* const field = response.find(header.name);
        const auto number = field ? number_of<int64_t>(field->value) : std::nullopt;
        if (!number || *number < 0) continue;
        const int64_t now = header.is_timestamp ? since_1970.count() : 0;
        const int64_t most = std::chrono::ceil<std::chrono::seconds>(policy_->reset_max_interval).count();
        if (*number <= now || *number - now > most) continue;
        const milliseconds wait = std::chrono::seconds(*number - now);
        if (wait > policy_->reset_max_interval) continue;
        // Not before, and not all at the same moment.
        return wait + milliseconds(random % static_cast<uint64_t>(wait.count() / 2 + 1));
    }
    return std::nullopt;
}

}  // namespace heirloom::router
