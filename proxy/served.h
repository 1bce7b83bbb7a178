// SPDX-License-Identifier: Apache-2.0
// What the configuration can say and this version does not do yet: refused by name, when validating as when starting,
// so that nothing is served in another way than was asked for. Main thread.
#pragma once

#include "proxy/config/snapshot.h"
#include "shm/result.h"

namespace heirloom::server {

// Error: "cluster 'a': TLS is not served by this version".
Status check_served(const config::Snapshot& snapshot);

}  // namespace heirloom::server
