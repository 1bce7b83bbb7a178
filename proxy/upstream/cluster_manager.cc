// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/cluster_manager.h"

#include <mutex>
#include <unordered_map>

#include "proxy/upstream/cluster.h"
#include "proxy/upstream/cluster_checks.h"
#include "proxy/upstream/cluster_hosts.h"
#include "proxy/upstream/dns_cluster.h"
#include "proxy/upstream/dns_resolver.h"
#include "proxy/upstream/hash_load_balancers.h"
#include "proxy/upstream/host_groups.h"
#include "proxy/upstream/outlier_detector.h"
#include "proxy/upstream/worker_cluster.h"

namespace heirloom::upstream {

namespace {

class Worker;
class Manager;

// Outlives the manager for as long as a worker needs it. `mutex` guards what a starting worker and a DNS update both
// touch; no request ever takes it.
struct Shared {
    std::shared_ptr<const config::Snapshot> snapshot;
    std::vector<std::unique_ptr<Cluster>> clusters;           // immutable after creation
    std::unordered_map<std::string_view, uint32_t> index_of;  // likewise
    std::mutex mutex;
    std::vector<std::shared_ptr<const HostSet>> hosts;           // by index of the cluster
    std::vector<std::shared_ptr<const tls::ClientContext>> tls;  // likewise; null: none
    std::vector<Worker*> workers;
    Manager* manager = nullptr;  // main thread; null when it has ended
};

class Worker final : public WorkerClusters {
  public:
    Worker(network::EventLoop& loop, uint32_t number, std::shared_ptr<Shared> shared)
        : loop_(loop),
          number_(number),
          shared_(std::move(shared)),
          views_(shared_->clusters.size()),
          update_waits_(shared_->clusters.size()) {
        const std::lock_guard lock(shared_->mutex);
        hosts_ = shared_->hosts;
        tls_ = shared_->tls;
        shared_->workers.push_back(this);
    }
    ~Worker() override {
        {
            const std::lock_guard lock(shared_->mutex);
            std::erase(shared_->workers, this);
        }
        *self_ = nullptr;
    }

    WorkerCluster* find(std::string_view name) override {
        const auto found = shared_->index_of.find(name);
        if (found == shared_->index_of.end()) return nullptr;
        const uint32_t index = found->second;
        if (!views_[index]) {
            views_[index] = std::make_unique<WorkerClusterView>(loop_, *shared_->clusters[index], number_,
                                                                hosts_[index], tls_[index]);
        }
        return views_[index].get();
    }

    void close_idle() override {
        for (auto& view : views_) {
            if (view) view->close_idle();
        }
    }

    // Main thread, under the mutex: the loop lives at least until the destructor has had it. Many changes at a time
    // cost one: the newest set is taken.
    void post_update(uint32_t index) {
        if (std::exchange(update_waits_[index], true)) return;
        loop_.post([self = self_, index] {
            if (*self) (*self)->take_update(index);
        });
    }

    // Likewise.
    void post_runtime() {
        loop_.post([self = self_] {
            if (!*self) return;
            for (auto& view : (*self)->views_) {
                if (view) view->follow_runtime();
            }
        });
    }

    // Likewise.
    void post_tls(uint32_t index, std::shared_ptr<const tls::ClientContext> context) {
        loop_.post([self = self_, index, context = std::move(context)] {
            if (*self) (*self)->update_tls(index, context);
        });
    }

  private:
    void update_tls(uint32_t index, std::shared_ptr<const tls::ClientContext> context) {
        tls_[index] = std::move(context);
        if (views_[index]) views_[index]->set_tls(tls_[index]);
    }
    void take_update(uint32_t index) {
        {
            const std::lock_guard lock(shared_->mutex);
            update_waits_[index] = false;
            hosts_[index] = shared_->hosts[index];
        }
        if (views_[index]) views_[index]->set_hosts(hosts_[index]);
    }

