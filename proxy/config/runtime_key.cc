// SPDX-License-Identifier: Apache-2.0
#include "proxy/config/runtime_key.h"

#include <mutex>
#include <string>
#include <unordered_map>

namespace heirloom::config {

RuntimeKey RuntimeKey::of(std::string_view name) {
    static std::mutex mutex;
    static std::unordered_map<std::string, uint32_t> known;
    if (name.empty()) return {};
    const std::lock_guard lock(mutex);
    return RuntimeKey(known.try_emplace(std::string(name), static_cast<uint32_t>(known.size() + 1)).first->second);
}

}  // namespace heirloom::config
