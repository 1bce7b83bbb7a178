// SPDX-License-Identifier: Apache-2.0
// RuntimeOwner: this process's runtime values: reads the layers, reads them again when a disk layer's root is moved
// into place, takes the administrator's values, and says when there is a new table. Main thread.
//
// The administrator's values are this generation's: the next one begins without, as after a hot restart of Envoy.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "proxy/config/runtime_config.h"
#include "proxy/config/snapshot.h"
#include "proxy/network/event_loop.h"
#include "proxy/network/move_watcher.h"
#include "proxy/runtime/layers.h"
#include "proxy/runtime/table.h"
#include "proxy/server_stats.h"

namespace heirloom::server {

class RuntimeOwner {
  public:
    // `config` null: no layers. This thread looks into its table from now on. Error: a disk layer's root cannot be
    // watched. `loop` outlives the result.
    static Result<std::unique_ptr<RuntimeOwner>> create(network::EventLoop& loop,
                                                        std::shared_ptr<const config::RuntimeConfig> config,
                                                        const RuntimeStats& stats);
    ~RuntimeOwner();
    // Without a start: could the roots of its disk layers be watched?
    static Status check(const config::RuntimeConfig& config);

    // Called when there is a new table.
    void on_change(std::function<void()> callback) { changed_ = std::move(callback); }

    const std::shared_ptr<const runtime::Table>& table() const { return table_; }
    const std::vector<runtime::Layer>& layers() const { return layers_.layers; }
    // An empty value takes the key's away. Error: there is no admin layer, or a value is no YAML; then nothing changes.
    Status modify(const std::vector<std::pair<std::string, std::string>>& values);

    // The gauges: of one generation only.
    void show();
    void hide();

  private:
    RuntimeOwner(std::shared_ptr<const config::RuntimeConfig> config, const RuntimeStats& stats);
    Status watch(network::EventLoop& loop);
    void load();
    void on_move(const std::string& directory, std::string_view name);
    Status watch_roots();
    void show_gauges() const;

    const std::shared_ptr<const config::RuntimeConfig> config_;
    const RuntimeStats stats_;
    config::RuntimeValues admin_;
    runtime::Layers layers_;
    size_t keys_ = 0;
    std::shared_ptr<const runtime::Table> table_;
    std::function<void()> changed_;
    std::unique_ptr<network::MoveWatcher> watcher_;  // null: no disk layer
    bool shown_ = false;
};

// At the start: that downstream connections have no limit, or two.
void warn_of_connection_limit(const config::Snapshot& snapshot, const runtime::Table& table);

}  // namespace heirloom::server
