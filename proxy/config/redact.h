// SPDX-License-Identifier: Apache-2.0
// Takes private keys, passwords and session ticket keys out of messages before they are shown (/config_dump).
#pragma once

#include <google/protobuf/message.h>

namespace heirloom::config {

// As Envoy: each text in such a field becomes "[redacted]", also the name of a file. Looks into Any fields too.
void redact(google::protobuf::Message& message);

}  // namespace heirloom::config
