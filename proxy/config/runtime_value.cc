// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <limits>

#include "envoy/type/v3/percent.pb.h"
#include "proxy/config/message_builder.h"
#include "proxy/config/readers.h"
#include "proxy/config/runtime_config.h"
#include "proxy/config/scalar_values.h"

namespace heirloom::config {
namespace {

using PercentMessage = envoy::type::v3::FractionalPercent;

std::string_view strip(std::string_view text) {
    constexpr std::string_view kBlanks = " \t\r\n";
    const size_t first = text.find_first_not_of(kBlanks);
    if (first == text.npos) return {};
    return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

void set_number(RuntimeValue& value, double number) {
    if (!std::isfinite(number)) return;  // nothing could be compared with it
    value.number = number;
    if (number >= 0 && number < 0x1p64) value.integer = static_cast<uint64_t>(number);
    const bool is_whole = number > std::numeric_limits<int32_t>::min() &&
                          number < std::numeric_limits<int32_t>::max() && number == static_cast<int32_t>(number);
    if (is_whole) value.truth = number != 0;
}

void parse_percent(RuntimeValue& value, const Document& document) {
    Problems problems;
    problems.add_source(document);
    PercentMessage percent;
    MessageBuilder(document, problems, false).build(percent);
    if (!problems.any()) value.percent = read_fractional_percent(percent);
}

bool parse_number(std::string_view text, double* number) {
    if (!text.starts_with("0x") && !text.starts_with("0X")) return parse_double(text, number);
    uint64_t whole = 0;
    const char* const end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data() + 2, end, whole, 16);
    *number = static_cast<double>(whole);
    return error == std::errc() && rest == end;
}

// No number, truth or percent is longer; text need not be understood.
constexpr size_t kLongestValue = 4096;

}  // namespace

RuntimeValue parse_runtime_value(std::string text) {
    RuntimeValue value;
    const std::string stripped(strip(text));
    value.text = std::move(text);
    if (stripped.size() > kLongestValue) return value;
    const Result<Document> document = parse_yaml("runtime", stripped);
    if (!document || !document->root) return value;
    const Node& node = *document->root;
    if (node.kind == Node::Kind::map) {
        parse_percent(value, *document);
    } else if (node.kind == Node::Kind::scalar) {
        bool truth = false;
        double number = 0;
        if (node.plain && parse_bool(node.text, true, &truth)) {
            value.truth = truth;
        } else if (node.plain && parse_number(node.text, &number)) {
            set_number(value, number);
        }
    }
    return value;
}

RuntimeValue make_runtime_value(double number) {
    RuntimeValue value;
    value.text = fmt::format("{:g}", number);
    set_number(value, number);
    return value;
}

RuntimeValue make_runtime_value(bool truth) {
    RuntimeValue value;
    value.text = truth ? "true" : "false";
    value.truth = truth;
    return value;
}

}  // namespace heirloom::config
