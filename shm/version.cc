// SPDX-License-Identifier: Apache-2.0
#include "shm/version.h"

namespace heirloom {

const char* version_number() { return HEIRLOOM_VERSION; }
const char* version_revision() { return HEIRLOOM_REVISION; }

std::string version_string() {
    return std::string(HEIRLOOM_REVISION) + "/" + HEIRLOOM_VERSION + "/Clean/RELEASE/OpenSSL";
}

}  // namespace heirloom
