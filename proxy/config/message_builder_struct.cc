// SPDX-License-Identifier: Apache-2.0
// google.protobuf.Struct: what a document holds without a schema.
#include <google/protobuf/struct.pb.h>

#include <limits>
#include <set>

#include "proxy/config/message_builder.h"
#include "proxy/config/scalar_values.h"

namespace heirloom::config {
namespace {

using google::protobuf::Struct;
using google::protobuf::Value;

// Whole numbers of YAML are numbers as long as they have 32 bits; larger ones and fractions are texts, as in Envoy.
void set_yaml_scalar(Value& value, const Node& node) {
    bool truth = false;
    int64_t number = 0;
    if (node.plain && parse_bool(node.text, true, &truth)) return value.set_bool_value(truth);
    const bool is_hexadecimal = node.text.find_first_of("xX") != std::string::npos;
    const bool is_real = !is_hexadecimal && node.text.find_first_of(".eE") != std::string::npos;
    if (!node.plain || is_real ||
        !parse_signed(node.text, true, std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max(),
                      &number)) {
        return value.set_string_value(node.text);
    }
    if (number >= std::numeric_limits<int32_t>::min() && number <= std::numeric_limits<int32_t>::max()) {
        return value.set_number_value(static_cast<double>(number));
    }
    value.set_string_value(std::to_string(number));
}

void set_json_scalar(Value& value, const Node& node) {
    double number = 0;
    if (!node.plain) return value.set_string_value(node.text);
    if (node.text == "true" || node.text == "false") return value.set_bool_value(node.text == "true");
    if (parse_double(node.text, &number)) return value.set_number_value(number);
    value.set_string_value(node.text);
}

}  // namespace

void MessageBuilder::fill_value(Message& message, const Node& node, const Path& path) {
    if (!spend(node, path)) return;
    auto& value = static_cast<Value&>(message);
    switch (node.kind) {
        case Node::Kind::null:
            return value.set_null_value(google::protobuf::NULL_VALUE);
        case Node::Kind::scalar:
            return document_.is_json ? set_json_scalar(value, node) : set_yaml_scalar(value, node);
        case Node::Kind::map:
            return fill_struct(*value.mutable_struct_value(), node, path);
        case Node::Kind::list:
            break;
    }
    auto& list = *value.mutable_list_value();
    if (++depth_ > kMaxDocumentDepth) error(node, path, "nested too deeply");
    for (size_t i = 0; i < node.items.size() && depth_ <= kMaxDocumentDepth; ++i) {
        fill_value(*list.add_values(), *node.items[i], path.item(i));
    }
    --depth_;
}

void MessageBuilder::fill_struct(Message& message, const Node& node, const Path& path) {
    if (node.kind != Node::Kind::map) return error(node, path, "expected a map");
    auto& fields = *static_cast<Struct&>(message).mutable_fields();
    if (++depth_ > kMaxDocumentDepth) error(node, path, "nested too deeply");
    std::set<std::string_view> seen;
    for (const Node::Member& member : node.members) {
        if (depth_ > kMaxDocumentDepth) break;
        const Path at = path.key(member.key);
        if (!seen.insert(member.key).second) {
            problems_.warning(document_, member.mark, at, "given twice, the last one counts");
        }
        Value& value = fields[member.key];
        value.Clear();
        fill_value(value, *member.value, at);
    }
    --depth_;
}

}  // namespace heirloom::config
