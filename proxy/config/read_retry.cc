// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "envoy/config/route/v3/route.pb.h"
#include "envoy/extensions/retry/host/previous_hosts/v3/previous_hosts.pb.h"
#include "proxy/config/readers.h"

namespace heirloom::config {

using envoy::config::route::v3::RetryPolicy;

namespace {

constexpr int64_t kMostChoices = 1000;
constexpr int kDefaultGrowth = 10;  // of the wait, where no maximum is given

void read_back_off(const RetryPolicy::RetryBackOff& message, const Path& path, RetryPolicyConfig& policy,
                   Problems& problems) {
    policy.back_off_configured = true;
    if (!message.has_base_interval()) return problems.error(path.field("base_interval"), "required");
    policy.base_interval = read_duration(message.base_interval(), path.field("base_interval"), problems);
    if (message.base_interval().seconds() == 0 && message.base_interval().nanos() == 0)
        problems.error(path.field("base_interval"), "must be greater than 0");
    policy.base_interval = std::max(policy.base_interval, Milliseconds(1));
    policy.max_interval = kDefaultGrowth * policy.base_interval;
    if (!message.has_max_interval()) return;
    policy.max_interval = read_duration(message.max_interval(), path.field("max_interval"), problems);
    if (message.max_interval().seconds() == 0 && message.max_interval().nanos() == 0)
        problems.error(path.field("max_interval"), "must be greater than 0");
    policy.max_interval = std::max(policy.max_interval, Milliseconds(1));
    if (policy.max_interval < policy.base_interval)
        problems.error(path.field("max_interval"), "must be greater than or equal to the base_interval");
}

void read_reset_headers(const RetryPolicy::RateLimitedRetryBackOff& message, const Path& path,
                        RetryPolicyConfig& policy, Problems& problems) {
    if (message.reset_headers().empty()) problems.error(path.field("reset_headers"), "at least one is required");
    for (int i = 0; i < message.reset_headers_size(); ++i) {
        const Path name = path.item("reset_headers", static_cast<size_t>(i)).field("name");
        require_text(message.reset_headers(i).name(), name, problems);
        policy.reset_headers.push_back({read_header_to_read(message.reset_headers(i).name(), name, problems),
                                        message.reset_headers(i).format() == RetryPolicy::UNIX_TIMESTAMP});
    }
    READ_DURATION(message, max_interval, path, problems, policy.reset_max_interval);
    if (policy.reset_max_interval.count() == 0) problems.error(path.field("max_interval"), "must be greater than 0");
}

// Which endpoints an attempt may go to.
void read_hosts(const RetryPolicy& message, const Path& path, RetryPolicyConfig& policy, Problems& problems) {
    using envoy::extensions::retry::host::previous_hosts::v3::PreviousHostsPredicate;
    for (int i = 0; i < message.retry_host_predicate_size(); ++i) {
        const Path at = path.item("retry_host_predicate", static_cast<size_t>(i));
        require_text(message.retry_host_predicate(i).name(), at.field("name"), problems);
        if (!message.retry_host_predicate(i).typed_config().Is<PreviousHostsPredicate>())
            problems.error(at.field("typed_config"), "required");
        policy.avoids_previous_hosts = true;
    }
    const int64_t choices = message.host_selection_retry_max_attempts();
    if (choices == 0) return;  // not there
    if (choices < 0 || choices > kMostChoices)
        problems.error(path.field("host_selection_retry_max_attempts"), "must be from 0 to 1000");
    policy.more_choices = static_cast<uint32_t>(std::clamp<int64_t>(choices, 1, kMostChoices));
}

}  // namespace

std::shared_ptr<const RetryPolicyConfig> read_retry_policy(const RetryPolicy& message, const Path& path,
                                                           Problems& problems) {
    auto policy = std::make_shared<RetryPolicyConfig>();
    std::string_view unknown;
    policy->conditions = parse_retry_on(message.retry_on(), &unknown);
    if (!unknown.empty())
        problems.error(path.field("retry_on"), "'" + std::string(unknown) + "' is no condition that Heirloom knows");
    READ_WRAPPED(message, num_retries, policy->num_retries);
    READ_DURATION(message, per_try_timeout, path, problems, policy->per_try_timeout);
    for (int i = 0; i < message.retriable_status_codes_size(); ++i) {
        const uint32_t code = message.retriable_status_codes(i);
        if (code < 200 || code > 999)
            problems.error(path.item("retriable_status_codes", static_cast<size_t>(i)), "must be from 200 to 999");
        policy->status_codes.push_back(code);
    }
    if (message.has_retry_back_off())
        read_back_off(message.retry_back_off(), path.field("retry_back_off"), *policy, problems);
    READ_DURATION(message, per_try_idle_timeout, path, problems, policy->per_try_idle_timeout);
    const auto read_matches = [&](const auto& list, const char* name, std::vector<HeaderMatch>& target) {
        for (int i = 0; i < list.size(); ++i)
            target.push_back(read_header_match(list[i], path.item(name, static_cast<size_t>(i)), problems));
    };
    read_matches(message.retriable_headers(), "retriable_headers", policy->retriable_headers);
    read_matches(message.retriable_request_headers(), "retriable_request_headers", policy->retriable_request_headers);
    read_hosts(message, path, *policy, problems);
    if (message.has_rate_limited_retry_back_off()) {
        read_reset_headers(message.rate_limited_retry_back_off(), path.field("rate_limited_retry_back_off"), *policy,
                           problems);
    }
    return policy;
}

}  // namespace heirloom::config
