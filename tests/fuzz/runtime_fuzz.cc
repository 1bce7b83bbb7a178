// SPDX-License-Identifier: Apache-2.0
// Any text as a runtime value: what it can be read as agrees with itself, and the table gives just that.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string>

#include "proxy/runtime/table.h"

using namespace heirloom;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size > 4096) return 0;
    const config::RuntimeValue value =
        config::parse_runtime_value(std::string(reinterpret_cast<const char*>(data), size));
    const auto require = [](bool holds) {
        if (!holds) std::abort();
    };
    if (value.number) require(std::isfinite(*value.number));
    if (value.integer) require(value.number && std::floor(*value.number) == static_cast<double>(*value.integer));
    if (value.percent) {
        const uint32_t of = value.percent->denominator;
        require(of == 100 || of == 10'000 || of == 1'000'000);
    }
    const auto key = config::RuntimeKey::of("key");
    const runtime::Table table(config::RuntimeValues{{"key", value}});
    for (const uint64_t otherwise : {0, 1}) {
        require(table.integer(key, otherwise) == value.integer.value_or(otherwise));
        require(table.number(key, 0.5) == value.number.value_or(0.5));
        require(table.truth(key, otherwise) == value.truth.value_or(otherwise));
        const config::RuntimeFraction fraction{{static_cast<uint32_t>(otherwise), 100}, key};
        config::FractionalPercent percent = fraction.otherwise;
        if (value.integer) percent = {static_cast<uint32_t>(std::min<uint64_t>(*value.integer, 100)), 100};
        require(table.percent(fraction) == value.percent.value_or(percent));
    }
    return 0;
}
