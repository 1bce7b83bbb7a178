// SPDX-License-Identifier: Apache-2.0
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <utility>

#include "envoy/config/bootstrap/v3/bootstrap.pb.h"
#include "envoy/config/core/v3/base.pb.h"
#include "envoy/config/overload/v3/overload.pb.h"
#include "envoy/extensions/resource_monitors/downstream_connections/v3/downstream_connections.pb.h"
#include "envoy/type/v3/percent.pb.h"
#include "proxy/config/readers.h"
#include "proxy/config/runtime_config.h"

namespace heirloom::config {
namespace {

using envoy::config::bootstrap::v3::LayeredRuntime;
using envoy::config::bootstrap::v3::RuntimeLayer;
using envoy::config::overload::v3::OverloadManager;
using envoy::extensions::resource_monitors::downstream_connections::v3::DownstreamConnectionsConfig;
using google::protobuf::Struct;
using google::protobuf::Value;

constexpr const char* kConnectionMonitor = "envoy.resource_monitors.global_downstream_max_connections";

bool is_percent(const Struct& message) {
    return message.fields().empty() || message.fields().contains("numerator") ||
           message.fields().contains("denominator");
}

RuntimeValue read_percent(const Struct& message) {
    RuntimeValue value;
    envoy::type::v3::FractionalPercent percent;
    if (google::protobuf::util::MessageToJsonString(message, &value.text).ok() &&
        google::protobuf::util::JsonStringToMessage(value.text, &percent).ok()) {
        value.percent = read_fractional_percent(percent);
    }
    return value;
}

// A dot in a key stands for one more map around it.
void read_static_values(const Struct& message, const std::string& prefix, const Path& path, RuntimeValues& values,
                        Problems& problems) {
    for (const auto& [name, value] : message.fields()) {
        const std::string key = prefix + name;
        switch (value.kind_case()) {
            case Value::kStringValue:
                values[key] = parse_runtime_value(value.string_value());
                break;
            case Value::kNumberValue:
                values[key] = make_runtime_value(value.number_value());
                break;
            case Value::kBoolValue:
                values[key] = make_runtime_value(value.bool_value());
                break;
            case Value::kStructValue:
                if (is_percent(value.struct_value())) {
                    values[key] = read_percent(value.struct_value());
                } else {
                    read_static_values(value.struct_value(), key + ".", path.key(name), values, problems);
                }
                break;
            case Value::kNullValue:
            case Value::kListValue:
            case Value::KIND_NOT_SET:
                problems.error(path.key(name), "Invalid runtime entry value for " + key);
                break;
        }
    }
}

DiskLayerConfig read_disk_layer(const RuntimeLayer::DiskLayer& message, const std::string& service_cluster,
                                const Path& path, Problems& problems) {
    DiskLayerConfig disk;
    disk.root = message.symlink_root();
    require_text(disk.root, path.field("symlink_root"), problems);
    disk.directory = disk.root + "/" + message.subdirectory();
    if (message.append_service_cluster()) disk.directory += "/" + service_cluster;
    return disk;
}

}  // namespace

FractionalPercent read_fractional_percent(const envoy::type::v3::FractionalPercent& message) {
    using Message = envoy::type::v3::FractionalPercent;
    FractionalPercent percent;
    percent.numerator = message.numerator();
    if (message.denominator() == Message::TEN_THOUSAND) percent.denominator = 10000;
    if (message.denominator() == Message::MILLION) percent.denominator = 1000000;
    return percent;
}

RuntimeFraction read_runtime_fraction(const envoy::config::core::v3::RuntimeFractionalPercent& message,
                                      const Path& path, Problems& problems) {
    if (!message.has_default_value()) problems.error(path.field("default_value"), "required");
    return {read_fractional_percent(message.default_value()), RuntimeKey::of(message.runtime_key())};
}

std::shared_ptr<const RuntimeConfig> read_layered_runtime(const LayeredRuntime& message,
                                                          const std::string& service_cluster, const Path& path,
                                                          Problems& problems) {
    auto config = std::make_shared<RuntimeConfig>();
    bool has_admin_layer = false;
    for (int i = 0; i < message.layers_size(); ++i) {
        const RuntimeLayer& layer = message.layers(i);
        const Path at = path.item("layers", static_cast<size_t>(i));
        require_text(layer.name(), at.field("name"), problems);
        const auto has_name = [&](const RuntimeLayerConfig& other) { return other.name == layer.name(); };
        if (std::any_of(config->layers.begin(), config->layers.end(), has_name)) {
            problems.error(at.field("name"), "Duplicate layer name: " + layer.name());
        }
        RuntimeLayerConfig& read = config->layers.emplace_back();
        read.name = layer.name();
        switch (layer.layer_specifier_case()) {
            case RuntimeLayer::kStaticLayer:
                read_static_values(layer.static_layer(), "", at.field("static_layer"),
                                   read.kind.emplace<RuntimeValues>(), problems);
                break;
            case RuntimeLayer::kDiskLayer:
                read.kind = read_disk_layer(layer.disk_layer(), service_cluster, at.field("disk_layer"), problems);
                break;
            case RuntimeLayer::kAdminLayer:
                if (std::exchange(has_admin_layer, true)) {
                    problems.error(at,
                                   "Too many admin layers specified in LayeredRuntime, at most one may be specified");
                }
                read.kind = AdminLayerConfig{};
                break;
            case RuntimeLayer::LAYER_SPECIFIER_NOT_SET:
                problems.error(at, "one of static_layer, disk_layer, admin_layer is required");
                break;
        }
    }
    return config;
}

std::optional<uint64_t> read_overload_manager(const OverloadManager& message, const Path& path, Problems& problems) {
    std::optional<uint64_t> limit;
    if (message.resource_monitors().empty())
        problems.error(path.field("resource_monitors"), "at least one is required");
    for (int i = 0; i < message.resource_monitors_size(); ++i) {
        const auto& monitor = message.resource_monitors(i);
        const Path at = path.item("resource_monitors", static_cast<size_t>(i));
        // It is found by its type; the name is what a trigger would name it by.
        if (monitor.name() != kConnectionMonitor) {
            problems.error(at.field("name"), std::string("must be ") + kConnectionMonitor);
        }
        DownstreamConnectionsConfig connections;
        if (!monitor.typed_config().UnpackTo(&connections)) {
            problems.error(at.field("typed_config"), "required");
            continue;
        }
        const int64_t most = connections.max_active_downstream_connections();
        if (most <= 0) {
            problems.error(at.field("typed_config").field("max_active_downstream_connections"),
                           "must be greater than 0");
        }
        if (limit) problems.error(at, std::string("Duplicate resource monitor ") + kConnectionMonitor);
        limit = static_cast<uint64_t>(most);
    }
    return limit;
}

}  // namespace heirloom::config