    network::EventLoop& loop_;
    uint32_t number_;
    std::shared_ptr<Shared> shared_;
    std::vector<std::shared_ptr<const HostSet>> hosts_;
    std::vector<std::shared_ptr<const tls::ClientContext>> tls_;
    std::vector<std::unique_ptr<WorkerClusterView>> views_;            // null until somebody asks
    std::vector<char> update_waits_;                                   // guarded by shared_->mutex
    std::shared_ptr<Worker*> self_ = std::make_shared<Worker*>(this);  // read and cleared on the worker's thread
};

class Manager final : public ClusterManager {
  public:
    Manager(network::EventLoop& loop, std::shared_ptr<const config::Snapshot> snapshot, stats::Registrar& registrar)
        : loop_(loop), stats_(make_cluster_manager_stats(registrar)), resolver_(loop, make_dns_stats(registrar), {}) {
        shared_->snapshot = std::move(snapshot);
        shared_->manager = this;
        const auto& configs = shared_->snapshot->clusters;
        shared_->hosts.resize(configs.size(), std::make_shared<const HostSet>());
        shared_->tls.resize(configs.size());
        for (uint32_t i = 0; i < configs.size(); ++i) {
            const config::ClusterConfig& config = configs[i];
            const std::string& name = config.alt_stat_name.empty() ? config.name : config.alt_stat_name;
            shared_->clusters.push_back(std::make_unique<Cluster>(config, make_cluster_stats(registrar, config)));
            shared_->index_of.emplace(config.name, i);
            hosts_.push_back(std::make_unique<ClusterHosts>(
                shared_->clusters.back()->stats,
                [this, i](std::shared_ptr<const HostSet> hosts) { publish(i, std::move(hosts)); }));
            checks_.push_back(config.health_check ? make_checks(loop, registrar, i, name) : nullptr);
            if (config.outlier_detection) {
                outliers_.push_back(std::make_unique<OutlierDetector>(loop, *shared_->clusters[i], *hosts_[i],
                                                                      make_outlier_stats(registrar, name)));
            } else {
                outliers_.push_back(nullptr);
            }
            listen(loop, i);
            stats_.cluster_added.add();
        }
        stats_.warming_clusters.set(configs.size());
        warming_ = configs.size();
        without_table_.resize(configs.size());
        for (uint32_t i = 0; i < configs.size(); ++i) start(loop, i);
        make_tables();
    }

    ~Manager() override { shared_->manager = nullptr; }

    void on_initialized(std::function<void()> done) override {
        if (warming_ == 0) return done();
        initialized_ = std::move(done);
    }

    std::unique_ptr<WorkerClusters> make_worker(network::EventLoop& loop, uint32_t worker) override {
        return std::make_unique<Worker>(loop, worker, shared_);
    }

    std::vector<ClusterStatus> status() const override {
        std::vector<ClusterStatus> result;
        for (uint32_t i = 0; i < shared_->clusters.size(); ++i) {
            ClusterStatus& status = result.emplace_back();
            status.config = &shared_->clusters[i]->config;
            const HostSet& hosts = hosts_[i]->hosts();
            for (size_t at = 0; at < hosts.endpoints.size(); ++at) {
                const EndpointIdentity& identity = hosts.endpoints[at]->identity();
                status.endpoints.push_back({identity.address, identity.hostname, identity.weight, identity.region,
                                            identity.zone, identity.sub_zone, hosts.endpoints[at]->numbers(),
                                            identity.priority, hosts.flags[at]});
            }
        }
        return result;
    }

    void retire() override {
        for (uint32_t i = 0; i < hosts_.size(); ++i) {
            if (checks_[i]) checks_[i]->stop();
            if (outliers_[i]) outliers_[i]->hide();
            hosts_[i]->hide();
        }
        stats_.active_clusters.set(0);
        stats_.warming_clusters.set(0);
    }

    void follow_runtime() override {
        for (const auto& cluster : shared_->clusters) cluster->follow_runtime();
        const std::lock_guard lock(shared_->mutex);
        for (Worker* worker : shared_->workers) worker->post_runtime();
    }

    void set_tls(std::string_view cluster, std::shared_ptr<const tls::ClientContext> context) override {
        const auto found = shared_->index_of.find(cluster);
        if (found == shared_->index_of.end()) return;
        const std::lock_guard lock(shared_->mutex);
        for (Worker* worker : shared_->workers) worker->post_tls(found->second, context);
        shared_->tls[found->second] = std::move(context);
    }

  private:
    void start(network::EventLoop& loop, uint32_t index) {
        const Cluster& cluster = *shared_->clusters[index];
        switch (cluster.config.type) {
            case config::ClusterConfig::Type::fixed: {
                EndpointList list;
                for (const config::EndpointConfig& endpoint : cluster.config.endpoints) {
                    if (endpoint.address) list.push_back(make_endpoint(endpoint, *endpoint.address));
                }
                take_endpoints(index, std::move(list));
                resolved(index);
                return;
            }
            case config::ClusterConfig::Type::strict_dns:
            case config::ClusterConfig::Type::logical_dns:
                dns_.push_back(std::make_unique<DnsCluster>(
                    loop, resolver_, cluster.config, cluster.stats,
                    [this, index](EndpointList list) { take_endpoints(index, std::move(list)); },
                    [this, index] { resolved(index); }));
                dns_.back()->start();
                return;
        }
    }

