// SPDX-License-Identifier: Apache-2.0
#include "proxy/runtime/layers.h"

#include <filesystem>
#include <fstream>

namespace heirloom::runtime {
namespace {

namespace fs = std::filesystem;

constexpr uint32_t kMaximumDepth = 16;
constexpr uintmax_t kMaximumBytes = 1u << 20;

Result<std::string> read_value(const fs::path& path) {
    std::error_code error;
    if (fs::file_size(path, error) > kMaximumBytes || error) {
        return Error{path.string() + ": " + (error ? error.message() : "has more than 1 MiB")};
    }
    std::ifstream file(path);
    std::string text;
    for (std::string line; std::getline(file, line);) {
        if (!line.starts_with('#')) text.append(line).append("\n");
    }
    if (file.bad() || !file.eof()) return Error{path.string() + ": cannot be read"};
    text.erase(text.find_last_not_of(" \t\r\n") + 1);
    return text;
}

Status read_below(const fs::path& directory, const std::string& prefix, uint32_t depth, config::RuntimeValues& values) {
    if (depth > kMaximumDepth) return Error{directory.string() + ": Walk recursion depth exceeded 16"};
    std::error_code error;
    fs::directory_iterator entries(directory, error);
    for (; !error && entries != fs::directory_iterator(); entries.increment(error)) {
        const fs::directory_entry& entry = *entries;
        const std::string key = prefix + entry.path().filename().string();
        std::error_code unknown;
        if (entry.is_directory(unknown)) {
            if (Status done = read_below(entry.path(), key + ".", depth + 1, values); !done) return done;
        } else if (entry.is_regular_file(unknown)) {
            Result<std::string> text = read_value(entry.path());
            if (!text) return text.error();
            values[key] = config::parse_runtime_value(std::move(*text));
        }
    }
    if (error) return Error{directory.string() + ": " + error.message()};
    return Ok{};
}

}  // namespace

Result<config::RuntimeValues> read_directory(const std::string& directory) {
    config::RuntimeValues values;
    if (Status done = read_below(directory, "", 1, values); !done) return done.error();
    return values;
}

Layers load_layers(const config::RuntimeConfig& config, const config::RuntimeValues& admin) {
    Layers loaded;
    for (const config::RuntimeLayerConfig& layer : config.layers) {
        if (const auto* values = std::get_if<config::RuntimeValues>(&layer.kind)) {
            loaded.layers.push_back({layer.name, *values});
        } else if (const auto* disk = std::get_if<config::DiskLayerConfig>(&layer.kind)) {
            std::error_code unknown;
            if (!fs::is_directory(disk->directory, unknown)) continue;
            Result<config::RuntimeValues> found = read_directory(disk->directory);
            if (found) {
                loaded.layers.push_back({layer.name, std::move(*found)});
                ++loaded.disk_layers;
            } else {
                loaded.error = found.error().text;
            }
        } else {
            loaded.layers.push_back({layer.name, admin});
        }
    }
    return loaded;
}

config::RuntimeValues Layers::merged() const {
    config::RuntimeValues all;
    for (const Layer& layer : layers) {
        for (const auto& [key, value] : layer.values) all.insert_or_assign(key, value);
    }
    return all;
}

}  // namespace heirloom::runtime
