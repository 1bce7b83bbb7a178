// SPDX-License-Identifier: Apache-2.0
#include "envoy/config/route/v3/route_components.pb.h"
#include "proxy/config/readers.h"

namespace heirloom::config {
namespace {

using Message = envoy::config::route::v3::RouteMatch;

void check_separated_prefix(const std::string& value, const Path& path, Problems& problems) {
    if (value.size() < 2 || value.back() == '/' || value.find_first_of("?#") != value.npos) {
        problems.error(path, "must have at least two characters, no ? or #, and not end with a slash");
    }
}

std::shared_ptr<const RouteConditions> read_conditions(const Message& message, const Path& path, Problems& problems) {
    if (message.headers().empty() && message.query_parameters().empty() && !message.has_grpc() &&
        !message.has_runtime_fraction()) {
        return nullptr;
    }
    auto conditions = std::make_shared<RouteConditions>();
    for (int i = 0; i < message.headers_size(); ++i) {
        conditions->headers.push_back(
            read_header_match(message.headers(i), path.item("headers", static_cast<size_t>(i)), problems));
    }
    for (int i = 0; i < message.query_parameters_size(); ++i) {
        conditions->query.push_back(read_query_match(message.query_parameters(i),
                                                     path.item("query_parameters", static_cast<size_t>(i)), problems));
    }
    conditions->grpc = message.has_grpc();
    if (message.has_runtime_fraction()) {
        conditions->fraction =
            read_runtime_fraction(message.runtime_fraction(), path.field("runtime_fraction"), problems);
    }
    return conditions;
}

}  // namespace

RouteMatch read_route_match(const Message& message, const Path& path, Problems& problems) {
    RouteMatch match;
    switch (message.path_specifier_case()) {
        case Message::kPrefix:
            match.kind = RouteMatch::Kind::prefix;
            match.value = message.prefix();
            break;
        case Message::kPath:
            match.kind = RouteMatch::Kind::path;
            match.value = message.path();
            break;
        case Message::kPathSeparatedPrefix:
            match.kind = RouteMatch::Kind::path_separated;
            match.value = message.path_separated_prefix();
            check_separated_prefix(match.value, path.field("path_separated_prefix"), problems);
            break;
        case Message::kSafeRegex:
            match.kind = RouteMatch::Kind::regex;
            match.regex = read_regex(message.safe_regex(), path.field("safe_regex"), problems);
            break;
        case Message::kConnectMatcher:
            match.kind = RouteMatch::Kind::connect;
            break;
        case Message::PATH_SPECIFIER_NOT_SET:
            problems.error(path, "one of prefix, path, safe_regex, path_separated_prefix, connect_matcher is required");
            break;
    }
    READ_WRAPPED(message, case_sensitive, match.case_sensitive);
    match.conditions = read_conditions(message, path, problems);
    return match;
}

}  // namespace heirloom::config
