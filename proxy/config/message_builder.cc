// SPDX-License-Identifier: Apache-2.0
#include "proxy/config/message_builder.h"

#include <google/protobuf/any.pb.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/struct.pb.h>
#include <strings.h>

#include <algorithm>
#include <limits>
#include <map>
#include <memory>
#include <set>
#include <unordered_map>

#include "proxy/config/scalar_values.h"
#include "proxy/config/schema.h"

namespace heirloom::config {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;

constexpr std::string_view kWrapperFile = "google/protobuf/wrappers.proto";
constexpr size_t kMaxExpandedText = 256u << 20;

std::string quoted(std::string_view text) {
    constexpr size_t kShown = 200;
    std::string out = "'";
    out.append(text.substr(0, kShown)).append(text.size() > kShown ? "...'" : "'");
    return out;
}

std::string describe(const Node& node) {
    switch (node.kind) {
        case Node::Kind::null:
            return "nothing";
        case Node::Kind::scalar:
            return quoted(node.text);
        case Node::Kind::list:
            return "a list";
        case Node::Kind::map:
            return "a map";
    }
    return {};
}

const FieldDescriptor* find_field(const Descriptor& descriptor, std::string_view key) {
    for (int i = 0; i < descriptor.field_count(); ++i) {
        if (is_same_field(key, descriptor.field(i)->name())) return descriptor.field(i);
    }
    return nullptr;
}

const EnumValueDescriptor* find_enum_value(const FieldDescriptor& field, const Node& node) {
    const auto& type = *field.enum_type();
    for (int i = 0; i < type.value_count(); ++i) {
        if (strcasecmp(type.value(i)->name().c_str(), node.text.c_str()) == 0) return type.value(i);
    }
    int64_t number = 0;
    constexpr int64_t kLeast = std::numeric_limits<int32_t>::min(), kMost = std::numeric_limits<int32_t>::max();
    if (!parse_signed(node.text, node.plain, kLeast, kMost, &number)) return nullptr;
    return type.FindValueByNumber(static_cast<int>(number));
}

std::string list_enum_values(const FieldDescriptor& field) {
    std::string text;
    for (int i = 0; i < field.enum_type()->value_count(); ++i) {
        text += (i == 0 ? "" : ", ") + field.enum_type()->value(i)->name();
    }
    return text;
}

// Sets a singular field or appends to a repeated one.
template <class Value, class Set, class Add>
void store(google::protobuf::Message& message, const FieldDescriptor& field, Value value, Set set, Add add) {
    const auto& reflection = *message.GetReflection();
    if (field.is_repeated()) {
        (reflection.*add)(&message, &field, std::move(value));
    } else {
        (reflection.*set)(&message, &field, std::move(value));
    }
}

}  // namespace

