// SPDX-License-Identifier: Apache-2.0
// Fills protobuf messages from a document by reflection. Takes what Envoy takes: snake_case and lowerCamelCase names,
// one value in place of a list, enum names in any case or numbers, "0.25s", plain scalars for wrapper messages, `@type`
// in an Any. Everything that is not understood is reported, never skipped.
#pragma once

#include <google/protobuf/message.h>

#include "proxy/config/document.h"
#include "proxy/config/problems.h"

namespace heirloom::config {

class MessageBuilder {
  public:
    // `allow_unknown`: unknown fields warn. REQUIRES: `document` is a source of `problems`.
    MessageBuilder(const Document& document, Problems& problems, bool allow_unknown)
        : document_(document), problems_(problems), allow_unknown_(allow_unknown) {}

    // Merges the document into `message`: scalars replace, messages merge, lists append, an Any is replaced.
    void build(google::protobuf::Message& message);

    uint64_t unknown_fields() const { return unknown_fields_; }
    uint64_t deprecated_fields() const { return deprecated_fields_; }

  private:
    using Field = google::protobuf::FieldDescriptor;
    using Message = google::protobuf::Message;

    // `holder`, `outer`: holder_name() of the field that holds the message; for the content of an Any it starts with
    // '@'.
    void fill(Message& message, const Node& node, const Path& path, std::string_view holder);
    void fill_any(Message& any, const Node& node, const Path& path, std::string_view holder);
    void fill_duration(Message& duration, const Node& node, const Path& path);
    void fill_struct(Message& structure, const Node& node, const Path& path);
    void fill_value(Message& value, const Node& node, const Path& path);
    void set_field(Message& message, const Field& field, const Node& node, const Path& path, std::string_view outer);
    void set_map(Message& message, const Field& field, const Node& node, const Path& path);
    void set_scalar(Message& message, const Field& field, const Node& node, const Path& path);
    void set_message(Message& message, const Field& field, const Node& node, const Path& path, std::string_view outer);
    void unknown_field(const Message& message, const Node::Member& member, const Path& path);
    bool spend(const Node& node, const Path& path);
    void error(const Node& node, const Path& path, const std::string& what);

    const Document& document_;
    Problems& problems_;
    bool allow_unknown_;
    uint64_t unknown_fields_ = 0;
    uint64_t deprecated_fields_ = 0;
    uint32_t depth_ = 0;
    size_t visits_ = 0;  // an alias costs each time it is followed: bounds what a small file can blow up to
    size_t text_bytes_ = 0;
    bool is_exhausted_ = false;
};

// "; did you mean 'x'?" when a name is close, else "".
std::string suggest_field(const google::protobuf::Descriptor& descriptor, std::string_view name);

}  // namespace heirloom::config
