// SPDX-License-Identifier: Apache-2.0
#include "proxy/config/runtime_key.h"

#include <mutex>
#include <string>
#include <unordered_map>

namespace heirloom::config {

namespace {

struct Names {
    std::mutex mutex;
    std::unordered_map<std::string, uint32_t> known;
};

Names& names() {
    static Names all;
    return all;
}

}  // namespace

RuntimeKey RuntimeKey::of(std::string_view name) {
    if (name.empty()) return {};
    Names& all = names();
    const std::lock_guard lock(all.mutex);
    const auto next = static_cast<uint32_t>(all.known.size() + 1);
    return RuntimeKey(all.known.try_emplace(std::string(name), next).first->second);
}

RuntimeKey RuntimeKey::find(std::string_view name) {
    Names& all = names();
    const std::lock_guard lock(all.mutex);
    const auto found = all.known.find(std::string(name));
    return found == all.known.end() ? RuntimeKey() : RuntimeKey(found->second);
}

}  // namespace heirloom::config
