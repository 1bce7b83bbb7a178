// SPDX-License-Identifier: Apache-2.0
#include <re2/re2.h>

#include <algorithm>
#include <cctype>
#include <cmath>

#include "envoy/config/bootstrap/v3/bootstrap.pb.h"
#include "proxy/config/readers.h"
#include "proxy/config/stats_config.h"
#include "proxy/stats/tags.h"

namespace heirloom::config {
namespace {

using envoy::config::bootstrap::v3::Bootstrap;
using envoy::config::metrics::v3::DogStatsdSink;
using envoy::config::metrics::v3::HistogramBucketSettings;
using envoy::config::metrics::v3::StatsdSink;
using envoy::config::metrics::v3::StatsMatcher;
using envoy::config::metrics::v3::StatsSink;
using envoy::config::metrics::v3::TagSpecifier;
using envoy::type::matcher::v3::ListStringMatcher;
using stats::TagRule;

// A matcher that has a problem is left out: a broken expression must not be asked.
std::vector<StringMatch> read_list(const ListStringMatcher& message, const Path& path, Problems& problems) {
    std::vector<StringMatch> list;
    if (message.patterns().empty()) problems.error(path.field("patterns"), "must have at least one pattern");
    for (int i = 0; i < message.patterns_size(); ++i) {
        StringMatch match =
            read_string_match(message.patterns(i), path.item("patterns", static_cast<size_t>(i)), problems);
        if (match.kind != TextMatcher::Kind::regex || match.compiled) list.push_back(std::move(match));
    }
    return list;
}

std::function<bool(std::string_view)> read_matcher(const StatsMatcher& message, const Path& path, Problems& problems) {
    const auto any_of = [](const std::vector<StringMatch>& list, std::string_view name) {
        return std::any_of(list.begin(), list.end(), [name](const StringMatch& match) { return match.matches(name); });
    };
    switch (message.stats_matcher_case()) {
        case StatsMatcher::kRejectAll:
            if (!message.reject_all()) return {};
            return [](std::string_view) { return true; };
        case StatsMatcher::kExclusionList:
            return [any_of, list = read_list(message.exclusion_list(), path.field("exclusion_list"), problems)](
                       std::string_view name) { return any_of(list, name); };
        case StatsMatcher::kInclusionList:
            return [any_of, list = read_list(message.inclusion_list(), path.field("inclusion_list"), problems)](
                       std::string_view name) { return !any_of(list, name); };
        case StatsMatcher::STATS_MATCHER_NOT_SET:
            problems.error(path, "one of reject_all, exclusion_list, inclusion_list is required");
            break;
    }
    return {};
}

// "^name\." at the front of an expression: it can only fit names that begin so. Envoy asks such expressions last.
std::string first_element(std::string_view regex) {
    if (!regex.starts_with('^')) return {};
    size_t end = 1;
    while (end < regex.size() && (std::isalnum(static_cast<unsigned char>(regex[end])) || regex[end] == '_')) ++end;
    return regex.substr(end).starts_with("\\.") ? std::string(regex.substr(1, end - 1)) : std::string();
}

void read_tag(const TagSpecifier& message, const Path& path, stats::Rules& rules, Problems& problems) {
    TagRule rule;
    rule.name = message.tag_name();
    require_text(rule.name, path.field("tag_name"), problems);
    if (message.tag_value_case() == TagSpecifier::kFixedValue) {
        rule.kind = TagRule::Kind::fixed;
        rule.value = message.fixed_value();
    } else if (message.regex().empty()) {
        rule.kind = TagRule::Kind::standard;
        if (!stats::is_standard_tag(rule.name)) {
            problems.error(path,
                           "No regex specified for tag specifier and no default regex for name: '" + rule.name + "'");
        }
    } else {
        re2::RE2::Options options;
        options.set_log_errors(false);
        rule.regex = std::make_shared<const re2::RE2>(message.regex(), options);
        rule.first_element = first_element(message.regex());
        const Path at = path.field("regex");
        if (!rule.regex->ok()) {
            problems.error(at, "invalid regex '" + message.regex() + "': " + rule.regex->error());
        } else if (rule.regex->NumberOfCapturingGroups() == 0) {
            problems.error(at, "has no group: there is nothing that could become the tag's value");
        }
    }
    rules.tags.push_back(std::move(rule));
}

void read_buckets(const HistogramBucketSettings& message, const Path& path, stats::Rules& rules, Problems& problems) {
    stats::BucketRule rule;
    if (!message.has_match()) {
        problems.error(path.field("match"), "required");
        return;
    }
    StringMatch match = read_string_match(message.match(), path.field("match"), problems);
    rule.bounds.assign(message.buckets().begin(), message.buckets().end());
    std::sort(rule.bounds.begin(), rule.bounds.end());
    const Path at = path.field("buckets");
    if (rule.bounds.empty()) problems.error(at, "must have at least one bucket");
    if (rule.bounds.size() > 1000) problems.error(at, "must have at most 1000 buckets");
    for (size_t i = 0; i < rule.bounds.size(); ++i) {
        if (!(rule.bounds[i] > 0) || !std::isfinite(rule.bounds[i])) {
            problems.error(at, "each must be greater than 0");
            break;
        }
        if (i > 0 && rule.bounds[i] == rule.bounds[i - 1]) {
            problems.error(at, "each may be given only once");
            break;
        }
    }
    if (match.kind == TextMatcher::Kind::regex && !match.compiled) return;
    rule.matches = [match = std::move(match)](std::string_view name) { return match.matches(name); };
    rules.buckets.push_back(std::move(rule));
}

void read_statsd(const StatsdSink& message, const Path& path, const NodeConfig& node, ReadContext& context,
                 StatsSinkConfig& sink) {
    if (!message.prefix().empty()) sink.prefix = message.prefix();
    switch (message.statsd_specifier_case()) {
        case StatsdSink::kAddress:
            sink.address = read_datagram_address(message.address(), path.field("address"), context.problems);
            break;
        case StatsdSink::kTcpClusterName: {
            sink.tcp_cluster = message.tcp_cluster_name();
            const Path at = path.field("tcp_cluster_name");
            require_text(sink.tcp_cluster, at, context.problems);
            if (context.clusters_known && !context.clusters.contains(sink.tcp_cluster)) {
                context.problems.error(at, "tcp statsd: unknown cluster '" + sink.tcp_cluster + "'");
            }
            if (node.id.empty() || node.cluster.empty()) {
                context.problems.error(at,
                                       "tcp statsd: node 'id' and 'cluster' are required. Set it either in 'node' "
                                       "config or via --service-node and --service-cluster options.");
            }
            break;
        }
        case StatsdSink::STATSD_SPECIFIER_NOT_SET:
            context.problems.error(path, "one of address, tcp_cluster_name is required");
            break;
    }
}

void read_dog_statsd(const DogStatsdSink& message, const Path& path, StatsSinkConfig& sink, Problems& problems) {
    sink.form = StatsSinkConfig::Form::dog_statsd;
    if (!message.prefix().empty()) sink.prefix = message.prefix();
    if (message.has_address()) {
        sink.address = read_datagram_address(message.address(), path.field("address"), problems);
    } else {
        problems.error(path.field("address"), "required");
    }
    if (!message.has_max_bytes_per_datagram()) return;
    sink.max_bytes_per_datagram = message.max_bytes_per_datagram().value();
    if (sink.max_bytes_per_datagram == 0 || sink.max_bytes_per_datagram > 65507) {
        problems.error(path.field("max_bytes_per_datagram"), "must be more than 0 and at most 65507");
    }
}

StatsSinkConfig read_sink(const StatsSink& message, const Path& path, const NodeConfig& node, ReadContext& context) {
    StatsSinkConfig sink;
    const Path at = path.field("typed_config");
    StatsdSink statsd;
    DogStatsdSink dog_statsd;
    if (message.typed_config().UnpackTo(&statsd)) {
        read_statsd(statsd, at, node, context, sink);
    } else if (message.typed_config().UnpackTo(&dog_statsd)) {
        read_dog_statsd(dog_statsd, at, sink, context.problems);
    } else {
        context.problems.error(at, "required");
    }
    return sink;
}

}  // namespace

std::shared_ptr<const StatsConfig> read_stats_config(const Bootstrap& message, const NodeConfig& node,
                                                     ReadContext& context) {
    auto config = std::make_shared<StatsConfig>();
    const auto& stats_config = message.stats_config();
    const Path path = Path().field("stats_config");
    if (stats_config.has_stats_matcher()) {
        config->rules.rejects =
            read_matcher(stats_config.stats_matcher(), path.field("stats_matcher"), context.problems);
    }
    READ_WRAPPED(stats_config, use_all_default_tags, config->rules.all_standard_tags);
    for (int i = 0; i < stats_config.stats_tags_size(); ++i) {
        read_tag(stats_config.stats_tags(i), path.item("stats_tags", static_cast<size_t>(i)), config->rules,
                 context.problems);
    }
    for (int i = 0; i < stats_config.histogram_bucket_settings_size(); ++i) {
        read_buckets(stats_config.histogram_bucket_settings(i),
                     path.item("histogram_bucket_settings", static_cast<size_t>(i)), config->rules, context.problems);
    }
    for (int i = 0; i < message.stats_sinks_size(); ++i) {
        config->sinks.push_back(
            read_sink(message.stats_sinks(i), Path().item("stats_sinks", static_cast<size_t>(i)), node, context));
    }
    if (message.stats_flush_case() == Bootstrap::kStatsFlushOnAdmin) {
        config->flush_on_admin = message.stats_flush_on_admin();
        if (!config->flush_on_admin) context.problems.error(Path().field("stats_flush_on_admin"), "must be true");
    }
    return config;
}

}  // namespace heirloom::config
