// SPDX-License-Identifier: Apache-2.0
// docs/config-support.md as it must read: made from the descriptors of proxy/api and the tables of schema.h, so that
// the document cannot say anything else than what the loader does. Not part of the programs.
#pragma once

#include <string>

namespace heirloom::config {

std::string config_support_document();

}  // namespace heirloom::config