#define STORE(name, value) \
    store(message, field, value, &google::protobuf::Reflection::Set##name, &google::protobuf::Reflection::Add##name)

void MessageBuilder::build(Message& message) {
    if (document_.root == nullptr || document_.root->kind == Node::Kind::null) return;
    fill(message, *document_.root, Path(), "");
}

void MessageBuilder::error(const Node& node, const Path& path, const std::string& what) {
    problems_.syntax_error(document_, node.mark, path, what);
}

bool MessageBuilder::spend(const Node& node, const Path& path) {
    text_bytes_ += node.text.size();
    if (++visits_ <= kMaxDocumentNodes && text_bytes_ <= kMaxExpandedText) return true;
    if (!is_exhausted_) error(node, path, "aliases expand to too much");
    is_exhausted_ = true;  // said once; nothing more is taken
    return false;
}

void MessageBuilder::fill(Message& message, const Node& node, const Path& path, std::string_view holder) {
    if (!spend(node, path)) return;
    const Descriptor& descriptor = *message.GetDescriptor();
    if (&descriptor == google::protobuf::Any::descriptor()) return fill_any(message, node, path, holder);
    if (&descriptor == google::protobuf::Duration::descriptor()) return fill_duration(message, node, path);
    if (&descriptor == google::protobuf::Struct::descriptor()) return fill_struct(message, node, path);
    if (descriptor.file()->name() == kWrapperFile) {
        // The default of a scalar in proto3 counts as absent to a merge, so it is written, not merged.
        message.Clear();
        return set_scalar(message, *descriptor.field(0), node, path);
    }
    if (node.kind != Node::Kind::map) return error(node, path, "expected a map, found " + describe(node));
    if (++depth_ > kMaxDocumentDepth) {
        error(node, path, "nested too deeply");
        --depth_;
        return;
    }
    // Of two equal keys the last one wins.
    std::map<std::string_view, const Node::Member*> last;
    for (const Node::Member& member : node.members) {
        const FieldDescriptor* field = find_field(descriptor, member.key);
        const std::string_view name = field != nullptr ? std::string_view(field->name()) : std::string_view(member.key);
        const auto [entry, is_new] = last.insert({name, &member});
        if (is_new) continue;
        problems_.warning(document_, member.mark, path.field(name), "given twice, the last one counts");
        entry->second = &member;
    }
    std::set<const google::protobuf::OneofDescriptor*> oneofs;
    const bool is_any_content = holder.starts_with("@");
    for (const Node::Member& member : node.members) {
        if (is_any_content && member.key == "@type") continue;
        const FieldDescriptor* field = find_field(descriptor, member.key);
        const auto found = last.find(field != nullptr ? std::string_view(field->name()) : std::string_view(member.key));
        if (found == last.end() || found->second != &member) continue;
        const Path at = path.field(field != nullptr ? field->name() : member.key);
        if (field == nullptr || is_rejected_here(holder, field->name())) {
            unknown_field(message, member, at);
            continue;
        }
        if (member.value->kind == Node::Kind::null) continue;  // as if it were not there, as in protobuf's JSON
        if (const auto* oneof = field->real_containing_oneof(); oneof != nullptr && !oneofs.insert(oneof).second) {
            problems_.syntax_error(document_, member.mark, at,
                                   "only one of the fields of '" + oneof->name() + "' may be set");
            continue;
        }
        if (field->options().deprecated()) {
            ++deprecated_fields_;
            problems_.warning(document_, member.mark, at,
                              "Deprecated field: type " + descriptor.full_name() + " Using deprecated option '" +
                                  field->full_name() + "' from file " + field->file()->name());
        }
        set_field(message, *field, *member.value, at, holder);
    }
    --depth_;
}

void MessageBuilder::unknown_field(const Message& message, const Node::Member& member, const Path& path) {
    const Descriptor& descriptor = *message.GetDescriptor();
    std::string what = "unknown or unsupported field of " + descriptor.full_name();
    if (member.key == "<<") {
        what = "merge keys (<<) are not supported";
    } else if (find_field(descriptor, member.key) != nullptr) {
        what = "not supported in this place";
    } else {
        what += suggest_field(descriptor, member.key);
    }
    if (allow_unknown_) {
        ++unknown_fields_;
        problems_.warning(document_, member.mark, path, what);
    } else {
        problems_.syntax_error(document_, member.mark, path, what);
    }
}

void MessageBuilder::set_field(Message& message, const Field& field, const Node& node, const Path& path,
                               std::string_view outer) {
    if (field.is_map()) return set_map(message, field, node, path);
    const bool is_message = field.cpp_type() == Field::CPPTYPE_MESSAGE;
    const auto set_one = [&](const Node& value, const Path& at) {
        is_message ? set_message(message, field, value, at, outer) : set_scalar(message, field, value, at);
    };
    if (!field.is_repeated()) return set_one(node, path);
    const auto& reflection = *message.GetReflection();
    size_t index = static_cast<size_t>(reflection.FieldSize(message, &field));  // what a file before this one has given
    if (node.kind != Node::Kind::list) return set_one(node, path.item(index));  // one value in place of a list
    if (!spend(node, path)) return;
    for (const Node* item : node.items) {
        const Path at = path.item(index++);
        if (item->kind != Node::Kind::null) {
            set_one(*item, at);
            continue;
        }
        error(*item, at, "nothing in a list");
        if (is_message) reflection.AddMessage(&message, &field);  // so that the next ones keep their numbers
    }
}

void MessageBuilder::set_map(Message& message, const Field& field, const Node& node, const Path& path) {
    if (node.kind != Node::Kind::map) return error(node, path, "expected a map, found " + describe(node));
    if (!spend(node, path)) return;
    const auto& reflection = *message.GetReflection();
    const FieldDescriptor& key = *field.message_type()->map_key();
    const FieldDescriptor& value = *field.message_type()->map_value();
    std::unordered_map<std::string, Message*> entries;
    for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
        Message* entry = reflection.MutableRepeatedMessage(&message, &field, i);
        entries[entry->GetReflection()->GetString(*entry, &key)] = entry;
    }
    for (const Node::Member& member : node.members) {
        const Path at = path.key(member.key);
        if (member.value->kind == Node::Kind::null) {
            error(*member.value, at, "expected a value, found nothing");
            continue;
        }
        Message*& entry = entries[member.key];
        if (entry == nullptr) {
            entry = reflection.AddMessage(&message, &field);
            entry->GetReflection()->SetString(entry, &key, member.key);
        }
        Message* content = entry->GetReflection()->MutableMessage(entry, &value);
        content->Clear();
        fill(*content, *member.value, at, field.full_name());
    }
}

