// SPDX-License-Identifier: Apache-2.0
// The parameters of an admin request: `a=1&flag&b=%20x`, percent-decoded, in order. A flag counts by its presence.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace heirloom::admin {

std::string percent_decode(std::string_view text);  // a '%' that no two hex digits follow stays

class Query {
  public:
    Query() = default;
    explicit Query(std::string_view text);  // without the '?'
    bool has(std::string_view name) const { return find(name) != nullptr; }
    // The first value; nothing when the parameter is absent.
    std::optional<std::string> get(std::string_view name) const;
    const std::vector<std::pair<std::string, std::string>>& parameters() const { return parameters_; }

  private:
    const std::string* find(std::string_view name) const;
    std::vector<std::pair<std::string, std::string>> parameters_;
};

}  // namespace heirloom::admin
