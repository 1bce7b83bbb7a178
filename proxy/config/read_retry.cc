// SPDX-License-Identifier: Apache-2.0
#include "envoy/config/route/v3/route.pb.h"
#include "proxy/config/readers.h"

namespace heirloom::config {

using envoy::config::route::v3::RetryPolicy;

namespace {

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
    return policy;
}

}  // namespace heirloom::config
