// SPDX-License-Identifier: Apache-2.0
// `/config_dump`: the parts of the snapshot, kept as JSON since it was loaded, in Envoy's frame.
#include <re2/re2.h>

#include <algorithm>

#include "proxy/admin/json_mask.h"
#include "proxy/admin/paths.h"
#include "proxy/config/schema.h"

namespace heirloom::admin {

namespace {

using Resources = std::vector<std::pair<std::string, std::string>>;
using Names = std::span<const std::string_view>;
using Dump = config::Snapshot::Dump;

constexpr std::string_view kNoLists[] = {""};
constexpr std::string_view kClusterLists[] = {"static_clusters", "dynamic_active_clusters", "dynamic_warming_clusters"};
constexpr std::string_view kEndpointLists[] = {"static_endpoint_configs", "dynamic_endpoint_configs"};
constexpr std::string_view kListenerLists[] = {"static_listeners", "dynamic_listeners"};
constexpr std::string_view kScopeLists[] = {"inline_scoped_route_configs", "dynamic_scoped_route_configs"};
constexpr std::string_view kRouteLists[] = {"static_route_configs", "dynamic_route_configs"};
constexpr std::string_view kSecretLists[] = {"static_secrets", "dynamic_active_secrets", "dynamic_warming_secrets"};

// A section, and its first list, which is the one of what is configured; only a control plane could fill the others.
struct Section {
    std::string_view type;           // after envoy.admin.v3.
    Names lists;                     // the first is filled from `resources`
    bool has_version;                // has the field version_info
    std::string_view element_type;   // of ?resource=
    std::string_view element_field;  // "cluster"
    std::string_view resource_type;  // of the value
    const Resources Dump::*resources;
    bool has_name = false;         // an element says its name ...
    bool has_last_updated = true;  // ... and when it was loaded
};
constexpr Section kBootstrap = {"BootstrapConfigDump", kNoLists, false, "", "", "", nullptr};
constexpr Section kClusters = {"ClustersConfigDump",
                               kClusterLists,
                               true,
                               "ClustersConfigDump.StaticCluster",
                               "cluster",
                               "envoy.config.cluster.v3.Cluster",
                               &Dump::clusters};
constexpr Section kEndpoints = {"EndpointsConfigDump",
                                kEndpointLists,
                                false,
                                "EndpointsConfigDump.StaticEndpointConfig",
                                "endpoint_config",
                                "envoy.config.endpoint.v3.ClusterLoadAssignment",
                                nullptr,
                                false,
                                false};
constexpr Section kListeners = {"ListenersConfigDump",
                                kListenerLists,
                                true,
                                "ListenersConfigDump.StaticListener",
                                "listener",
                                "envoy.config.listener.v3.Listener",
                                &Dump::listeners};
constexpr Section kScopes = {"ScopedRoutesConfigDump", kScopeLists, false, "", "", "", nullptr};
constexpr Section kRoutes = {"RoutesConfigDump",
                             kRouteLists,
                             false,
                             "RoutesConfigDump.StaticRouteConfig",
                             "route_config",
                             "envoy.config.route.v3.RouteConfiguration",
                             &Dump::route_tables};
constexpr Section kSecrets = {"SecretsConfigDump",
                              kSecretLists,
                              false,
                              "SecretsConfigDump.StaticSecret",
                              "secret",
                              "envoy.extensions.transport_sockets.tls.v3.Secret",
                              &Dump::secrets,
                              true,
                              false};

constexpr std::string_view kUrl = "type.googleapis.com/";
constexpr std::string_view kPrefix = "type.googleapis.com/envoy.admin.v3.";

bool contains(Names names, std::string_view name) { return std::find(names.begin(), names.end(), name) != names.end(); }

// Does every path of the mask fit the section's message? A list is kept or dropped as a whole.
bool fits(const Section& section, std::span<const std::string> mask) {
    return std::all_of(mask.begin(), mask.end(), [&](const std::string& path) {
        const std::string_view first = std::string_view(path).substr(0, path.find('.'));
        const bool is_whole = first.size() == path.size();
        if (&section == &kBootstrap && first == "bootstrap") {
            return is_whole || config::has_field_path("envoy.config.bootstrap.v3.Bootstrap", path.substr(10));
        }
        if (&section == &kBootstrap && first == "last_updated") return is_whole;
        return is_whole && (contains(section.lists, first) || (section.has_version && first == "version_info"));
    });
}

// Of one element of a list: the resource in it may be looked into.
bool fits_element(const Section& section, std::span<const std::string> mask) {
    return std::all_of(mask.begin(), mask.end(), [&](const std::string& path) {
        const std::string_view first = std::string_view(path).substr(0, path.find('.'));
        const bool is_whole = first.size() == path.size();
        if (first == section.element_field) {
            // As in Envoy, it has to name a field of the resource.
            return !is_whole && config::has_field_path(section.resource_type, path.substr(first.size() + 1));
        }
        return is_whole &&
               (first == "last_updated" || (section.has_name && (first == "name" || first == "version_info")));
    });
}

// What runs, in the form of a ClusterLoadAssignment.
std::string endpoints_of(const upstream::ClusterStatus& cluster);

class Writer {
  public:
    Writer(const Request& request, std::string& out, const RE2* names, std::vector<std::string> mask)
        : json_(out, stats::JsonWriter::Style::pretty),
          dump_(request.server.snapshot().dump),
          loaded_(timestamp(dump_.loaded)),
          names_(names),
          mask_(std::move(mask)) {
        if (!request.query.has("include_eds")) return;
        for (const upstream::ClusterStatus& cluster : request.server.clusters()) {
            endpoints_.emplace_back(cluster.config->name, endpoints_of(cluster));
        }
        has_endpoints_ = !endpoints_.empty();
    }

