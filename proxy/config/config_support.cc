// SPDX-License-Identifier: Apache-2.0
#include "proxy/config/config_support.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>

#include <algorithm>
#include <vector>

#include "envoy/config/bootstrap/v3/bootstrap.pb.h"
#include "proxy/config/access_log_format.h"
#include "proxy/config/schema.h"

namespace heirloom::config {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

constexpr const char* kIntroduction =
    R"(# Configuration fields

Made by `make config-support` from the schema in `proxy/api` that the loader itself obeys; a unit test compares the two.

Heirloom reads Envoy's v3 bootstrap as YAML or JSON. **A field, enum value or type that is not listed here is
rejected**, with file, line, column and field path; nothing is accepted and ignored. (`--allow-unknown-static-fields`
turns unknown fields into warnings.) Defaults and meaning are Envoy's.

`[]` marks a list (one value without a dash will do), `{}` a map by name. Names may be written in lowerCamelCase, enum
values in any case. A field marked *rejected* exists in the message but has no meaning in that place.

Further limits, each with its own message: a filter chain has exactly one filter, an HttpConnectionManager or a TcpProxy;
the only HTTP filter is the router; proxy_protocol stands before tls_inspector; the body of a direct response has at most
4096 bytes, or as many as `max_direct_response_body_size_bytes` says.

Header mutations take no field that belongs to the connection or says how a message is framed (`connection`,
`content-length`, `keep-alive`, `proxy-connection`, `te`, `trailer`, `transfer-encoding`, `upgrade`). The `substitution` of a
rewrite names only groups that its expression has, and has no blanks.

`auto_sni` and `auto_host_sni` never send an address as server name (RFC 6066); `auto_san_validation` checks the
certificate for it all the same. `sni` is sent as it is written.

What a `runtime_key` does, which other keys there are and where values come from: runtime.md. `overload_manager` has one
resource monitor, that of downstream connections. `not_health_check_filter` lets every request through, as none is answered as a
health check. A filter in `and_filter` or `or_filter` has the fields of the one around it.

`stats_tags` take RE2 expressions with a group, no lookahead. An address of `stats_sinks` is an IP address or a unix socket; `UDP` is
for these alone, and `TCP` means the same there. A `tcp_cluster_name` needs the node's `id` and `cluster`.

A malformed HTTP/2 message ends its stream and never the connection, as Envoy does with
`override_stream_error_on_invalid_http_message: true`; `false` is refused. `stream_error_on_invalid_http_message` and the field
of `http_protocol_options` decide whether an HTTP/1 connection stays open after an answer of 400 to a request that was whole.

`request_id_extension` takes the default one; as nothing is traced yet, no trace reason is packed into a request id, whatever
`pack_trace_reason` says.

A file that `path_config_source` names is a map with `resources`, a list of Secrets, each with its `@type`
(`type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret`) and the fields of
`static_resources.secrets[]`.
It is read at the start, where it must be there and in order, and again when something is moved into place: onto its
name, onto the symlink `..data` beside it (a Kubernetes volume), anything in its `watched_directory`, anything in the
directory of a certificate, key, OCSP staple, CA or CRL that the secret names. What is written in place is not noticed, as in
Envoy: it may be half of it. New connections then begin with the new secret, those that are open go on. What is broken is
logged with its place and counted, and the old secret stays. Several moves within 50 ms are one reading, and there is at most
one in 500 ms. A ticket key or password in a file of its own is read again with the next of these moves, not by its own.
It has at most 4 MiB. It and all files that a `filename` names are regular files: a pipe is refused, except for the
bootstrap itself.
)";

std::string scalar_name(const FieldDescriptor& field) {
    switch (field.cpp_type()) {
        case FieldDescriptor::CPPTYPE_BOOL:
            return "boolean";
        case FieldDescriptor::CPPTYPE_ENUM: {
            std::string values;
            for (int i = 0; i < field.enum_type()->value_count(); ++i) {
                values += (i == 0 ? "`" : " `") + field.enum_type()->value(i)->name() + "`";
            }
            return values;
        }
        case FieldDescriptor::CPPTYPE_STRING:
            return field.type() == FieldDescriptor::TYPE_BYTES ? "base64" : "text";
        case FieldDescriptor::CPPTYPE_DOUBLE:
        case FieldDescriptor::CPPTYPE_FLOAT:
            return "number";
        case FieldDescriptor::CPPTYPE_INT32:
        case FieldDescriptor::CPPTYPE_INT64:
        case FieldDescriptor::CPPTYPE_UINT32:
        case FieldDescriptor::CPPTYPE_UINT64:
            return "whole number";
        case FieldDescriptor::CPPTYPE_MESSAGE:
            break;
    }
    return field.message_type()->name();
}

