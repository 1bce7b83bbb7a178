// SPDX-License-Identifier: Apache-2.0
// The schema, its tables and its document agree.
#include "proxy/config/schema.h"

#include <doctest/doctest.h>
#include <google/protobuf/descriptor.h>

#include <fstream>
#include <set>

#include "envoy/config/bootstrap/v3/bootstrap.pb.h"
#include "envoy/service/discovery/v3/discovery.pb.h"
#include "proxy/config/config_support.h"

using namespace heirloom::config;
using google::protobuf::Descriptor;
using google::protobuf::DescriptorPool;
using google::protobuf::FieldDescriptor;

namespace {

// Visits each message in each place where it can be reached, through Any fields too.
void walk(const Descriptor& descriptor, const std::string& holder,
          std::set<std::pair<const Descriptor*, std::string>>& seen) {
    if (!seen.insert({&descriptor, holder}).second) return;
    for (int i = 0; i < descriptor.field_count(); ++i) {
        const FieldDescriptor& field = *descriptor.field(i);
        const FieldDescriptor& value = field.is_map() ? *field.message_type()->map_value() : field;
        if (value.cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) continue;
        const std::string inner = holder_name(field, holder);
        if (value.message_type()->full_name() != "google.protobuf.Any") {
            walk(*value.message_type(), inner, seen);
            continue;
        }
        const AnyTypes* types = find_any_types(inner);
        REQUIRE_MESSAGE(types != nullptr, inner);
        for (const Descriptor* type : types->types) walk(*type, "@" + inner, seen);
    }
}

}  // namespace

TEST_CASE("each Any of the schema says which types it may hold") {
    std::set<std::pair<const Descriptor*, std::string>> seen;
    walk(*envoy::config::bootstrap::v3::Bootstrap::descriptor(), "", seen);
    walk(*envoy::service::discovery::v3::DiscoveryResponse::descriptor(), "", seen);
    CHECK(seen.size() > 30);
}

TEST_CASE("each row of the table of misplaced fields names fields that exist") {
    for (const NotHere& row : kNotHere) {
        const size_t slash = row.field.find('/');
        const auto* field = DescriptorPool::generated_pool()->FindFieldByName(std::string(row.field.substr(0, slash)));
        REQUIRE_MESSAGE(field != nullptr, row.field);
        if (slash != std::string_view::npos) {
            field = field->message_type()->FindFieldByName(std::string(row.field.substr(slash + 1)));
            REQUIRE_MESSAGE(field != nullptr, row.field);
        }
        for (const std::string_view name : row.fields) {
            CHECK_MESSAGE(field->message_type()->FindFieldByName(std::string(name)) != nullptr, name);
        }
    }
}

TEST_CASE("docs/config-support.md is what the schema says") {
    std::ifstream file("docs/config-support.md");
    const std::string committed{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    const bool is_current = committed == config_support_document();
    CHECK_MESSAGE(is_current, "run `make config-support` and commit the result");
}
