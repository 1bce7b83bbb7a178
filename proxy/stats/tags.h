// SPDX-License-Identifier: Apache-2.0
// Envoy's default tags: pieces of a stat's name that vary (cluster, listener, worker, code) become labels, so that
// `cluster.x.upstream_rq_503` is `cluster.upstream_rq` with two labels. Written by hand for the names that exist here.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace heirloom::stats {

struct Tag {
    std::string_view label;  // as Prometheus shows it: "envoy_cluster_name"; static
    std::string value;
};

struct TaggedName {
    std::string name;       // without the tags, dotted: "cluster.upstream_rq"
    std::vector<Tag> tags;  // in Envoy's order: the end of the name first
};

TaggedName extract_tags(std::string_view full_name);

}  // namespace heirloom::stats
