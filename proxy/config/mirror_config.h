// SPDX-License-Identifier: Apache-2.0
// Where copies of a route's requests go (request_mirror_policies). Part of the snapshot.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "proxy/config/runtime_key.h"

namespace heirloom::config {

struct MirrorPolicyConfig {
    // Exactly one: a name; the field of the request that names it, lower case.
    std::string cluster;
    std::string cluster_header;
    std::optional<RuntimeFraction> fraction;  // of the requests, by chance; nothing: all
    bool keeps_host = false;                  // else "-shadow" is appended to it
};

using MirrorPolicies = std::vector<MirrorPolicyConfig>;

}  // namespace heirloom::config