    std::unique_ptr<ClusterChecks> make_checks(network::EventLoop& loop, stats::Registrar& registrar, uint32_t index,
                                               const std::string& stat_name) {
        return std::make_unique<ClusterChecks>(loop, *shared_->clusters[index], *hosts_[index],
                                               make_health_check_stats(registrar, stat_name),
                                               [this, index] { return shared_->tls[index]; });
    }

    // What workers find out comes here. The loop outlives them.
    void listen(network::EventLoop& loop, uint32_t index) {
        shared_->clusters[index]->tell = [&loop, shared = std::weak_ptr(shared_), index](
                                             const std::shared_ptr<const Endpoint>& endpoint, EndpointEvent event) {
            loop.post([shared, index, endpoint, event] {
                const auto held = shared.lock();
                if (held && held->manager) held->manager->on_event(index, *endpoint, event);
            });
        };
        if (!checks_[index] || !outliers_[index]) return;
        checks_[index]->on_passed = [this, index](const Endpoint& endpoint) {
            outliers_[index]->on_check_passed(endpoint);
        };
    }

    void on_event(uint32_t index, const Endpoint& endpoint, EndpointEvent event) {
        if (event == EndpointEvent::told_to_leave) {
            if (checks_[index]) checks_[index]->fail_at_once(endpoint);
        } else if (outliers_[index]) {
            outliers_[index]->on_event(endpoint, event);
        }
    }

    void take_endpoints(uint32_t index, EndpointList list) {
        hosts_[index]->set_endpoints(std::move(list), checks_[index] ? checks_[index]->initial() : HealthFlags{0});
        if (outliers_[index]) outliers_[index]->follow();
        if (checks_[index]) checks_[index]->follow();
    }

    void resolved(uint32_t index) {
        if (!checks_[index]) return settled();
        checks_[index]->on_first_round([this] { settled(); });
    }

    void settled() {
        stats_.warming_clusters.sub();
        stats_.active_clusters.add();
        if (--warming_ != 0) return;
        make_tables();  // workers come next
        if (initialized_) std::exchange(initialized_, nullptr)();
    }

    void publish(uint32_t index, std::shared_ptr<const HostSet> hosts) {
        if (!uses_hash_table(shared_->clusters[index]->config)) return share(index, std::move(hosts));
        // A table costs something to make: many changes at a time get one.
        without_table_[index] = std::move(hosts);
        if (std::exchange(tables_wait_, true)) return;
        loop_.post([shared = std::weak_ptr(shared_)] {
            const auto held = shared.lock();
            if (held && held->manager) held->manager->make_tables();
        });
    }

    void make_tables() {
        tables_wait_ = false;
        for (uint32_t i = 0; i < without_table_.size(); ++i) {
            if (!without_table_[i]) continue;
            auto hosts = std::make_shared<HostSet>(*without_table_[i]);
            without_table_[i] = nullptr;
            // Only this thread writes there.
            hosts->tables = make_hash_tables(*hosts, *shared_->hosts[i], shared_->clusters[i]->config);
            share(i, std::move(hosts));
        }
    }

    void share(uint32_t index, std::shared_ptr<const HostSet> hosts) {
        const std::lock_guard lock(shared_->mutex);
        shared_->hosts[index] = std::move(hosts);
        for (Worker* worker : shared_->workers) worker->post_update(index);
    }

    network::EventLoop& loop_;
    std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
    ClusterManagerStats stats_;
    DnsResolver resolver_;
    std::vector<std::unique_ptr<ClusterHosts>> hosts_;        // by index of the cluster
    std::vector<std::unique_ptr<ClusterChecks>> checks_;      // likewise; null: none
    std::vector<std::unique_ptr<OutlierDetector>> outliers_;  // likewise
    std::vector<std::unique_ptr<DnsCluster>> dns_;
    std::vector<std::shared_ptr<const HostSet>> without_table_;  // by index of the cluster; null: none
    bool tables_wait_ = false;
    std::function<void()> initialized_;
    size_t warming_ = 0;
};

}  // namespace

std::unique_ptr<ClusterManager> ClusterManager::create(network::EventLoop& main_loop,
                                                       std::shared_ptr<const config::Snapshot> snapshot,
                                                       stats::Registrar& registrar) {
    return std::make_unique<Manager>(main_loop, std::move(snapshot), registrar);
}

}  // namespace heirloom::upstream