void MessageBuilder::set_message(Message& message, const Field& field, const Node& node, const Path& path,
                                 std::string_view outer) {
    const auto& reflection = *message.GetReflection();
    Message* child =
        field.is_repeated() ? reflection.AddMessage(&message, &field) : reflection.MutableMessage(&message, &field);
    fill(*child, node, path, holder_name(field, outer));
}

void MessageBuilder::set_scalar(Message& message, const Field& field, const Node& node, const Path& path) {
    if (node.kind != Node::Kind::scalar) {
        const char* wanted = field.cpp_type() == Field::CPPTYPE_STRING ? "text" : "a single value";
        return error(node, path, std::string("expected ") + wanted + ", found " + describe(node));
    }
    if (!spend(node, path)) return;
    const auto refuse = [&](std::string_view wanted) {
        error(node, path, "expected " + std::string(wanted) + ", found " + describe(node));
    };
    bool truth = false;
    int64_t number = 0;
    uint64_t natural = 0;
    double real = 0;
    switch (field.cpp_type()) {
        case Field::CPPTYPE_BOOL:
            if (!parse_bool(node.text, node.plain, &truth)) return refuse("true or false");
            return STORE(Bool, truth);
        case Field::CPPTYPE_INT32:
            if (!parse_signed(node.text, node.plain, std::numeric_limits<int32_t>::min(),
                              std::numeric_limits<int32_t>::max(), &number)) {
                return refuse("a whole number of 32 bits");
            }
            return STORE(Int32, static_cast<int32_t>(number));
        case Field::CPPTYPE_INT64:
            if (!parse_signed(node.text, node.plain, std::numeric_limits<int64_t>::min(),
                              std::numeric_limits<int64_t>::max(), &number)) {
                return refuse("a whole number");
            }
            return STORE(Int64, number);
        case Field::CPPTYPE_UINT32:
            if (!parse_unsigned(node.text, node.plain, std::numeric_limits<uint32_t>::max(), &natural)) {
                return refuse("a whole number from 0 to 4294967295");
            }
            return STORE(UInt32, static_cast<uint32_t>(natural));
        case Field::CPPTYPE_UINT64:
            if (!parse_unsigned(node.text, node.plain, std::numeric_limits<uint64_t>::max(), &natural)) {
                return refuse("a whole number from 0");
            }
            return STORE(UInt64, natural);
        case Field::CPPTYPE_DOUBLE:
            if (!parse_double(node.text, &real)) return refuse("a number");
            return STORE(Double, real);
        case Field::CPPTYPE_FLOAT:
            if (!parse_double(node.text, &real)) return refuse("a number");
            return STORE(Float, static_cast<float>(real));
        case Field::CPPTYPE_ENUM: {
            const EnumValueDescriptor* value = find_enum_value(field, node);
            if (value == nullptr) {
                return error(
                    node, path,
                    "unknown or unsupported value " + quoted(node.text) + "; supported: " + list_enum_values(field));
            }
            return STORE(Enum, value);
        }
        case Field::CPPTYPE_STRING: {
            std::string text = node.text;
            if (field.type() == Field::TYPE_BYTES) {
                if (!decode_base64(node.text, &text)) return refuse("base64");
            } else if (node.plain && (parse_bool(node.text, true, &truth) ||
                                      parse_signed(node.text, true, std::numeric_limits<int64_t>::min(),
                                                   std::numeric_limits<int64_t>::max(), &number))) {
                return error(node, path, "expected text, found " + quoted(node.text) + "; write it in quotes");
            }
            return STORE(String, std::move(text));
        }
        case Field::CPPTYPE_MESSAGE:
            break;  // set_message()
    }
}

