// SPDX-License-Identifier: Apache-2.0
// What the messages of proxy/api cannot say themselves: which types an Any may hold, and which fields of a message that
// is used in several places have no meaning in one of them. The loader obeys these tables, docs/config-support.md
// prints them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace google::protobuf {
class Descriptor;
class FieldDescriptor;
}  // namespace google::protobuf

namespace heirloom::config {

struct AnyTypes {
    // Full name of the Any field; or of the field that holds the message around it, and "/NAME".
    std::string_view field;
    std::vector<const google::protobuf::Descriptor*> types;  // messages it may hold
};
const std::vector<AnyTypes>& any_types();

struct NotHere {
    std::string_view field;  // full name of the field that holds the message; or of one further out, and "/NAME"
    std::vector<std::string_view> fields;  // its fields that are rejected there
};
extern const std::vector<NotHere> kNotHere;

// Of a holder_name(). Never null for an Any field of the schema (a unit test walks it).
const AnyTypes* find_any_types(std::string_view field);
// The name of a field for both tables, where the message around it is held by `outer`.
std::string holder_name(const google::protobuf::FieldDescriptor& field, std::string_view outer);
bool is_rejected_here(std::string_view holder, std::string_view field);

// "a.b.c" as a path of a FieldMask: does the message have it? Only single messages may be passed through.
bool has_field_path(std::string_view message, std::string_view path);

}  // namespace heirloom::config
