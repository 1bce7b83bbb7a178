// SPDX-License-Identifier: Apache-2.0
// Any bytes as a configuration: the first decides between YAML inline text and JSON by its own reader. Must not crash,
// must not take longer than its size allows, and what is accepted must load again from its own dump.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "proxy/config/access_log_format.h"
#include "proxy/config/bootstrap_loader.h"
#include "proxy/config/document.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace heirloom::config;
    if (size == 0 || size > 64 * 1024) return 0;
    const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
    if (data[0] % 4 == 0) {
        (void)parse_access_log_format(text);
        return 0;
    }
    if (data[0] % 4 == 1) {
        (void)parse_json("fuzz", text);
        return 0;
    }
    LoadRequest request;
    request.inline_yaml = text;
    request.allow_unknown_static_fields = data[0] % 4 == 3;
    const auto snapshot = load_bootstrap(request);
    if (!snapshot || text.empty()) return 0;
    request.inline_yaml = (*snapshot)->dump.bootstrap;
    if (!load_bootstrap(request)) abort();
    return 0;
}
