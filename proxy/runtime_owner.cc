// SPDX-License-Identifier: Apache-2.0
#include "proxy/runtime_owner.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "proxy/config/document.h"
#include "proxy/logging.h"

namespace heirloom::server {
namespace {

namespace fs = std::filesystem;

// "/a/b/" is the directory b and its content; "/a/b" the name b in /a.
fs::path without_end(const std::string& root) {
    fs::path path(root);
    return path.has_filename() ? path : path.parent_path();
}

std::string directory_of(const std::string& root) {
    const fs::path parent = without_end(root).parent_path();
    return parent.empty() ? "." : parent.string();
}

}  // namespace

RuntimeOwner::RuntimeOwner(std::shared_ptr<const config::RuntimeConfig> config, const RuntimeStats& stats)
    : config_(config ? std::move(config) : std::make_shared<const config::RuntimeConfig>()), stats_(stats) {}

Result<std::unique_ptr<RuntimeOwner>> RuntimeOwner::create(network::EventLoop& loop,
                                                           std::shared_ptr<const config::RuntimeConfig> config,
                                                           const RuntimeStats& stats) {
    std::unique_ptr<RuntimeOwner> owner(new RuntimeOwner(std::move(config), stats));
    // First watched, then read: nothing is moved unseen.
    if (const Status watched = owner->watch(loop); !watched) return watched.error();
    owner->load();
    return owner;
}

RuntimeOwner::~RuntimeOwner() { runtime::set_thread_table(nullptr); }

Status RuntimeOwner::check(const config::RuntimeConfig& config) {
    for (const config::RuntimeLayerConfig& layer : config.layers) {
        const auto* disk = std::get_if<config::DiskLayerConfig>(&layer.kind);
        std::error_code unknown;
        if (!disk || fs::is_directory(directory_of(disk->root), unknown)) continue;
        return Error{"cannot watch directory " + directory_of(disk->root) + ": there is none"};
    }
    return Ok{};
}

void RuntimeOwner::load() {
    layers_ = runtime::load_layers(*config_, admin_);
    const config::RuntimeValues values = layers_.merged();
    keys_ = values.size();
    table_ = std::make_shared<const runtime::Table>(values);
    runtime::set_thread_table(table_.get());
    if (layers_.error.empty()) {
        stats_.load_success.add();
    } else {
        stats_.load_error.add();
        SPDLOG_LOGGER_WARN(log_of("runtime"), "a runtime layer is left out: {}", layers_.error);
    }
    (layers_.disk_layers > 1 ? stats_.override_dir_exists : stats_.override_dir_not_exists).add();
    if (shown_) show_gauges();
}

Status RuntimeOwner::watch(network::EventLoop& loop) {
    const auto is_disk = [](const config::RuntimeLayerConfig& layer) {
        return std::holds_alternative<config::DiskLayerConfig>(layer.kind);
    };
    if (std::none_of(config_->layers.begin(), config_->layers.end(), is_disk)) return Ok{};
    auto watcher = network::MoveWatcher::create(
        loop, [this](const std::string& directory, std::string_view name) { on_move(directory, name); });
    if (!watcher) return watcher.error();
    watcher_ = std::move(*watcher);
    return watch_roots();
}

// The directory that a root is in must be there, the root itself may come later.
Status RuntimeOwner::watch_roots() {
    std::set<std::string> directories;
    for (const config::RuntimeLayerConfig& layer : config_->layers) {
        const auto* disk = std::get_if<config::DiskLayerConfig>(&layer.kind);
        if (!disk) continue;
        directories.insert(directory_of(disk->root));
        std::error_code unknown;
        if (fs::is_directory(disk->root, unknown)) directories.insert(disk->root);
    }
    return watcher_->watch(directories);
}

void RuntimeOwner::on_move(const std::string& directory, std::string_view name) {
    const bool concerns = std::any_of(config_->layers.begin(), config_->layers.end(), [&](const auto& layer) {
        const auto* disk = std::get_if<config::DiskLayerConfig>(&layer.kind);
        if (!disk) return false;
        return directory.empty() || directory == disk->root ||
               (directory == directory_of(disk->root) && name == without_end(disk->root).filename().string());
    });
    if (!concerns) return;
    if (const Status watched = watch_roots(); !watched) {
        SPDLOG_LOGGER_WARN(log_of("runtime"), "{}", watched.error().text);
    }
    load();
    if (changed_) changed_();
}

Status RuntimeOwner::modify(const std::vector<std::pair<std::string, std::string>>& values) {
    const auto is_admin = [](const config::RuntimeLayerConfig& layer) {
        return std::holds_alternative<config::AdminLayerConfig>(layer.kind);
    };
    if (std::none_of(config_->layers.begin(), config_->layers.end(), is_admin)) {
        return Error{"No admin layer specified"};
    }
    for (const auto& [key, text] : values) {
        if (const auto document = config::parse_yaml(key, text); !document) return document.error();
    }
    for (const auto& [key, text] : values) {
        if (text.empty()) {
            admin_.erase(key);
        } else {
            admin_.insert_or_assign(key, config::parse_runtime_value(text));
        }
    }
    load();
    if (changed_) changed_();
    return Ok{};
}

void RuntimeOwner::show() {
    if (!std::exchange(shown_, true)) show_gauges();
}

void RuntimeOwner::show_gauges() const {
    stats_.admin_overrides_active.set(admin_.empty() ? 0 : 1);
    stats_.num_keys.set(keys_);
    stats_.num_layers.set(layers_.layers.size());
}

void RuntimeOwner::hide() {
    shown_ = false;
    for (const stats::Gauge& gauge : {stats_.admin_overrides_active, stats_.num_keys, stats_.num_layers}) gauge.set(0);
}

void warn_of_connection_limit(const config::Snapshot& snapshot, const runtime::Table& table) {
    constexpr const char* kKey = "overload.global_downstream_max_connections";
    constexpr const char* kMonitor = "envoy.resource_monitors.global_downstream_max_connections";
    const bool by_key = table.has(config::RuntimeKey::of(kKey));
    if (snapshot.max_downstream_connections && by_key) {
        SPDLOG_LOGGER_WARN(
            main_log(),
            "Global downstream connections limits is configured via deprecated runtime key {} and in {}. "
            "Using overload manager config.",
            kKey, kMonitor);
    } else if (!snapshot.max_downstream_connections && !by_key) {
        SPDLOG_LOGGER_WARN(main_log(),
                           "There is no configured limit to the number of allowed active downstream connections. "
                           "Configure a limit in `{}` resource monitor.",
                           kMonitor);
    }
}

}  // namespace heirloom::server
