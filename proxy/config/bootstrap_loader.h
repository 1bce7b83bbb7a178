// SPDX-License-Identifier: Apache-2.0
// Reads an Envoy v3 bootstrap (YAML or JSON) into a Snapshot. The only way in from configuration text.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "proxy/config/snapshot.h"
#include "shm/result.h"

namespace heirloom::config {

struct LoadRequest {
    std::string path;         // -c; format by extension: .yaml .yml, .json; others JSON, as Envoy
    std::string inline_yaml;  // --config-yaml; merged over the file (scalars replace, messages merge, lists append)
    bool allow_unknown_static_fields = false;
    // Command-line overrides of node.*; empty: keep.
    std::string service_node, service_cluster, service_zone;
};

// Errors: "FILE:LINE:COLUMN: field.path: what" (several joined by '\n', at most 20), all that is wrong and not just the
// first.
Result<std::shared_ptr<const Snapshot>> load_bootstrap(const LoadRequest& request);

}  // namespace heirloom::config