    std::vector<const Section*> sections() const {
        std::vector<const Section*> all = {&kBootstrap, &kClusters};
        if (has_endpoints_) all.push_back(&kEndpoints);
        all.insert(all.end(), {&kListeners, &kScopes, &kRoutes, &kSecrets});
        return all;
    }

    // False: the mask fits nowhere.
    bool write_all() {
        std::vector<const Section*> shown = sections();
        std::erase_if(shown, [this](const Section* section) { return !fits(*section, mask_); });
        if (shown.empty()) return false;
        begin();
        for (const Section* section : shown) {
            if (section == &kBootstrap) {
                write_bootstrap();
            } else {
                write_section(*section);
            }
        }
        end();
        return true;
    }

    // The elements of one list, each by itself. False: the mask does not fit them.
    bool write_list(const Section& section, std::string_view list) {
        const Resources selected = list == section.lists[0] ? select(section) : Resources{};
        if (selected.empty()) {
            json_.begin_object();
            json_.end_object();
            return true;
        }
        if (!fits_element(section, mask_)) return false;
        begin();
        for (const auto& [name, value] : selected) write_element(section, name, value, true);
        end();
        return true;
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
    bool is_wanted(std::string_view field) const { return mask_.empty() || !paths_below(mask_, field).empty(); }

    void write_bootstrap() {
        json_.begin_object();
        type(kBootstrap.type);
        if (is_wanted("bootstrap")) {
            json_.key("bootstrap");
            const std::string_view bootstrap = dump_.bootstrap.empty() ? "{}" : std::string_view(dump_.bootstrap);
            json_.json(masked(bootstrap, paths_below(mask_, "bootstrap")));
        }
        if (is_wanted("last_updated")) json_.field("last_updated", loaded_);
        json_.end_object();
    }

    Resources select(const Section& section) const {
        Resources selected = &section == &kEndpoints ? endpoints_
                             : section.resources     ? dump_.*section.resources
                                                     : Resources{};
        std::erase_if(selected, [this](const auto& entry) { return names_ && !RE2::FullMatch(entry.first, *names_); });
        if (&section == &kClusters || &section == &kEndpoints) std::sort(selected.begin(), selected.end());
        return selected;
    }

    void write_section(const Section& section) {
        json_.begin_object();
        type(section.type);
        const Resources selected = select(section);
        if (!selected.empty() && is_wanted(section.lists[0])) {
            json_.key(section.lists[0]);
            json_.begin_array();
            for (const auto& [name, value] : selected) write_element(section, name, value, false);
            json_.end_array();
        }
        json_.end_object();
    }

    void write_element(const Section& section, const std::string& name, const std::string& value, bool alone) {
        const auto is_shown = [&](std::string_view field) { return !alone || is_wanted(field); };
        json_.begin_object();
        if (alone) type(section.element_type);
        if (section.has_name && is_shown("name")) json_.field("name", name);
        if (is_shown(section.element_field)) {
            json_.key(section.element_field);
            json_.json(with_type(section, alone ? masked(value, paths_below(mask_, section.element_field)) : value));
        }
        if (section.has_last_updated && is_shown("last_updated")) json_.field("last_updated", loaded_);
        json_.end_object();
    }

    // The value goes into an Any, which names its type first.
    static std::string with_type(const Section& section, const std::string& value) {
        const size_t brace = value.find('{');
        if (brace == std::string::npos || value.find("\"@type\"") < value.find(':')) return value;
        const std::string type = "\"@type\":\"" + std::string(kUrl) + std::string(section.resource_type) + "\"";
        const bool is_empty = value.find_first_not_of(" \n\t\r", brace + 1) == value.find('}');
        return "{" + type + (is_empty ? "" : ",") + value.substr(brace + 1);
    }

    stats::JsonWriter json_;
    const Dump& dump_;
    const std::string loaded_;
    const RE2* names_;
    const std::vector<std::string> mask_;
    Resources endpoints_;
    bool has_endpoints_ = false;
};

void write_locality(stats::JsonWriter& json, const upstream::ClusterStatus::EndpointStatus& endpoint) {
    json.begin_object();
    if (!endpoint.region.empty()) json.field("region", endpoint.region);
    if (!endpoint.zone.empty()) json.field("zone", endpoint.zone);
    if (!endpoint.sub_zone.empty()) json.field("sub_zone", endpoint.sub_zone);
    json.end_object();
}

void write_endpoint(stats::JsonWriter& json, const upstream::ClusterStatus::EndpointStatus& endpoint) {
    using namespace upstream::health_flag;
    json.begin_object();
    json.key("endpoint");
    json.begin_object();
    json.key("address");
    write_address(json, endpoint.address);
    json.key("health_check_config");
    json.begin_object();
    json.end_object();
    if (!endpoint.hostname.empty()) json.field("hostname", endpoint.hostname);
    json.end_object();
    const upstream::HealthFlags health = endpoint.health;
    const bool is_unhealthy = (health & (failed_active_check | failed_outlier_check | failed_eds_health)) != 0;
    json.field("health_status", is_unhealthy                                                    ? "UNHEALTHY"
                                : (health & (degraded_active_check | degraded_eds_health)) != 0 ? "DEGRADED"
                                                                                                : "HEALTHY");
    json.field("load_balancing_weight", uint64_t{endpoint.weight});
    json.end_object();
}

std::string endpoints_of(const upstream::ClusterStatus& cluster) {
    std::string text;
    stats::JsonWriter json(text, stats::JsonWriter::Style::compact);
    json.begin_object();
    json.field("cluster_name", cluster.config->name);
    const auto& all = cluster.endpoints;
    if (!all.empty()) {
        json.key("endpoints");
        json.begin_array();
        for (size_t at = 0; at < all.size();) {
            const auto& first = all[at];
            json.begin_object();
            json.key("locality");
            write_locality(json, first);
            json.key("lb_endpoints");
            json.begin_array();
            for (; at < all.size() && all[at].priority == first.priority && all[at].region == first.region &&
                   all[at].zone == first.zone && all[at].sub_zone == first.sub_zone;
                 ++at) {
                write_endpoint(json, all[at]);
            }
            json.end_array();
            json.field("load_balancing_weight", uint64_t{0});  // of the locality: it has none
            if (first.priority != 0) json.field("priority", uint64_t{first.priority});
            json.end_object();
        }
        json.end_array();
    }
    json.key("policy");
    json.begin_object();
    json.field("overprovisioning_factor", uint64_t{cluster.config->overprovisioning_factor});
    json.end_object();
    json.end_object();
    return text;
}

constexpr std::string_view kPlainText = "text/plain";  // of what goes wrong

void refuse_dump(Answer& answer, std::string text) {
    refuse(answer, std::move(text));
    answer.content_type = kPlainText;
}

}  // namespace

void handle_config_dump(const Request& request, Answer& answer) {
    std::optional<RE2> names;
    if (const auto text = request.query.get("name_regex"); text && !text->empty()) {
        RE2::Options options;
        options.set_log_errors(false);
        names.emplace(*text, options);
        if (!names->ok()) {
            return refuse_dump(
                answer, "INVALID_ARGUMENT: Error while parsing name_regex from " + *text + ": " + names->error());
        }
    }
    const std::string mask = request.query.get("mask").value_or("");
    Writer writer(request, answer.body, names ? &*names : nullptr, mask_paths(mask));
    answer.content_type = kJson;
    const std::string resource = request.query.get("resource").value_or("");
    if (resource.empty()) {
        if (!writer.write_all()) {
            return refuse_dump(answer, "FieldMask " + mask + " could not be successfully applied to any configs.");
        }
        answer.body.push_back('\n');
        return;
    }
    for (const Section* section : writer.sections()) {
        const bool is_single = section == &kBootstrap ? resource == "bootstrap" || resource == "last_updated"
                                                      : section->has_version && resource == "version_info";
        if (is_single) {
            return refuse_dump(
                answer, resource + " is not a repeated field. Use ?mask=" + resource + " to get only this field");
        }
        if (!contains(section->lists, resource)) continue;
        if (!writer.write_list(*section, resource)) {
            std::string paths;
            for (const std::string& path : mask_paths(mask)) paths += "paths: \"" + path + "\"\n";
            return refuse_dump(answer, "FieldMask " + paths + " could not be successfully used.");
        }
        answer.body.push_back('\n');
        return;
    }
    answer.content_type = kPlainText;
    answer.status = 404;
    answer.body = resource + " not found in config dump";
}

}  // namespace heirloom::admin
