// SPDX-License-Identifier: Apache-2.0
#include "proxy/router/retry_state.h"

#include "proxy/runtime/table.h"
#include "tests/unit/router/router_fixture.h"

namespace heirloom::router {

using http::StreamReset;
using std::chrono::milliseconds;

namespace {

struct Asking {
    config::RetryPolicyConfig policy;
    EnvoyOrders orders;
    http::HeaderMap request;
    RetryState state;

    explicit Asking(std::string_view retry_on, std::string_view by_request = {}) {
        policy.conditions = config::parse_retry_on(retry_on);
        orders.retry_on = by_request;
        state.begin(&policy, orders, request, milliseconds(0));
    }
    bool status(uint16_t code, std::string_view name = {}, std::string_view value = {}) const {
        http::HeaderMap response;
        if (!name.empty()) response.add_copy(name, value);
        return state.wants(code, response);
    }
};

}  // namespace

TEST_CASE("retry_on: words between commas, an unknown one is told") {
    std::string_view unknown;
    CHECK(config::parse_retry_on("5xx", &unknown) == config::kRetryOn5xx);
    CHECK(config::parse_retry_on(" gateway-error , reset,", &unknown) ==
          (config::kRetryOnGatewayError | config::kRetryOnReset));
    CHECK(unknown.empty());
    CHECK(config::parse_retry_on("5xx,always", &unknown) == config::kRetryOn5xx);
    CHECK(unknown == "always");
}

TEST_CASE("what a response must be like") {
    CHECK_FALSE(Asking("").state.enabled());
    const Asking any("5xx");
    CHECK(any.status(500));
    CHECK(any.status(599));
    CHECK_FALSE(any.status(499));
    CHECK_FALSE(any.status(503, "x-envoy-ratelimited", "true"));
    CHECK(Asking("envoy-ratelimited").status(429, "x-envoy-ratelimited", "true"));
    const Asking gateway("gateway-error");
    CHECK(gateway.status(502));
    CHECK(gateway.status(504));
    CHECK_FALSE(gateway.status(500));
    CHECK(Asking("retriable-4xx").status(409));
    CHECK_FALSE(Asking("retriable-4xx").status(404));
    const Asking grpc("unavailable,cancelled");
    CHECK(grpc.status(200, "grpc-status", "14"));
    CHECK(grpc.status(200, "grpc-status", "1"));
    CHECK_FALSE(grpc.status(200, "grpc-status", "13"));
    CHECK_FALSE(grpc.status(200));
}

TEST_CASE("codes of the policy and of the request") {
    Asking codes("retriable-status-codes");
    CHECK_FALSE(codes.status(404));
    codes.policy.status_codes = {404};
    codes.orders.retriable_status_codes = "418, 425 ,x";
    codes.state.begin(&codes.policy, codes.orders, codes.request, milliseconds(0));
    CHECK(codes.status(404));
    CHECK(codes.status(418));
    CHECK(codes.status(425));
    CHECK_FALSE(codes.status(42));
}

TEST_CASE("no response: which reasons count") {
    CHECK(Asking("5xx").state.wants(StreamReset::connection_terminated, true));
    CHECK(Asking("gateway-error").state.wants(StreamReset::local, true));
    CHECK(Asking("reset").state.wants(StreamReset::remote, true));
    for (const char* all : {"5xx", "reset", "connect-failure", "refused-stream", "reset-before-request"})
        CHECK_FALSE(Asking(all).state.wants(StreamReset::overflow, false));
    CHECK(Asking("connect-failure").state.wants(StreamReset::connection_timeout, false));
    CHECK_FALSE(Asking("connect-failure").state.wants(StreamReset::remote, true));
    CHECK(Asking("refused-stream").state.wants(StreamReset::remote_refused, true));
    CHECK_FALSE(Asking("refused-stream").state.wants(StreamReset::remote, true));
    CHECK(Asking("reset-before-request").state.wants(StreamReset::connection_terminated, false));
    CHECK_FALSE(Asking("reset-before-request").state.wants(StreamReset::connection_terminated, true));
}

TEST_CASE("how many, and how long between them") {
    Asking asking("5xx");
    asking.policy.num_retries = 3;
    asking.state.begin(&asking.policy, asking.orders, asking.request, milliseconds(0));
    const auto longest = [&] {
        milliseconds most{0};
        for (uint64_t random = 0; random < 1000; ++random) most = std::max(most, asking.state.wait(random));
        return most + milliseconds(1);
    };
    CHECK(asking.state.take());
    CHECK(longest() == milliseconds(25));
    CHECK(asking.state.take());
    CHECK(longest() == milliseconds(75));
    CHECK(asking.state.take());
    CHECK(longest() == milliseconds(175));
    CHECK_FALSE(asking.state.take());
    asking.orders.max_retries = 5;
    asking.state.begin(&asking.policy, asking.orders, asking.request, milliseconds(0));
    for (int i = 0; i < 5; ++i) CHECK(asking.state.take());
    CHECK(longest() == milliseconds(250));
    CHECK_FALSE(asking.state.take());
}

TEST_CASE("what the request asks for is added; a try has less time than the route") {
    const Asking both("connect-failure", "5xx,nonsense");
    CHECK(both.status(500));
    CHECK(both.state.wants(StreamReset::connection_failed, false));
    Asking asking("5xx");
    asking.policy.per_try_timeout = milliseconds(100);
    asking.state.begin(&asking.policy, asking.orders, asking.request, milliseconds(200));
    CHECK(asking.state.per_try_timeout() == milliseconds(100));
    asking.state.begin(&asking.policy, asking.orders, asking.request, milliseconds(100));
    CHECK(asking.state.per_try_timeout() == milliseconds(0));
    asking.orders.per_try_timeout = milliseconds(7);
    asking.state.begin(nullptr, asking.orders, asking.request, milliseconds(0));
    CHECK(asking.state.per_try_timeout() == milliseconds(7));
    CHECK_FALSE(asking.state.enabled());
}

TEST_CASE("fields of responses and of requests") {
    config::HeaderMatch wanted;
    wanted.name = "x-again";
    Asking asking("retriable-headers");
    asking.policy.retriable_headers = {wanted};
    CHECK(asking.status(200, "x-again", "1"));
    CHECK_FALSE(asking.status(500, "x-other", "1"));
    asking.orders.retriable_header_names = "a, X-Other";
    asking.state.begin(&asking.policy, asking.orders, asking.request, milliseconds(0));
    CHECK(asking.status(200, "x-other", "1"));
    CHECK_FALSE(asking.status(200, "x-oth", "1"));
    // A request that fits none is not tried again, whatever it asks for.
    asking.policy.retriable_request_headers = {wanted};
    asking.orders.retry_on = "5xx";
    asking.state.begin(&asking.policy, asking.orders, asking.request, milliseconds(0));
    CHECK_FALSE(asking.state.enabled());
    asking.request.add_copy("x-again", "");
    asking.state.begin(&asking.policy, asking.orders, asking.request, milliseconds(0));
    CHECK(asking.status(500));
}

TEST_CASE("the wait that a response asks for") {
    using std::chrono::seconds;
    Asking asking("5xx");
    const auto wait = [&](std::string_view name, std::string_view value, uint64_t random = 0) {
        http::HeaderMap response;
        response.add_copy(name, value);
        return asking.state.asked_wait(response, seconds(1000), random).value_or(milliseconds(-1));
    };
    CHECK_FALSE(asking.state.is_told_when());
    asking.policy.reset_headers = {{"retry-after", false}, {"x-reset", true}};
    asking.policy.reset_max_interval = milliseconds(20'000);
    CHECK(asking.state.is_told_when());
    CHECK(wait("retry-after", "2") == milliseconds(2000));
    CHECK(wait("retry-after", "2", 999) == milliseconds(2999));
    CHECK(wait("retry-after", "20") == milliseconds(20'000));
    CHECK(wait("retry-after", "21") == milliseconds(-1));
    CHECK(wait("x-reset", "1003") == milliseconds(3000));
    for (const char* nothing : {"0", "-1", "soon", "99999999999999999999", "9223372036854775807", ""})
        CHECK(wait("retry-after", nothing) == milliseconds(-1));
    CHECK(wait("x-reset", "1000") == milliseconds(-1));
    CHECK(wait("x-reset", "999") == milliseconds(-1));
}

TEST_CASE("x-envoy-* fields for the router are taken out of the request") {
    http::HeaderMap request;
    request.add_copy("x-envoy-retry-on", "5xx");
    request.add_copy("x-envoy-max-retries", "2");
    request.add_copy("x-envoy-upstream-rq-timeout-ms", "1500");
    request.add_copy("x-envoy-upstream-rq-per-try-timeout-ms", "soon");
    request.add_copy("x-envoy-upstream-rq-timeout-alt-response", "1");
    request.add_copy("x-envoy-hedge-on-per-try-timeout", "true");
    request.add_copy("x-envoy-decorator-operation", "stays");
    request.add_copy("x-envoy-upstream-stream-duration-ms", "70");
    const EnvoyOrders orders = take_envoy_orders(request);
    CHECK(orders.upstream_duration == milliseconds(70));
    CHECK(orders.retry_on == "5xx");
    CHECK(orders.max_retries == 2u);
    CHECK(orders.timeout == milliseconds(1500));
    CHECK_FALSE(orders.per_try_timeout.has_value());
    CHECK(orders.timeout_is_204);
    CHECK(request.size() == 1);
    CHECK(request.find("x-envoy-decorator-operation"));
}

TEST_CASE("the runtime says how long to wait, where no back-off is configured") {
    const runtime::Table table({{"upstream.base_retry_backoff_ms", config::parse_runtime_value("100")}});
    Asking asking("5xx");
    asking.policy.num_retries = 9;
    const auto longest = [&](int retries) {
        asking.state.begin(&asking.policy, asking.orders, asking.request, milliseconds(0));
        for (int i = 0; i < retries; ++i) CHECK(asking.state.take());
        milliseconds most{0};
        for (uint64_t random = 0; random < 2000; ++random) most = std::max(most, asking.state.wait(random));
        return most + milliseconds(1);
    };
    runtime::set_thread_table(&table);
    CHECK(longest(1) == milliseconds(100));
    CHECK(longest(9) == milliseconds(1000));
    asking.policy.back_off_configured = true;
    CHECK(longest(1) == milliseconds(25));
    runtime::set_thread_table(nullptr);
}

}  // namespace heirloom::router
