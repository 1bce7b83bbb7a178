// SPDX-License-Identifier: Apache-2.0
#include <re2/re2.h>

#include "envoy/config/route/v3/route_components.pb.h"
#include "envoy/type/matcher/v3/regex.pb.h"
#include "envoy/type/matcher/v3/string.pb.h"
#include "proxy/config/field_names.h"
#include "proxy/config/readers.h"

namespace heirloom::config {

using envoy::config::route::v3::HeaderMatcher;
using envoy::config::route::v3::QueryParameterMatcher;
using envoy::type::matcher::v3::RegexMatchAndSubstitute;
using envoy::type::matcher::v3::RegexMatcher;
using envoy::type::matcher::v3::StringMatcher;

namespace {

// Of the deprecated forms, which have a field each.
StringMatch text_of(TextMatcher::Kind kind, const std::string& value, const Path& path, Problems& problems) {
    StringMatch match;
    match.kind = kind;
    match.value = value;
    if (kind != TextMatcher::Kind::exact) require_text(value, path, problems);
    return match;
}

void read_header_value(const HeaderMatcher& message, const Path& path, HeaderMatch& match, Problems& problems) {
    using Kind = TextMatcher::Kind;
    match.kind = HeaderMatch::Kind::text;
    switch (message.header_match_specifier_case()) {
        case HeaderMatcher::kExactMatch:
            match.text = text_of(Kind::exact, message.exact_match(), path.field("exact_match"), problems);
            break;
        case HeaderMatcher::kPrefixMatch:
            match.text = text_of(Kind::prefix, message.prefix_match(), path.field("prefix_match"), problems);
            break;
        case HeaderMatcher::kSuffixMatch:
            match.text = text_of(Kind::suffix, message.suffix_match(), path.field("suffix_match"), problems);
            break;
        case HeaderMatcher::kContainsMatch:
            match.text = text_of(Kind::contains, message.contains_match(), path.field("contains_match"), problems);
            break;
        case HeaderMatcher::kSafeRegexMatch:
            match.text.kind = Kind::regex;
            match.text.value = message.safe_regex_match().regex();
            match.text.compiled = read_regex(message.safe_regex_match(), path.field("safe_regex_match"), problems);
            break;
        case HeaderMatcher::kStringMatch:
            match.text = read_string_match(message.string_match(), path.field("string_match"), problems);
            break;
        case HeaderMatcher::kRangeMatch:
            match.kind = HeaderMatch::Kind::range;
            match.start = message.range_match().start();
            match.end = message.range_match().end();
            break;
        case HeaderMatcher::kPresentMatch:
            match.kind = HeaderMatch::Kind::present;
            match.present = message.present_match();
            break;
        case HeaderMatcher::HEADER_MATCH_SPECIFIER_NOT_SET:
            match.kind = HeaderMatch::Kind::present;
            break;
    }
}

void report_regex(const RegexMatcher& message, const re2::RE2& regex, const Path& path, Problems& problems) {
    const Path at = path.field("regex");
    require_text(message.regex(), at, problems);
    if (!regex.ok()) problems.error(at, "invalid regex '" + message.regex() + "': " + regex.error());
}

}  // namespace

Regex read_regex(const RegexMatcher& message, const Path& path, Problems& problems) {
    Regex regex = compile_for_whole(message.regex());
    report_regex(message, *regex, path, problems);
    return regex;
}

RegexRewrite read_regex_rewrite(const RegexMatchAndSubstitute& message, const Path& path, Problems& problems) {
    const Path at = path.field("substitution");
    re2::RE2::Options options;
    options.set_log_errors(false);
    RegexRewrite rewrite{std::make_shared<const re2::RE2>(message.pattern().regex(), options), message.substitution()};
    report_regex(message.pattern(), *rewrite.pattern, path.field("pattern"), problems);
    std::string error;
    if (rewrite.pattern->ok() && !rewrite.pattern->CheckRewriteString(rewrite.substitution, &error)) {
        problems.error(at, error);
    }
    check_request_target(rewrite.substitution, at, problems);
    return rewrite;
}

TextMatcher read_text_matcher(const StringMatcher& message, const Path& path, Problems& problems) {
    TextMatcher matcher;
    matcher.ignore_case = message.ignore_case();
    const auto set = [&](TextMatcher::Kind kind, const std::string& value, const Path& at) {
        matcher.kind = kind;
        matcher.value = value;
        if (kind != TextMatcher::Kind::exact) require_text(value, at, problems);
    };
    switch (message.match_pattern_case()) {
        case StringMatcher::kExact:
            set(TextMatcher::Kind::exact, message.exact(), path.field("exact"));
            break;
        case StringMatcher::kPrefix:
            set(TextMatcher::Kind::prefix, message.prefix(), path.field("prefix"));
            break;
        case StringMatcher::kSuffix:
            set(TextMatcher::Kind::suffix, message.suffix(), path.field("suffix"));
            break;
        case StringMatcher::kContains:
            set(TextMatcher::Kind::contains, message.contains(), path.field("contains"));
            break;
        case StringMatcher::kSafeRegex:
            set(TextMatcher::Kind::regex, message.safe_regex().regex(), path.field("safe_regex").field("regex"));
            if (matcher.ignore_case) {
                problems.error(path.field("ignore_case"), "ignore_case has no effect for safe_regex.");
            }
            break;
        case StringMatcher::MATCH_PATTERN_NOT_SET:
            problems.error(path, "one of exact, prefix, suffix, safe_regex, contains is required");
            break;
    }
    return matcher;
}

StringMatch read_string_match(const StringMatcher& message, const Path& path, Problems& problems) {
    StringMatch match{read_text_matcher(message, path, problems), {}};
    if (match.kind == TextMatcher::Kind::regex && !match.value.empty()) {
        match.compiled = read_regex(message.safe_regex(), path.field("safe_regex"), problems);
    }
    return match;
}

HeaderMatch read_header_match(const HeaderMatcher& message, const Path& path, Problems& problems) {
    HeaderMatch match;
    match.name = read_header_to_read(message.name(), path.field("name"), problems);
    require_text(match.name, path.field("name"), problems);
    read_header_value(message, path, match, problems);
    match.invert = message.invert_match();
    match.missing_is_empty = message.treat_missing_header_as_empty();
    return match;
}

QueryMatch read_query_match(const QueryParameterMatcher& message, const Path& path, Problems& problems) {
    QueryMatch match;
    match.name = message.name();
    require_text(match.name, path.field("name"), problems);
    switch (message.query_parameter_match_specifier_case()) {
        case QueryParameterMatcher::kStringMatch:
            match.text = read_string_match(message.string_match(), path.field("string_match"), problems);
            break;
        case QueryParameterMatcher::kPresentMatch:
            match.present = message.present_match();
            break;
        case QueryParameterMatcher::QUERY_PARAMETER_MATCH_SPECIFIER_NOT_SET:
            break;
    }
    return match;
}

}  // namespace heirloom::config
