// SPDX-License-Identifier: Apache-2.0
// The one version number of the project; set in the Makefile.
#pragma once

#include <string>

namespace heirloom {

const char* version_number();    // "0.1.0"
const char* version_revision();  // git revision the build was made from, 12 hex digits
// Envoy's five parts, as tools split it: REVISION/VERSION/Clean/RELEASE/TLS-LIBRARY. [reference: cli.rst]
std::string version_string();

}  // namespace heirloom
