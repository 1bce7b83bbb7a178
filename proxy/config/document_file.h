// SPDX-License-Identifier: Apache-2.0
// Files of configuration text, read and parsed by their extension. Internal to config/.
#pragma once

#include <string>
#include <string_view>

#include "proxy/config/config_file.h"
#include "proxy/config/document.h"
#include "shm/result.h"

namespace heirloom::config {

struct LoadedDocument {
    std::string text;
    Document document;
};

// .yaml and .yml as YAML, all others as JSON, as Envoy does. Errors name file and place.
Result<LoadedDocument> load_document_file(const std::string& path, size_t max_bytes, FileKind kind);

bool has_extension(std::string_view path, std::string_view extension);  // in any case
// Error: "NAME:LINE:COLUMN: not UTF-8".
Status check_utf8(const std::string& name, std::string_view text);

}  // namespace heirloom::config
