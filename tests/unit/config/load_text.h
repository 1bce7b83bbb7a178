// SPDX-License-Identifier: Apache-2.0
// Loading a configuration that stands in the test.
#pragma once

#include <memory>
#include <string>

#include "proxy/config/bootstrap_loader.h"

namespace heirloom::config {

inline Result<std::shared_ptr<const Snapshot>> load(const std::string& yaml) {
    LoadRequest request;
    request.inline_yaml = yaml;
    return load_bootstrap(request);
}

// Its lines, without the places.
inline std::string errors_of(const std::string& yaml) {
    const auto snapshot = load(yaml);
    if (snapshot) return "loaded";
    std::string text = snapshot.error().text;
    for (size_t at = text.find("--config-yaml:"); at != std::string::npos; at = text.find("--config-yaml:")) {
        text.erase(at, text.find(": ", at) + 2 - at);
    }
    return text;
}

}  // namespace heirloom::config
