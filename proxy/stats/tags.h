// SPDX-License-Identifier: Apache-2.0
// Tags: pieces of a stat's name that vary (cluster, listener, worker, code) become labels, so that
// `cluster.x.upstream_rq_503` is `cluster.upstream_rq` with two tags. Envoy's default tags are written by hand for the
// names that exist here; those of stats_tags (rules.h) come in between, as in Envoy.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "proxy/stats/rules.h"

namespace heirloom::stats {

struct Tag {
    std::string name;  // dotted: "envoy.cluster_name"
    std::string value;
};

struct TaggedName {
    std::string name;       // without what became a tag, dotted: "cluster.upstream_rq"
    std::vector<Tag> tags;  // in Envoy's order: codes, then those of stats_tags, then the end of the name first
};

TaggedName extract_tags(std::string_view full_name, const Rules& rules = default_rules());

// Is there a default tag of that name?
bool is_standard_tag(std::string_view name);

}  // namespace heirloom::stats