#undef STORE

void MessageBuilder::fill_duration(Message& message, const Node& node, const Path& path) {
    auto& duration = static_cast<google::protobuf::Duration&>(message);
    int64_t seconds = 0;
    int32_t nanoseconds = 0;
    if (node.kind != Node::Kind::scalar || !parse_duration(node.text, &seconds, &nanoseconds)) {
        return error(node, path, "expected a duration like \"0.25s\", found " + describe(node));
    }
    duration.set_seconds(seconds);
    duration.set_nanos(nanoseconds);
}

void MessageBuilder::fill_any(Message& message, const Node& node, const Path& path, std::string_view holder) {
    if (node.kind != Node::Kind::map) return error(node, path, "expected a map with @type, found " + describe(node));
    const Node* type = nullptr;
    for (const Node::Member& member : node.members) {
        if (member.key == "@type") type = member.value;
    }
    if (type == nullptr || type->kind != Node::Kind::scalar) return error(node, path.field("@type"), "required");
    const std::string name = type->text.substr(type->text.rfind('/') + 1);
    const AnyTypes* allowed = find_any_types(holder);
    std::string choices;
    const Descriptor* descriptor = nullptr;
    for (const Descriptor* choice : allowed != nullptr ? allowed->types : std::vector<const Descriptor*>()) {
        choices += (choices.empty() ? "" : ", ") + choice->full_name();
        if (choice->full_name() == name) descriptor = choice;
    }
    if (descriptor == nullptr) {
        return error(*type, path.field("@type"),
                     "unknown or unsupported type " + quoted(type->text) + "; supported: " + choices);
    }
    const Message* prototype = google::protobuf::MessageFactory::generated_factory()->GetPrototype(descriptor);
    const std::unique_ptr<Message> content(prototype->New());
    fill(*content, node, path, "@" + std::string(holder));
    static_cast<google::protobuf::Any&>(message).PackFrom(*content);
}

namespace {

size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<size_t> row(b.size() + 1);
    for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
    for (size_t i = 1; i <= a.size(); ++i) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.size(); ++j) {
            const size_t above = row[j];
            row[j] = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
            diagonal = above;
        }
    }
    return row[b.size()];
}

}  // namespace

std::string suggest_field(const Descriptor& descriptor, std::string_view name) {
    // A digit makes another thing, not a slip: http2_protocol_options is not a bad http_protocol_options.
    if (name.size() > 60 || name.find_first_of("0123456789") != std::string_view::npos) return {};
    const FieldDescriptor* best = nullptr;
    size_t least = std::min<size_t>(2, name.size() / 3) + 1;
    for (int i = 0; i < descriptor.field_count(); ++i) {
        const size_t distance = edit_distance(name, descriptor.field(i)->name());
        if (distance < least) {
            least = distance;
            best = descriptor.field(i);
        }
    }
    return best == nullptr ? std::string() : "; did you mean '" + best->name() + "'?";
}

}  // namespace heirloom::config
