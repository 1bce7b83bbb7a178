// SPDX-License-Identifier: Apache-2.0
// layered_runtime, overload_manager, and what stands in a runtime value.
#include <doctest/doctest.h>

#include "proxy/config/runtime_config.h"
#include "tests/unit/config/load_text.h"

namespace heirloom::config {
namespace {

std::shared_ptr<const RuntimeConfig> runtime_of(const std::string& layers, const std::string& more = "") {
    const auto loaded = load("{" + more + "layered_runtime: {layers: [" + layers + "]}}");
    REQUIRE_MESSAGE(loaded.ok(), loaded.error().text);
    return (*loaded)->runtime;
}

std::string wrong(const std::string& layers) { return errors_of("layered_runtime: {layers: [" + layers + "]}"); }

std::string monitors(const std::string& list) { return "overload_manager: {resource_monitors: [" + list + "]}"; }

const std::string kType =
    "\"@type\": type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3."
    "DownstreamConnectionsConfig";

}  // namespace

TEST_CASE("a value is read as each kind that it can be") {
    RuntimeValue value = parse_runtime_value(" 50000\n");
    CHECK(value.text == " 50000\n");
    CHECK((value.integer == 50000 && value.number == 50000 && value.truth == true && !value.percent));
    value = parse_runtime_value("0");
    CHECK((value.integer == 0 && value.truth == false));
    value = parse_runtime_value("3.9");
    CHECK((value.integer == 3 && value.number == 3.9 && !value.truth));
    value = parse_runtime_value("-2");
    CHECK((!value.integer && value.number == -2));
    value = parse_runtime_value("18446744073709551616");  // one more than an integer can be
    CHECK((!value.integer && value.number));
    value = parse_runtime_value("NaN");
    CHECK((value.text == "NaN" && !value.number && !value.integer));
    value = parse_runtime_value("TRUE");
    CHECK((value.truth == true && !value.integer));
    value = parse_runtime_value("0x64");
    CHECK((value.integer == 100));
    for (const char* text : {"", "seven", "7 8", "'7'", "0x", "0x6g", "[1, 2]", "{a", "&x", "{numerator: -1}",
                             "{numerator: 1, hats: 2}"}) {
        value = parse_runtime_value(text);
        CAPTURE(text);
        CHECK((!value.integer && !value.number && !value.truth && !value.percent));
        CHECK(value.text == text);
    }
    CHECK(parse_runtime_value("{\"numerator\": 5, \"denominator\": \"TEN_THOUSAND\"}").percent ==
          FractionalPercent{5, 10000});
    CHECK(parse_runtime_value("numerator: 5\ndenominator: MILLION").percent == FractionalPercent{5, 1000000});
}

TEST_CASE("equal names are equal keys") {
    CHECK(RuntimeKey::of("config_test.a") == RuntimeKey::of("config_test.a"));
    CHECK_FALSE(RuntimeKey::of("config_test.a") == RuntimeKey::of("config_test.b"));
    CHECK_FALSE(RuntimeKey::of(""));
    CHECK(RuntimeKey::of("config_test.a"));
    CHECK(RuntimeKey::find("config_test.a") == RuntimeKey::of("config_test.a"));
    CHECK_FALSE(RuntimeKey::find("config_test.never"));
}

TEST_CASE("layers, in their order") {
    const auto runtime = runtime_of(
        "{name: base, static_layer: {overload: {global_downstream_max_connections: 50000}, a.b: true, c: {d: {e: "
        "low}}, "
        "share: {numerator: 5, denominator: TEN_THOUSAND}}}, "
        "{name: disk, disk_layer: {symlink_root: /srv/current, subdirectory: proxy, append_service_cluster: true}}, "
        "{name: plain, disk_layer: {symlink_root: /srv/current}}, {name: admin, admin_layer: {}}",
        "node: {id: i, cluster: edge}, ");
    REQUIRE(runtime->layers.size() == 4);
    const auto& values = std::get<RuntimeValues>(runtime->layers[0].kind);
    CHECK(values.size() == 4);
    CHECK(values.at("overload.global_downstream_max_connections").integer == 50000);
    CHECK(values.at("overload.global_downstream_max_connections").text == "50000");
    CHECK(values.at("a.b").truth == true);
    CHECK(values.at("c.d.e").text == "low");
    CHECK(values.at("share").percent == FractionalPercent{5, 10000});
    CHECK(std::get<DiskLayerConfig>(runtime->layers[1].kind).root == "/srv/current");
    CHECK(std::get<DiskLayerConfig>(runtime->layers[1].kind).directory == "/srv/current/proxy/edge");
    CHECK(std::get<DiskLayerConfig>(runtime->layers[2].kind).directory == "/srv/current/");
    CHECK(std::holds_alternative<AdminLayerConfig>(runtime->layers[3].kind));
    CHECK((*load("node: {id: a}"))->runtime == nullptr);
}

TEST_CASE("layers that are wrong are refused by name") {
    const std::string at = "layered_runtime.layers";
    CHECK(wrong("{static_layer: {}}") == at + "[0].name: required, and must not be empty");
    CHECK(wrong("{name: a}") == at + "[0]: one of static_layer, disk_layer, admin_layer is required");
    CHECK(wrong("{name: a, admin_layer: {}}, {name: a, static_layer: {}}") == at + "[1].name: Duplicate layer name: a");
    CHECK(wrong("{name: a, admin_layer: {}}, {name: b, admin_layer: {}}") ==
          at + "[1]: Too many admin layers specified in LayeredRuntime, at most one may be specified");
    CHECK(wrong("{name: a, disk_layer: {}}") == at + "[0].disk_layer.symlink_root: required, and must not be empty");
    CHECK(wrong("{name: a, static_layer: {b: {c: [1]}}}") ==
          at + "[0].static_layer[\"b\"][\"c\"]: Invalid runtime entry value for b.c");
    CHECK(wrong("{name: a, rtds_layer: {name: x}}").find("rtds_layer: unknown or unsupported field") !=
          std::string::npos);
}

TEST_CASE("the overload manager limits connections, and nothing else yet") {
    const std::string name =
        "{name: envoy.resource_monitors.global_downstream_max_connections, typed_config: {" + kType;
    const auto loaded = load(monitors(name + ", max_active_downstream_connections: 1000}}"));
    REQUIRE_MESSAGE(loaded.ok(), loaded.error().text);
    CHECK((*loaded)->max_downstream_connections == 1000);
    const std::string at = "overload_manager.resource_monitors[0].";
    CHECK(errors_of(monitors(name + "}}")) ==
          at + "typed_config.max_active_downstream_connections: must be greater than 0");
    CHECK(errors_of(monitors("{name: x, typed_config: {" + kType + ", max_active_downstream_connections: 1}}")) ==
          at + "name: must be envoy.resource_monitors.global_downstream_max_connections");
    CHECK(errors_of("overload_manager: {}") == "overload_manager.resource_monitors: at least one is required");
}

}  // namespace heirloom::config
