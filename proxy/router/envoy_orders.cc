// SPDX-License-Identifier: Apache-2.0
#include "proxy/router/envoy_orders.h"

#include <algorithm>
#include <charconv>

namespace heirloom::router {

using http::HeaderId;
using std::chrono::milliseconds;

namespace {

constexpr std::string_view kPrefix = "x-envoy-";

template <class Number>
std::optional<Number> read_number(std::string_view text) {
    Number number{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return number;
}

std::optional<milliseconds> read_milliseconds(std::string_view text) {
    constexpr uint64_t kMost = 365ull * 24 * 3600 * 1000;
    const auto number = read_number<uint64_t>(text);
    if (!number) return std::nullopt;
    return milliseconds(std::min(*number, kMost));
}

// False: it is none of them. The last two ask for what does not exist here.
bool take(std::string_view name, std::string_view value, EnvoyOrders& orders) {
    if (name == "retry-on") {
        orders.retry_on = value;
    } else if (name == "retry-grpc-on") {
        orders.retry_grpc_on = value;
    } else if (name == "retriable-status-codes") {
        orders.retriable_status_codes = value;
    } else if (name == "retriable-header-names") {
        orders.retriable_header_names = value;
    } else if (name == "max-retries") {
        orders.max_retries = read_number<uint32_t>(value);
    } else if (name == "upstream-rq-timeout-ms") {
        orders.timeout = read_milliseconds(value);
    } else if (name == "upstream-rq-per-try-timeout-ms") {
        orders.per_try_timeout = read_milliseconds(value);
    } else if (name == "upstream-rq-timeout-alt-response") {
        orders.timeout_is_204 = true;
    } else if (name == "upstream-stream-duration-ms") {
        orders.upstream_duration = read_milliseconds(value);
    } else {
        return name == "hedge-on-per-try-timeout" || name == "upstream-alt-stat-name";
    }
    return true;
}

}  // namespace

EnvoyOrders take_envoy_orders(http::HeaderMap& headers) {
    EnvoyOrders orders;
    for (http::HeaderField& field : headers.fields()) {
        if (field.id != HeaderId::other || field.removed || !field.name.starts_with(kPrefix)) continue;
        if (take(field.name.substr(kPrefix.size()), field.value, orders)) field.removed = true;
    }
    return orders;
}

}  // namespace heirloom::router
