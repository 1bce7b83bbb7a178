// SPDX-License-Identifier: Apache-2.0
// Changes of header fields, and the request they are made to, both of the fuzzer: the result is what a plain model of
// removing, overwriting and adding gives, and nothing in it could end a line or a field early. A line is a change or a
// field, as its first byte says; a colon ends its name.
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "proxy/router/header_mutation.h"
#include "tests/fuzz/fuzzed_input.h"

using namespace heirloom;
using Action = config::HeaderToAdd::Action;
using Fields = std::vector<std::pair<std::string, std::string>>;

namespace {

Fields fields_of(const http::HeaderMap& map) {
    Fields fields;
    for (const http::HeaderField& field : map.fields()) {
        if (!field.removed) fields.emplace_back(field.name, field.value);
    }
    return fields;
}

http::HeaderMap map_of(const Fields& fields) {
    http::HeaderMap map;
    for (const auto& [name, value] : fields) map.add_copy(name, value);
    return map;
}

bool has(const Fields& fields, const std::string& name) {
    for (const auto& field : fields) {
        if (field.first == name) return true;
    }
    return false;
}

void remove(Fields& fields, const std::string& name, size_t from = 0) {
    for (size_t i = from; i < fields.size();) {
        if (fields[i].first != name) {
            ++i;
        } else {
            fields.erase(fields.begin() + static_cast<ptrdiff_t>(i));
        }
    }
}

void overwrite(Fields& fields, const std::string& name, const std::string& value) {
    for (size_t i = 0; i < fields.size(); ++i) {
        if (fields[i].first != name) continue;
        fields[i].second = value;
        return remove(fields, name, i + 1);
    }
    fields.emplace_back(name, value);
}

std::string value_of(const config::HeaderToAdd& one, const Fields& fields, const http::StreamInfo& info) {
    access_log::Format format(config::LogFormat{*config::parse_access_log_format(one.value), ""});
    const http::HeaderMap map = map_of(fields);
    std::string value;
    format.append(value, {info, map, nullptr, nullptr}, {});
    for (char& c : value) {
        if ((static_cast<uint8_t>(c) < 0x20 && c != '\t') || c == 0x7f) c = '_';
    }
    value.erase(0, std::min(value.find_first_not_of(" \t"), value.size()));
    value.erase(value.find_last_not_of(" \t") + 1);
    return value;
}

Fields expected(Fields fields, const config::HeaderMutation& mutation, const http::StreamInfo& info) {
    for (const std::string& name : mutation.remove) remove(fields, name);
    const Fields before = fields;
    std::vector<std::pair<const config::HeaderToAdd*, std::string>> due;
    for (const config::HeaderToAdd& one : mutation.add) {
        std::string value = value_of(one, before, info);
        if (value.empty() && !one.keep_empty) continue;
        if (one.action == Action::add_if_absent && has(before, one.name)) continue;
        if (one.action == Action::overwrite_if_present && !has(before, one.name)) continue;
        due.emplace_back(&one, std::move(value));
    }
    const auto overwrites = [](Action action) {
        return action == Action::overwrite || action == Action::overwrite_if_present;
    };
    for (const auto& [one, value] : due) {
        if (overwrites(one->action)) overwrite(fields, one->name, value);
    }
    for (const auto& [one, value] : due) {
        if (!overwrites(one->action)) fields.emplace_back(one->name, value);
    }
    return fields;
}

// What the configuration lets through as a name, and as a value.
bool is_name(std::string_view name) {
    for (const char c : name) {
        if (!((c >= 'a' && c <= 'z') || c == '-' || (c >= '0' && c <= '9'))) return false;
    }
    return !name.empty() && name != "host";
}
bool is_value(std::string_view value) {
    for (const char c : value) {
        if ((static_cast<uint8_t>(c) < 0x20 && c != '\t') || c == 0x7f) return false;
    }
    return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size > 4096) return 0;
    fuzz::Input input(data, size);
    Fields fields = {{":method", "GET"}, {":path", "/p?q=1"}, {":authority", "a"}};
    config::HeaderMutation mutation;
    while (!input.empty()) {
        const uint8_t kind = input.byte();
        const std::string_view line = input.line();
        const std::string name(line.substr(0, line.find(':')));
        const std::string value(line.substr(std::min(name.size() + 1, line.size())));
        if (!is_name(name) || !is_value(value)) continue;
        if (kind % 8 == 0) {
            mutation.remove.push_back(name);
        } else if (kind % 8 < 5) {
            if (!config::parse_access_log_format(value)) continue;
            mutation.add.push_back({static_cast<Action>(kind % 8 - 1), name, value, (kind & 8) != 0});
        } else {
            fields.emplace_back(name, value);
        }
    }
    http::StreamInfo info;
    info.route_name = "r\r\nx: y";  // what it is told may hold anything
    info.response_code_details = std::string_view("d\0\x7f ", 4);
    router::HeaderMutator mutator(mutation);
    for (int repeated = 0; repeated < 2; ++repeated) {  // its memory is used again
        http::HeaderMap again = map_of(fields);
        mutator.apply(again, {info, again, nullptr, nullptr});
        const Fields made = fields_of(again);
        for (const auto& field : made) {
            if (!is_value(field.second)) std::abort();
        }
        // The time of day differs between the two.
        bool of_time = false;
        for (const config::HeaderToAdd& one : mutation.add)
            of_time = of_time || one.value.find("TIME") != one.value.npos;
        if (!of_time && made != expected(fields, mutation, info)) std::abort();
    }
    return 0;
}
