// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "envoy/config/accesslog/v3/accesslog.pb.h"
#include "proxy/config/readers.h"

namespace heirloom::config {
namespace {

namespace log = envoy::config::accesslog::v3;

// Also those that nothing here sets yet: a filter on them alone lets nothing through, as in an Envoy without that part.
constexpr const char* kFlags[] = {"LH",   "UH",   "UT",   "LR",   "UR", "UF",  "UC", "UO", "NR",  "DI",
                                  "FI",   "RL",   "UAEX", "RLSE", "DC", "URX", "SI", "IH", "DPE", "UMSDR",
                                  "RFCF", "NFCF", "DT",   "UPE",  "NC", "OM",  "DF", "DO", "DR",  "UDO"};

void read_comparison(const log::ComparisonFilter& message, const Path& path, LogFilter& filter, Problems& problems) {
    if (!message.has_value()) problems.error(path.field("value"), "required");
    filter.value = message.value().default_value();
    filter.key = RuntimeKey::of(message.value().runtime_key());
    switch (message.op()) {
        case log::ComparisonFilter::GE:
            filter.compare = LogFilter::Compare::at_least;
            break;
        case log::ComparisonFilter::LE:
            filter.compare = LogFilter::Compare::at_most;
            break;
        default:
            filter.compare = LogFilter::Compare::equal;
            break;
    }
}

template <class Message>
LogFilter read_number(const Message& message, const Path& path, LogFilter::Kind kind, Problems& problems) {
    LogFilter filter;
    filter.kind = kind;
    if (!message.has_comparison())
        problems.error(path.field("comparison"), "required");
    else
        read_comparison(message.comparison(), path.field("comparison"), filter, problems);
    return filter;
}

LogFilter read_sample(const log::RuntimeFilter& message, const Path& path, Problems& problems) {
    LogFilter filter;
    filter.kind = LogFilter::Kind::sample;
    require_text(message.runtime_key(), path.field("runtime_key"), problems);
    const FractionalPercent percent = read_fractional_percent(message.percent_sampled());
    filter.key = RuntimeKey::of(message.runtime_key());
    filter.numerator = percent.numerator;
    filter.denominator = percent.denominator;
    filter.by_request_id = !message.use_independent_randomness();
    return filter;
}

template <class Message>
LogFilter read_parts(const Message& message, const Path& path, LogFilter::Kind kind, Problems& problems) {
    LogFilter filter;
    filter.kind = kind;
    if (message.filters_size() < 2) problems.error(path.field("filters"), "at least 2 are required");
    for (int i = 0; i < message.filters_size(); ++i) {
        filter.parts.push_back(
            read_log_filter(message.filters(i), path.item("filters", static_cast<size_t>(i)), problems));
    }
    return filter;
}

LogFilter read_flags(const log::ResponseFlagFilter& message, const Path& path, Problems& problems) {
    LogFilter filter;
    filter.kind = LogFilter::Kind::response_flag;
    for (int i = 0; i < message.flags_size(); ++i) {
        const std::string& flag = message.flags(i);
        if (std::find(std::begin(kFlags), std::end(kFlags), flag) == std::end(kFlags)) {
            problems.error(path.item("flags", static_cast<size_t>(i)), "no such response flag: '" + flag + "'");
        }
        filter.flags.push_back(flag);
    }
    return filter;
}

}  // namespace

LogFilter read_log_filter(const log::AccessLogFilter& message, const Path& path, Problems& problems) {
    using Filter = log::AccessLogFilter;
    LogFilter filter;
    switch (message.filter_specifier_case()) {
        case Filter::kStatusCodeFilter:
            return read_number(message.status_code_filter(), path.field("status_code_filter"),
                               LogFilter::Kind::status_code, problems);
        case Filter::kDurationFilter:
            return read_number(message.duration_filter(), path.field("duration_filter"), LogFilter::Kind::duration,
                               problems);
        case Filter::kNotHealthCheckFilter:  // no request is one: there is no health_check filter
            return filter;
        case Filter::kRuntimeFilter:
            return read_sample(message.runtime_filter(), path.field("runtime_filter"), problems);
        case Filter::kAndFilter:
            return read_parts(message.and_filter(), path.field("and_filter"), LogFilter::Kind::all_of, problems);
        case Filter::kOrFilter:
            return read_parts(message.or_filter(), path.field("or_filter"), LogFilter::Kind::any_of, problems);
        case Filter::kHeaderFilter: {
            const Path at = path.field("header_filter").field("header");
            filter.kind = LogFilter::Kind::header;
            if (!message.header_filter().has_header())
                problems.error(at, "required");
            else
                filter.header = read_header_match(message.header_filter().header(), at, problems);
            return filter;
        }
        case Filter::kResponseFlagFilter:
            return read_flags(message.response_flag_filter(), path.field("response_flag_filter"), problems);
        case Filter::kGrpcStatusFilter:
            filter.kind = LogFilter::Kind::grpc_status;
            for (const int status : message.grpc_status_filter().statuses()) filter.chosen |= 1u << status;
            filter.exclude = message.grpc_status_filter().exclude();
            return filter;
        case Filter::kLogTypeFilter:
            filter.kind = LogFilter::Kind::log_type;
            for (const int type : message.log_type_filter().types()) filter.chosen |= 1u << type;
            filter.exclude = message.log_type_filter().exclude();
            return filter;
        case Filter::FILTER_SPECIFIER_NOT_SET:
            break;
    }
    problems.error(path, "one of the filters is required");
    return filter;
}

}  // namespace heirloom::config