class Writer {
  public:
    std::string write() {
        const Descriptor& bootstrap = *envoy::config::bootstrap::v3::Bootstrap::descriptor();
        section("Bootstrap", bootstrap);
        for (size_t i = 0; i < types_.size(); ++i) {  // grows while it is walked
            section("`" + types_[i]->full_name() + "`", *types_[i]);
        }
        return kIntroduction + text_ + operators();
    }

  private:
    void section(const std::string& title, const Descriptor& descriptor) {
        text_ += "\n## " + title + "\n\n";
        if (descriptor.field_count() == 0) {
            text_ += "No fields.\n";
            return;
        }
        text_ += "| field | value | support |\n|---|---|---|\n";
        fields(descriptor, "", "");
    }

    void fields(const Descriptor& descriptor, const std::string& prefix, const std::string& holder) {
        std::vector<const FieldDescriptor*> sorted;
        for (int i = 0; i < descriptor.field_count(); ++i) sorted.push_back(descriptor.field(i));
        std::sort(sorted.begin(), sorted.end(), [](const auto* a, const auto* b) { return a->number() < b->number(); });
        for (const FieldDescriptor* field : sorted) {
            const std::string suffix = field->is_map() ? "{}" : field->is_repeated() ? "[]" : "";
            const std::string path = prefix + field->name() + suffix;
            if (is_rejected_here(holder, field->name())) {
                text_ += "| `" + path + "` | | *rejected* |\n";
            } else {
                one(*field, path, holder);
            }
        }
    }

    void one(const FieldDescriptor& field, const std::string& path, const std::string& outer) {
        std::string support = field.options().deprecated() ? "supported, deprecated (warns)" : "supported";
        if (const auto* oneof = field.real_containing_oneof(); oneof != nullptr && oneof->field_count() > 1) {
            support += "; one of `" + oneof->name() + "`";
        }
        const FieldDescriptor& value = field.is_map() ? *field.message_type()->map_value() : field;
        const bool is_message = value.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
        const bool is_leaf = !is_message || value.message_type()->full_name().starts_with("google.protobuf.");
        text_ += "| `" + path + "` | " + (is_leaf ? leaf_name(holder_name(field, outer), value) : "") + " | " +
                 support + " |\n";
        if (is_leaf) return;
        const Descriptor* type = value.message_type();
        if (std::find(around_.begin(), around_.end(), type) != around_.end()) return;  // as above, again
        around_.push_back(type);
        fields(*type, path + ".", holder_name(field, outer));
        around_.pop_back();
    }

    std::string leaf_name(const std::string& holder, const FieldDescriptor& value) {
        if (value.cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) return scalar_name(value);
        const Descriptor& message = *value.message_type();
        if (message.name() == "Duration") return "duration";
        if (message.name() == "Struct") return "map";
        if (message.name() != "Any") return scalar_name(*message.field(0));  // a wrapper
        std::string names = "`@type`:";
        for (const Descriptor* type : find_any_types(holder)->types) {
            names += " " + type->name();
            if (std::find(types_.begin(), types_.end(), type) == types_.end()) types_.push_back(type);
        }
        return names;
    }

    static std::string operators() {
        std::string text = "\n## Access-log operators\n\n";
        const char* separator = "";
#define X(identifier, name, takes, gives) \
    text += separator;                    \
    text += "`%" name "%`";               \
    separator = ",\n";
        HEIRLOOM_LOG_OPERATORS(X)
#undef X
        return text + ".\n\nAny other operator is an error.\n";
    }

    std::string text_;
    std::vector<const Descriptor*> types_;
    std::vector<const Descriptor*> around_;  // the messages that hold the one that is written
};

}  // namespace

std::string config_support_document() { return Writer().write(); }

}  // namespace heirloom::config
