// SPDX-License-Identifier: Apache-2.0
#include "proxy/config/bootstrap_loader.h"

#include <google/protobuf/stubs/logging.h>
#include <google/protobuf/util/json_util.h>

#include "envoy/config/bootstrap/v3/bootstrap.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "proxy/config/document_file.h"
#include "proxy/config/message_builder.h"
#include "proxy/config/readers.h"
#include "proxy/config/redact.h"

namespace heirloom::config {
namespace {

using envoy::config::bootstrap::v3::Bootstrap;
using envoy::config::listener::v3::FilterChain;
using envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager;

constexpr const char* kInlineName = "--config-yaml";

// FNV-1a, 64 bits.
uint64_t hash_text(uint64_t hash, std::string_view text) {
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
    return hash;
}

void override_node(const LoadRequest& request, Bootstrap& bootstrap) {
    if (!request.service_node.empty()) bootstrap.mutable_node()->set_id(request.service_node);
    if (!request.service_cluster.empty()) bootstrap.mutable_node()->set_cluster(request.service_cluster);
    if (!request.service_zone.empty()) bootstrap.mutable_node()->mutable_locality()->set_zone(request.service_zone);
}

std::string to_json(const google::protobuf::Message& message) {
    google::protobuf::util::JsonPrintOptions options;
    options.preserve_proto_field_names = true;
    std::string text;
    const auto status = google::protobuf::util::MessageToJsonString(message, &text, options);
    return status.ok() ? text : "{}";  // fails for an Any of an unknown type only, and the loader lets none in
}

void dump_routes(const FilterChain& chain, Snapshot& snapshot) {
    for (const auto& filter : chain.filters()) {
        HttpConnectionManager manager;
        if (!filter.typed_config().UnpackTo(&manager) || !manager.has_route_config()) continue;
        snapshot.dump.route_tables.emplace_back(manager.route_config().name(), to_json(manager.route_config()));
    }
}

void dump(Bootstrap& bootstrap, Snapshot& snapshot) {
    redact(bootstrap);
    snapshot.dump.bootstrap = to_json(bootstrap);
    for (const auto& cluster : bootstrap.static_resources().clusters()) {
        snapshot.dump.clusters.emplace_back(cluster.name(), to_json(cluster));
    }
    for (const auto& secret : bootstrap.static_resources().secrets()) {
        snapshot.dump.secrets.emplace_back(secret.name(), to_json(secret));
    }
    for (int i = 0; i < bootstrap.static_resources().listeners_size(); ++i) {
        const auto& listener = bootstrap.static_resources().listeners(i);
        snapshot.dump.listeners.emplace_back(snapshot.listeners[static_cast<size_t>(i)].name, to_json(listener));
        for (const auto& chain : listener.filter_chains()) dump_routes(chain, snapshot);
        if (listener.has_default_filter_chain()) dump_routes(listener.default_filter_chain(), snapshot);
    }
    snapshot.dump.loaded = std::chrono::system_clock::now();
}

struct Sources {
    Document file;
    Document inline_text;
    uint64_t hash = 0xcbf29ce484222325ull;
};

Status read_sources(const LoadRequest& request, Sources& sources) {
    if (request.path.empty() && request.inline_yaml.empty()) {
        return Error{"At least one of --config-path or --config-yaml or Options::configProto() should be non-empty"};
    }
    if (!request.path.empty()) {
        for (const char* extension : {".pb", ".pb_text", ".pb_text_format"}) {
            if (has_extension(request.path, extension)) {
                return Error{request.path + ": files of type " + extension + " are not supported: use YAML or JSON"};
            }
        }
        Result<LoadedDocument> loaded = load_document_file(request.path, kMaxDocumentBytes, FileKind::any);
        if (!loaded) return loaded.error();
        sources.file = std::move(loaded->document);
        sources.hash = hash_text(sources.hash, loaded->text);
    }
    if (!request.inline_yaml.empty()) {
        if (Status status = check_utf8(kInlineName, request.inline_yaml); !status) return status;
        Result<Document> document = parse_yaml(kInlineName, request.inline_yaml);
        if (!document) return document.error();
        sources.inline_text = std::move(*document);
        sources.hash = hash_text(sources.hash, request.inline_yaml);
    }
    return Ok{};
}

Result<std::shared_ptr<const Snapshot>> load(const LoadRequest& request) {
    Sources sources;
    if (Status status = read_sources(request, sources); !status) return status.error();
    auto snapshot = std::make_shared<Snapshot>();
    snapshot->path = request.path;
    snapshot->hash = sources.hash;

    Problems problems;
    Bootstrap bootstrap;
    for (const Document* document : {&sources.file, &sources.inline_text}) {
        if (document->root == nullptr) continue;
        problems.add_source(*document);
        MessageBuilder builder(*document, problems, request.allow_unknown_static_fields);
        builder.build(bootstrap);
        snapshot->unknown_fields += builder.unknown_fields();
        snapshot->deprecated_fields += builder.deprecated_fields();
    }
    override_node(request, bootstrap);
    read_bootstrap(bootstrap, problems, *snapshot);
    if (problems.any()) return Error{problems.text()};
    snapshot->warnings = problems.take_warnings();
    dump(bootstrap, *snapshot);
    return std::shared_ptr<const Snapshot>(std::move(snapshot));
}

}  // namespace

Result<std::shared_ptr<const Snapshot>> load_bootstrap(const LoadRequest& request) {
    try {
        return load(request);
    } catch (const std::exception& problem) {  // out of memory
        return Error{(request.path.empty() ? kInlineName : request.path) + ": " + problem.what()};
    }
}

}  // namespace heirloom::config
