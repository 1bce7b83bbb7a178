// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include "envoy/config/core/v3/base.pb.h"
#include "proxy/config/access_log_format.h"
#include "proxy/config/readers.h"

namespace heirloom::config {
namespace {

using envoy::config::core::v3::HeaderValueOption;

// They belong to the connection and to how a message is framed: the codecs make them, and a wrong one would let the
// next reader see other messages than this proxy sent.
constexpr std::array<std::string_view, 8> kOfTheConnection = {
    "connection", "content-length", "keep-alive", "proxy-connection", "te", "transfer-encoding", "trailer", "upgrade",
};

bool is_name_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != size_t(-1);
}

// Lower case.
std::string read_name(const std::string& name, const char* what, const Path& path, Problems& problems) {
    const std::string lower = lower_case(name);
    if (lower.empty()) {
        problems.error(path, "required, and must not be empty");
    } else if (lower.front() == ':' || lower == "host") {
        problems.error(path, std::string(":-prefixed or host headers may not be ") + what);
    } else if (!std::all_of(lower.begin(), lower.end(), is_name_character)) {
        problems.error(path, "is not the name of a header");
    } else if (std::find(kOfTheConnection.begin(), kOfTheConnection.end(), lower) != kOfTheConnection.end()) {
        problems.error(path, lower + " belongs to the connection and may not be " + what);
    }
    return lower;
}

HeaderToAdd::Action action_of(const HeaderValueOption& message, const Path& path, Problems& problems) {
    if (message.has_append()) {
        if (message.append_action() != HeaderValueOption::APPEND_IF_EXISTS_OR_ADD) {
            problems.error(path.field("append"), "Both append and append_action are set and it's not allowed");
        }
        return message.append().value() ? HeaderToAdd::Action::append : HeaderToAdd::Action::overwrite;
    }
    switch (message.append_action()) {
        case HeaderValueOption::ADD_IF_ABSENT:
            return HeaderToAdd::Action::add_if_absent;
        case HeaderValueOption::OVERWRITE_IF_EXISTS_OR_ADD:
            return HeaderToAdd::Action::overwrite;
        case HeaderValueOption::OVERWRITE_IF_EXISTS:
            return HeaderToAdd::Action::overwrite_if_present;
        default:  // protobuf's enums have values that are no names
            return HeaderToAdd::Action::append;
    }
}

}  // namespace

HeaderToAdd read_header_to_add(const HeaderValueOption& message, const Path& path, Problems& problems) {
    HeaderToAdd header;
    const Path at = path.field("header");
    header.name = read_name(message.header().key(), "modified", at.field("key"), problems);
    const std::string& value = message.header().value();
    const std::string& raw = message.header().raw_value();
    if (!value.empty() && !raw.empty()) {
        problems.error(at.field("raw_value"), "value is set too: use one of them");
    }
    const Path where = at.field(value.empty() && !raw.empty() ? "raw_value" : "value");
    header.value = value.empty() ? raw : value;
    check_header_value(header.value, where, problems);
    if (const auto parsed = parse_access_log_format(header.value); !parsed) problems.error(where, parsed.error().text);
    header.action = action_of(message, path, problems);
    header.keep_empty = message.keep_empty_value();
    return header;
}

bool has_operators(const HeaderMutations& mutations) {
    const auto is_format = [](const HeaderToAdd& one) { return one.value.find('%') != std::string::npos; };
    return std::any_of(mutations.request.add.begin(), mutations.request.add.end(), is_format) ||
           std::any_of(mutations.response.add.begin(), mutations.response.add.end(), is_format);
}

bool has_operators(const RouteTableConfig& table) {
    bool any = has_operators(table.mutations);
    for (const VirtualHostConfig& host : table.virtual_hosts) {
        any = any || has_operators(host.mutations);
        for (const RouteConfig& route : host.routes) {
            any = any || has_operators(route.mutations);
            if (!route.forward) continue;
            for (const WeightedCluster& one : route.forward->weighted_clusters)
                any = any || has_operators(one.mutations);
        }
    }
    return any;
}

std::string read_header_to_remove(const std::string& name, const Path& path, Problems& problems) {
    return read_name(name, "removed", path, problems);
}

std::string read_header_to_copy(const std::string& name, const Path& path, Problems& problems) {
    return read_name(name, "copied", path, problems);
}

}  // namespace heirloom::config
