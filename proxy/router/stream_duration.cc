// SPDX-License-Identifier: Apache-2.0
#include "proxy/router/stream_duration.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace heirloom::router {

using http::HeaderId;
using std::chrono::milliseconds;

namespace {

constexpr std::string_view kGrpcTimeout = "grpc-timeout";
constexpr int64_t kMostDigits = 99'999'999;  // what the field can hold

bool is_grpc(const http::HeaderMap& headers) {
    constexpr std::string_view type = "application/grpc";
    const std::string_view given = headers.get(HeaderId::content_type);
    return given.starts_with(type) && (given.size() == type.size() || given[type.size()] == '+');
}

void write_grpc_timeout(http::HeaderMap& headers, milliseconds limit) {
    struct Unit {
        char name;
        int64_t of_next;
    };
    constexpr std::array<Unit, 4> units{Unit{'m', 1000}, {'S', 60}, {'M', 60}, {'H', 1}};
    int64_t count = limit.count();
    size_t unit = 0;
    while (count > kMostDigits && unit + 1 < units.size()) count /= units[unit++].of_next;
    std::array<char, 24> text;
    char* end = std::to_chars(text.data(), text.data() + text.size() - 1, std::min(count, kMostDigits)).ptr;
    *end++ = units[unit].name;
    headers.set(kGrpcTimeout, {text.data(), static_cast<size_t>(end - text.data())});
}

bool is_bounded_grpc(const http::HeaderMap& headers, const config::ForwardAction& action) {
    return action.max_grpc_timeout && is_grpc(headers);
}

}  // namespace

std::optional<milliseconds> read_grpc_timeout(std::string_view text) {
    if (text.size() < 2 || text.size() > 9) return std::nullopt;
    int64_t count = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size() - 1, count);
    if (error != std::errc() || end != text.data() + text.size() - 1 || count < 0) return std::nullopt;
    switch (text.back()) {
        case 'H':
            return std::chrono::hours(count);
        case 'M':
            return std::chrono::minutes(count);
        case 'S':
            return std::chrono::seconds(count);
        case 'm':
            return milliseconds(count);
        case 'u':
            return std::chrono::ceil<milliseconds>(std::chrono::microseconds(count));
        case 'n':
            return std::chrono::ceil<milliseconds>(std::chrono::nanoseconds(count));
        default:
            return std::nullopt;
    }
}

milliseconds route_timeout(const http::HeaderMap& headers, const config::ForwardAction& action) {
    if (!is_bounded_grpc(headers, action)) return action.timeout;
    const http::HeaderField* const field = headers.find(kGrpcTimeout);
    milliseconds asked = (field ? read_grpc_timeout(field->value) : std::nullopt).value_or(milliseconds(0));
    if (action.max_grpc_timeout_offset < asked) asked -= action.max_grpc_timeout_offset;
    const milliseconds most = *action.max_grpc_timeout;
    return most.count() > 0 && (asked.count() == 0 || asked > most) ? most : asked;
}

void tell_timeout(http::HeaderMap& headers, const config::ForwardAction& action, milliseconds left,
                  bool by_envoy_header) {
    left = std::max(left, milliseconds(1));
    if (by_envoy_header) {
        std::array<char, 24> text;
        const char* const end = std::to_chars(text.data(), text.data() + text.size(), left.count()).ptr;
        headers.set(HeaderId::x_envoy_expected_rq_timeout_ms, {text.data(), static_cast<size_t>(end - text.data())});
    }
    if (is_bounded_grpc(headers, action)) write_grpc_timeout(headers, left);
}

milliseconds limit_stream(http::HeaderMap& headers, const config::ForwardAction& action, milliseconds otherwise) {
    milliseconds limit = action.max_stream_duration.value_or(otherwise);
    if (action.grpc_timeout_max) {
        const http::HeaderField* const field = headers.find(kGrpcTimeout);
        const auto asked = field ? read_grpc_timeout(field->value) : std::nullopt;
        if (asked) {
            const milliseconds most = *action.grpc_timeout_max;
            limit = most.count() > 0 ? std::min(*asked, most) : *asked;
            limit = std::max(limit - action.grpc_timeout_offset, milliseconds(1));  // 0 would mean no limit
        }
    }
    if (limit.count() > 0 && is_grpc(headers)) write_grpc_timeout(headers, limit);
    return limit;
}

}  // namespace heirloom::router
