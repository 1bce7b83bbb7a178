// SPDX-License-Identifier: Apache-2.0
#include "envoy/config/route/v3/route_components.pb.h"
#include "proxy/config/mirror_config.h"
#include "proxy/config/readers.h"

namespace heirloom::config {

std::shared_ptr<const MirrorPolicies> read_mirror_policies(const MirrorPolicyList& list, const Path& path,
                                                           bool validate, ReadContext& context) {
    if (list.empty()) return nullptr;
    Problems& problems = context.problems;
    auto policies = std::make_shared<MirrorPolicies>();
    for (int i = 0; i < list.size(); ++i) {
        const Path at = path.item("request_mirror_policies", static_cast<size_t>(i));
        MirrorPolicyConfig& policy = policies->emplace_back();
        policy.cluster = list[i].cluster();
        policy.cluster_header = read_header_to_read(list[i].cluster_header(), at.field("cluster_header"), problems);
        if (policy.cluster.empty() == policy.cluster_header.empty())
            problems.error(at, "exactly one of cluster, cluster_header is required");
        check_cluster_known(policy.cluster, "shadow cluster", at.field("cluster"), validate, context);
        if (list[i].has_runtime_fraction())
            policy.fraction = read_runtime_fraction(list[i].runtime_fraction(), at.field("runtime_fraction"), problems);
        policy.keeps_host = list[i].disable_shadow_host_suffix_append();
    }
    context.internal_requests = true;  // what is mirrored counts as such, as in Envoy
    return policies;
}

}  // namespace heirloom::config
