// SPDX-License-Identifier: Apache-2.0
// `/config_dump`: the parts of the snapshot, kept as JSON since it was loaded, in Envoy's frame.
#include <re2/re2.h>

#include <algorithm>

#include "proxy/admin/paths.h"

namespace heirloom::admin {

namespace {

using Resources = std::vector<std::pair<std::string, std::string>>;

// A section with one list of static resources. What only a control plane can fill is known by name, and empty.
struct Section {
    std::string_view type;           // after envoy.admin.v3.
    std::string_view list;           // "static_clusters"; empty: the section has none that we fill
    std::string_view element_type;   // of ?resource=
    std::string_view element_field;  // "cluster"
    std::string_view resource_type;  // of the value
    const Resources config::Snapshot::Dump::*resources;
};
using Dump = config::Snapshot::Dump;
constexpr Section kSections[] = {
    {"ClustersConfigDump", "static_clusters", "ClustersConfigDump.StaticCluster", "cluster",
     "type.googleapis.com/envoy.config.cluster.v3.Cluster", &Dump::clusters},
    {"ListenersConfigDump", "static_listeners", "ListenersConfigDump.StaticListener", "listener",
     "type.googleapis.com/envoy.config.listener.v3.Listener", &Dump::listeners},
    {"ScopedRoutesConfigDump", "", "", "", "", nullptr},
    {"RoutesConfigDump", "static_route_configs", "RoutesConfigDump.StaticRouteConfig", "route_config",
     "type.googleapis.com/envoy.config.route.v3.RouteConfiguration", &Dump::route_tables},
    {"SecretsConfigDump", "", "", "", "", nullptr},
};
constexpr std::string_view kEmptyLists[] = {
    "dynamic_active_clusters", "dynamic_warming_clusters",    "dynamic_listeners",
    "dynamic_route_configs",   "inline_scoped_route_configs", "dynamic_scoped_route_configs",
    "static_secrets",          "dynamic_active_secrets",      "dynamic_warming_secrets",
};
constexpr std::string_view kSingleFields[] = {"bootstrap", "last_updated", "version_info"};

constexpr std::string_view kPrefix = "type.googleapis.com/envoy.admin.v3.";

bool contains(std::span<const std::string_view> names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

class Writer {
  public:
    Writer(std::string& out, const Dump& dump, const RE2* names)
        : json_(out, stats::JsonWriter::Style::pretty), dump_(dump), loaded_(timestamp(dump.loaded)), names_(names) {}

    void write_all() {
        begin();
        json_.begin_object();
        type("BootstrapConfigDump");
        json_.key("bootstrap");
        json_.json(dump_.bootstrap.empty() ? "{}" : dump_.bootstrap);
        json_.field("last_updated", loaded_);
        json_.end_object();
        for (const Section& section : kSections) write_section(section);
        end();
    }

    void write_list(const Section& section) {
        const Resources selected = select(section);
        if (selected.empty()) return write_nothing();
        begin();
        for (const auto& [name, value] : selected) write_element(section, value, true);
        end();
    }

    void write_nothing() {
        json_.begin_object();
        json_.end_object();
    }

  private:
    void begin() {
        json_.begin_object();
        json_.key("configs");
        json_.begin_array();
    }
    void end() {
        json_.end_array();
        json_.end_object();
    }
    void type(std::string_view name) { json_.field("@type", std::string(kPrefix) + std::string(name)); }

    Resources select(const Section& section) const {
        Resources selected = section.resources ? dump_.*section.resources : Resources{};
        std::erase_if(selected, [this](const auto& entry) { return names_ && !RE2::FullMatch(entry.first, *names_); });
        return selected;
    }

    void write_section(const Section& section) {
        json_.begin_object();
        type(section.type);
        if (const Resources selected = select(section); !selected.empty()) {
            json_.key(section.list);
            json_.begin_array();
            for (const auto& [name, value] : selected) write_element(section, value, false);
            json_.end_array();
        }
        json_.end_object();
    }

    void write_element(const Section& section, const std::string& value, bool alone) {
        json_.begin_object();
        if (alone) type(section.element_type);
        json_.key(section.element_field);
        json_.json(with_type(section, value));
        json_.field("last_updated", loaded_);
        json_.end_object();
    }

    // The value goes into an Any, which names its type first.
    static std::string with_type(const Section& section, const std::string& value) {
        const size_t brace = value.find('{');
        if (brace == std::string::npos || value.find("\"@type\"") < value.find(':')) return value;
        const std::string type = "\"@type\":\"" + std::string(section.resource_type) + "\"";
        const bool is_empty = value.find_first_not_of(" \n\t\r", brace + 1) == value.find('}');
        return "{" + type + (is_empty ? "" : ",") + value.substr(brace + 1);
    }

    stats::JsonWriter json_;
    const Dump& dump_;
    const std::string loaded_;
    const RE2* names_;
};

}  // namespace

void handle_config_dump(const Request& request, Answer& answer) {
    for (const char* name : {"mask", "include_eds"}) {
        if (request.query.has(name))
            return refuse(answer, std::string("the parameter ") + name + " is not supported\n");
    }
    std::optional<RE2> names;
    if (const auto text = request.query.get("name_regex"); text && !text->empty()) {
        RE2::Options options;
        options.set_log_errors(false);
        names.emplace(*text, options);
        if (!names->ok()) return refuse(answer, "Error while parsing name_regex from " + *text + ": " + names->error());
    }
    Writer writer(answer.body, request.server.snapshot().dump, names ? &*names : nullptr);
    answer.content_type = kJson;
    const std::string resource = request.query.get("resource").value_or("");
    const auto section = std::find_if(std::begin(kSections), std::end(kSections),
                                      [&](const Section& s) { return !s.list.empty() && s.list == resource; });
    if (resource.empty()) {
        writer.write_all();
    } else if (section != std::end(kSections)) {
        writer.write_list(*section);
    } else if (contains(kEmptyLists, resource)) {
        writer.write_nothing();
    } else if (contains(kSingleFields, resource)) {
        return refuse(answer, resource + " is not a repeated field");
    } else {
        answer.content_type = kText;
        answer.status = 404;
        answer.body = resource + " not found in config dump";
        return;
    }
    answer.body.push_back('\n');
}

}  // namespace heirloom::admin
