// SPDX-License-Identifier: Apache-2.0
// RetryState: may this request be tried again, after what happened to the last attempt? By the route's retry policy and
// by what the request itself asks for (envoy_orders.h). Knows nothing of connections and timers. One per request; no
// allocation.
// Source: Envoy, router filter documentation, "x-envoy-retry-on", "x-envoy-max-retries"; the wait: "retry_back_off".
#pragma once

#include <chrono>

#include "proxy/config/retry_config.h"
#include "proxy/http/codec.h"
#include "proxy/router/envoy_orders.h"

namespace heirloom::router {

class RetryState {
  public:
    // `policy` (may be null) and what `orders` points to must outlive it. `route_timeout`: a limit for each try that is
    // not below it is none. `request`: with its route's mutations.
    void begin(const config::RetryPolicyConfig* policy, const EnvoyOrders& orders, const http::HeaderMap& request,
               std::chrono::milliseconds route_timeout);

    bool enabled() const { return conditions_ != 0; }
    // Would the policy try again after such a response? `response` has `:status`.
    bool wants(uint16_t status, const http::HeaderMap& response) const;
    // After no response. `sent`: something of the request may have reached the upstream.
    bool wants(http::StreamReset reason, bool sent) const;
    // One attempt less. False: none is left.
    bool take();
    // The wait before the attempt that was taken last. `random`: any number.
    std::chrono::milliseconds wait(uint64_t random) const;
    bool is_told_when() const { return !policy_->reset_headers.empty(); }
    // The wait that a response asks for instead; none: it does not. `since_1970`: now.
    std::optional<std::chrono::milliseconds> asked_wait(const http::HeaderMap& response,
                                                        std::chrono::seconds since_1970, uint64_t random) const;
    // 0: none.
    std::chrono::milliseconds per_try_timeout() const { return per_try_timeout_; }
    std::chrono::milliseconds per_try_idle_timeout() const { return policy_->per_try_idle_timeout; }
    bool avoids_previous_hosts() const { return policy_->avoids_previous_hosts; }
    uint32_t more_choices() const { return policy_->more_choices; }

  private:
    bool wants_status(uint16_t status) const;
    bool wants_grpc(const http::HeaderMap& response) const;
    bool wants_headers(const http::HeaderMap& response) const;

    const config::RetryPolicyConfig* policy_ = nullptr;
    std::string_view status_codes_;  // x-envoy-retriable-status-codes
    std::string_view header_names_;  // x-envoy-retriable-header-names
    uint32_t conditions_ = 0;
    uint32_t left_ = 0;
    uint32_t taken_ = 0;
    std::chrono::milliseconds per_try_timeout_{0};
};

}  // namespace heirloom::router
