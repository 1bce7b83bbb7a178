// SPDX-License-Identifier: Apache-2.0
#include "proxy/access_log/filter.h"

#include <algorithm>
#include <charconv>
#include <random>

#include "proxy/access_log/grpc_status.h"
#include "proxy/http/message_match.h"
#include "proxy/runtime/table.h"

namespace heirloom::access_log {
namespace {

using config::LogFilter;

constexpr size_t kSampledDigits = 8;  // of x-request-id; so all hops that see this id take the same requests

uint32_t bits_of(const std::vector<std::string>& names) {
    uint32_t bits = 0;
    for (uint32_t i = 0; i < static_cast<uint32_t>(http::ResponseFlag::count); ++i) {
        const std::string_view name = http::short_name_of(static_cast<http::ResponseFlag>(i));
        if (std::find(names.begin(), names.end(), name) != names.end()) bits |= 1u << i;
    }
    return bits;
}

bool compare(LogFilter::Compare how, uint64_t value, uint64_t with) {
    switch (how) {
        case LogFilter::Compare::equal:
            return value == with;
        case LogFilter::Compare::at_least:
            return value >= with;
        case LogFilter::Compare::at_most:
            return value <= with;
    }
    return false;
}

}  // namespace

config::LogType type_of(const Record& record) {
    if (record.type) return *record.type;
    return record.info.protocol ? config::LogType::downstream_end : config::LogType::tcp_connection_end;
}

Filter::Filter(const LogFilter& config) : config_(config), flags_(bits_of(config.flags)) {
    for (const LogFilter& part : config.parts) parts_.emplace_back(part);
    config_.parts.clear();
    if (config_.kind != LogFilter::Kind::sample) return;
    std::random_device device;
    random_ = uint64_t{device()} << 32 | device();
}

bool Filter::samples(const Record& record) {
    const std::string_view id = record.request.get(http::HeaderId::x_request_id);
    uint64_t value = 0;
    const bool has_number =
        config_.by_request_id && id.size() >= kSampledDigits &&
        std::from_chars(id.data(), id.data() + kSampledDigits, value, 16).ptr == id.data() + kSampledDigits;
    if (!has_number) {
        random_ += 0x9E3779B97F4A7C15u;
        value = (random_ ^ (random_ >> 30)) * 0xBF58476D1CE4E5B9u;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EBu;
        value ^= value >> 31;
    }
    // An integer of the runtime stands for the numerator.
    return value % config_.denominator < runtime::integer(config_.key, config_.numerator);
}

bool Filter::passes(const Record& record) {
    const http::StreamInfo& info = record.info;
    const auto passes = [&](Filter& part) { return part.passes(record); };
    switch (config_.kind) {
        case LogFilter::Kind::all_of:
            return std::all_of(parts_.begin(), parts_.end(), passes);
        case LogFilter::Kind::any_of:
            return std::any_of(parts_.begin(), parts_.end(), passes);
        case LogFilter::Kind::status_code:
            return compare(config_.compare, info.response_code, runtime::integer(config_.key, config_.value));
        case LogFilter::Kind::duration: {
            const auto end = info.end.value_or(std::chrono::steady_clock::now());
            const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(end - info.start).count();
            return compare(config_.compare, static_cast<uint64_t>(std::max<int64_t>(took, 0)),
                           runtime::integer(config_.key, config_.value));
        }
        case LogFilter::Kind::sample:
            return samples(record);
        case LogFilter::Kind::header:
            return http::matches(config_.header, record.request);
        case LogFilter::Kind::response_flag:
            return (config_.flags.empty() ? info.response_flags : info.response_flags & flags_) != 0;
        case LogFilter::Kind::grpc_status: {
            const std::optional<uint32_t> status = grpc_status_code(record);
            const bool found = status && (config_.chosen >> *status & 1) != 0;
            return found != config_.exclude;
        }
        case LogFilter::Kind::log_type:
            return (config_.chosen >> static_cast<uint32_t>(type_of(record)) & 1) != config_.exclude;
    }
    return true;
}

}  // namespace heirloom::access_log
