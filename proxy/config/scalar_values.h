// SPDX-License-Identifier: Apache-2.0
// Text of a configuration -> numbers, booleans, durations, as protobuf's JSON mapping and Envoy's YAML reading take
// them. All return false when the text is not of that kind or out of range.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace heirloom::config {

// `plain` (no quotes): YAML's words true/false, yes/no, on/off, y/n in lower case, Title or UPPER; quoted: true and
// false only.
bool parse_bool(std::string_view text, bool plain, bool* value);
// Decimal; plain text also 0x10 and 010 (octal); also 1e3 and 5.0, as long as it is whole.
bool parse_signed(std::string_view text, bool plain, int64_t least, int64_t most, int64_t* value);
bool parse_unsigned(std::string_view text, bool plain, uint64_t most, uint64_t* value);
bool parse_double(std::string_view text, double* value);
// "1.5s", at most nine decimals.
bool parse_duration(std::string_view text, int64_t* seconds, int32_t* nanoseconds);
bool decode_base64(std::string_view text, std::string* value);
// Position of the first byte that is not UTF-8; npos: all is.
size_t find_invalid_utf8(std::string_view text);

}  // namespace heirloom::config
