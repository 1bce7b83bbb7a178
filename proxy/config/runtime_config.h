// SPDX-License-Identifier: Apache-2.0
// Runtime values and the layers that they come from, as `layered_runtime` says them. Later layers win.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "proxy/config/runtime_key.h"

namespace heirloom::config {

// One value: as it was written, and each kind as which it can be read.
struct RuntimeValue {
    std::string text;
    std::optional<uint64_t> integer;  // also of a number with a fraction, rounded down; not of a negative one
    std::optional<double> number;
    std::optional<bool> truth;  // true, false; a whole number: is it not 0
    std::optional<FractionalPercent> percent;
};

using RuntimeValues = std::map<std::string, RuntimeValue, std::less<>>;  // by key

// From the text of a file or of an order of the administrator, as YAML: a number, a boolean, text, or a map with
// `numerator` and `denominator`. What is none of these is text.
RuntimeValue parse_runtime_value(std::string text);
RuntimeValue make_runtime_value(double number);
RuntimeValue make_runtime_value(bool truth);

struct DiskLayerConfig {
    std::string root;       // symlink_root: watched
    std::string directory;  // below it, in which the keys are
};
struct AdminLayerConfig {};

struct RuntimeLayerConfig {
    std::string name;
    std::variant<RuntimeValues, DiskLayerConfig, AdminLayerConfig> kind;
};

struct RuntimeConfig {
    std::vector<RuntimeLayerConfig> layers;
};

}  // namespace heirloom::config
