// SPDX-License-Identifier: Apache-2.0
// SDS by file: reads a file of secrets with all certificates and keys that it names. Called when the bootstrap is
// loaded (also to validate it) and again on each change of a file. Any thread; the result is the caller's.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/config/tls_config.h"
#include "shm/result.h"

namespace heirloom::config {

// YAML or JSON by the extension, as a bootstrap: `resources`, a list of one Secret (Envoy refuses a file of several
// too: each has a file of its own). Errors as load_bootstrap(): one line for each thing that is wrong,
// "FILE:LINE:COLUMN: field.path: what"; `code` is not 0 where there is nothing that could be looked at: no such file,
// no YAML, no list of resources. Whether certificates, keys and trust are any good is found out by tls/.
Result<SecretFile> load_secret_file(const std::string& path);

// Null when there is none of this name.
template <class Value>
const Value* find_secret(const std::vector<std::pair<std::string, Value>>& list, std::string_view name) {
    for (const auto& [key, value] : list) {
        if (key == name) return &value;
    }
    return nullptr;
}

// combined_validation_context: what `secret` says wins over `defaults`; names and hashes of both count.
ValidationConfig merge_validation(const ValidationConfig& defaults, const ValidationConfig& secret);

// Whether they mean the same, wherever they stand.
bool same(const CertificateConfig& one, const CertificateConfig& other);
bool same(const ValidationConfig& one, const ValidationConfig& other);

}  // namespace heirloom::config
