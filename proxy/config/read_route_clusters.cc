// SPDX-License-Identifier: Apache-2.0
#include <limits>

#include "envoy/config/route/v3/route_components.pb.h"
#include "proxy/config/field_names.h"
#include "proxy/config/readers.h"

namespace heirloom::config {

void check_cluster_known(const std::string& name, const char* what, const Path& path, bool validate,
                         ReadContext& context) {
    if (name.empty() || !validate || !context.clusters_known || context.clusters.contains(name)) return;
    context.problems.error(path, std::string("route: unknown ") + what + " '" + name + "'");
}

namespace {

using envoy::config::route::v3::RouteAction;
using ClusterWeight = envoy::config::route::v3::WeightedCluster::ClusterWeight;

WeightedCluster read_weighted(const ClusterWeight& message, const Path& path, bool validate, ReadContext& context) {
    Problems& problems = context.problems;
    WeightedCluster cluster;
    cluster.name = message.name();
    cluster.cluster_header = read_header_to_read(message.cluster_header(), path.field("cluster_header"), problems);
    if (cluster.name.empty() && cluster.cluster_header.empty()) {
        problems.error(path, "At least one of name or cluster_header need to be specified");
    } else if (!cluster.name.empty() && !cluster.cluster_header.empty()) {
        problems.error(path, "Only one of name or cluster_header can be specified");
    }
    check_cluster_known(cluster.name, "weighted cluster", path.field("name"), validate, context);
    if (!message.has_weight()) problems.error(path.field("weight"), "required");
    cluster.weight = message.weight().value();
    if (!message.host_rewrite_literal().empty()) {
        check_request_target(message.host_rewrite_literal(), path.field("host_rewrite_literal"), problems);
        cluster.host_rewrite = message.host_rewrite_literal();
    }
    cluster.mutations = read_header_mutations(message, path, problems);
    return cluster;
}

}  // namespace

void read_route_clusters(const RouteAction& message, const Path& path, bool validate, ForwardAction& action,
                         ReadContext& context) {
    Problems& problems = context.problems;
    switch (message.cluster_specifier_case()) {
        case RouteAction::kCluster:
            action.cluster = message.cluster();
            require_text(action.cluster, path.field("cluster"), problems);
            check_cluster_known(action.cluster, "cluster", path.field("cluster"), validate, context);
            break;
        case RouteAction::kClusterHeader:
            action.cluster_header =
                read_header_to_read(message.cluster_header(), path.field("cluster_header"), problems);
            require_text(action.cluster_header, path.field("cluster_header"), problems);
            break;
        case RouteAction::kWeightedClusters: {
            const Path at = path.field("weighted_clusters");
            const auto& clusters = message.weighted_clusters().clusters();
            if (clusters.empty()) problems.error(at.field("clusters"), "at least one is required");
            uint64_t sum = 0;
            for (int i = 0; i < clusters.size(); ++i) {
                action.weighted_clusters.push_back(
                    read_weighted(clusters[i], at.item("clusters", static_cast<size_t>(i)), validate, context));
                WeightedCluster& cluster = action.weighted_clusters.back();
                sum += cluster.weight;
                const std::string& prefix = message.weighted_clusters().runtime_key_prefix();
                if (!prefix.empty()) cluster.weight_key = RuntimeKey::of(prefix + "." + cluster.name);
            }
            if (!clusters.empty() && sum == 0) {
                problems.error(at, "Sum of weights in the weighted_cluster must be greater than 0.");
            } else if (sum > std::numeric_limits<uint32_t>::max()) {
                problems.error(at, "The sum of weights of all weighted clusters exceeds 4294967295");
            }
            break;
        }
        case RouteAction::CLUSTER_SPECIFIER_NOT_SET:
            problems.error(path, "one of cluster, cluster_header, weighted_clusters is required");
            break;
    }
}

}  // namespace heirloom::config
