// SPDX-License-Identifier: Apache-2.0
#include "proxy/config/redact.h"

#include <google/protobuf/any.pb.h>
#include <google/protobuf/descriptor.h>

#include <memory>
#include <string_view>
#include <vector>

namespace heirloom::config {
namespace {

using google::protobuf::Any;
using google::protobuf::Descriptor;
using google::protobuf::DescriptorPool;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::MessageFactory;

constexpr const char* kRedacted = "[redacted]";

bool is_secret(const FieldDescriptor& field) {
    static constexpr std::string_view kSecrets[] = {
        "envoy.extensions.transport_sockets.tls.v3.TlsCertificate.private_key",
        "envoy.extensions.transport_sockets.tls.v3.TlsCertificate.password",
        "envoy.extensions.transport_sockets.tls.v3.TlsSessionTicketKeys.keys"};
    for (const std::string_view secret : kSecrets) {
        if (field.full_name() == secret) return true;
    }
    return false;
}

void visit(Message& message, bool secret);

void visit_any(Any& any, bool secret) {
    const std::string name = any.type_url().substr(any.type_url().rfind('/') + 1);
    const Descriptor* descriptor = DescriptorPool::generated_pool()->FindMessageTypeByName(name);
    if (descriptor == nullptr) return;
    const std::unique_ptr<Message> content(MessageFactory::generated_factory()->GetPrototype(descriptor)->New());
    if (!any.UnpackTo(content.get())) return;
    visit(*content, secret);
    any.PackFrom(*content);
}

void visit(Message& message, bool secret) {
    if (message.GetDescriptor() == Any::descriptor()) return visit_any(static_cast<Any&>(message), secret);
    const auto& reflection = *message.GetReflection();
    std::vector<const FieldDescriptor*> fields;
    reflection.ListFields(message, &fields);
    for (const FieldDescriptor* field : fields) {
        const bool inner = secret || is_secret(*field);
        if (field->cpp_type() == FieldDescriptor::CPPTYPE_STRING && inner && !field->is_repeated()) {
            reflection.SetString(&message, field, kRedacted);
        }
        if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) continue;
        if (!field->is_repeated()) {
            visit(*reflection.MutableMessage(&message, field), inner);
            continue;
        }
        for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
            visit(*reflection.MutableRepeatedMessage(&message, field, i), inner);
        }
    }
}

}  // namespace

void redact(Message& message) { visit(message, false); }

}  // namespace heirloom::config
