// SPDX-License-Identifier: Apache-2.0
// Prints docs/config-support.md: `make config-support`.
#include "proxy/config/config_support.h"

#include <cstdio>

int main() { return std::fputs(heirloom::config::config_support_document().c_str(), stdout) < 0 ? 1 : 0; }
