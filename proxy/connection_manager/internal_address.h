// SPDX-License-Identifier: Apache-2.0
// Is a client inside, by `internal_address_config`? Without one nobody is (Envoy's default since 1.33).
#pragma once

#include "proxy/config/snapshot.h"
#include "shm/socket_name.h"

namespace heirloom::connection_manager {

bool is_internal(const config::InternalAddresses& inside, const shm::SocketAddress& client);

}  // namespace heirloom::connection_manager
