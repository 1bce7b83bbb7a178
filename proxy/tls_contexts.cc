// SPDX-License-Identifier: Apache-2.0
#include "proxy/tls_contexts.h"

namespace heirloom::server {
namespace {

std::string prefix_of(const config::ListenerConfig& listener) {
    return "listener." +
           stats::sanitize(listener.stat_prefix.empty() ? listener.address.to_string() : listener.stat_prefix) + ".";
}

std::string prefix_of(const config::ClusterConfig& cluster) {
    return "cluster." + stats::sanitize(cluster.alt_stat_name.empty() ? cluster.name : cluster.alt_stat_name) + ".";
}

}  // namespace

void TlsContexts::collect(const config::Snapshot& snapshot, stats::Registrar* registrar) {
    for (const config::ListenerConfig& listener : snapshot.listeners) {
        const auto add = [&](const config::FilterChainConfig& chain) {
            if (!chain.tls) return;
            Chain& added = chains_.emplace_back(Chain{chain.tls, {}, nullptr});
            if (registrar) added.stats = tls::make_tls_stats(*registrar, prefix_of(listener) + "ssl.", *chain.tls);
        };
        for (const config::FilterChainConfig& chain : listener.filter_chains) add(chain);
        if (listener.default_filter_chain) add(*listener.default_filter_chain);
    }
    for (const config::ClusterConfig& cluster : snapshot.clusters) {
        if (!cluster.tls) continue;
        Cluster& added = clusters_.emplace_back(Cluster{cluster.name, cluster.tls, {}, nullptr});
        if (registrar) added.stats = tls::make_tls_stats(*registrar, prefix_of(cluster) + "ssl.", *cluster.tls);
    }
}

Status TlsContexts::make_all(std::shared_ptr<const tls::TicketKeys> keys) {
    for (Chain& chain : chains_) {
        auto made = tls::make_server_context(*chain.config, chain.stats, keys);
        if (!made) return made.error();
        chain.context = std::move(*made);
    }
    for (Cluster& cluster : clusters_) {
        auto made = tls::make_client_context(*cluster.config, cluster.stats);
        if (!made) return made.error();
        cluster.context = std::move(*made);
    }
    return Ok{};
}

Result<std::unique_ptr<TlsContexts>> TlsContexts::create(std::shared_ptr<const config::Snapshot> snapshot,
                                                         stats::Registrar& registrar,
                                                         std::shared_ptr<const tls::TicketKeys> keys) {
    auto contexts = std::make_unique<TlsContexts>();
    contexts->collect(*snapshot, &registrar);
    if (const Status made = contexts->make_all(std::move(keys)); !made) return made.error();
    return contexts;
}

Status TlsContexts::check(const config::Snapshot& snapshot) {
    TlsContexts contexts;
    contexts.collect(snapshot, nullptr);
    const auto without_key_log = [](auto& one) {
        auto config = std::make_shared<std::decay_t<decltype(*one.config)>>(*one.config);
        config->key_log_path.clear();
        one.config = std::move(config);
    };
    for (Chain& chain : contexts.chains_) without_key_log(chain);
    for (Cluster& cluster : contexts.clusters_) without_key_log(cluster);
    return contexts.make_all(nullptr);
}

std::shared_ptr<const tls::ServerContext> TlsContexts::server(const config::FilterChainConfig& chain) const {
    for (const Chain& one : chains_) {
        if (one.config == chain.tls) return one.context;
    }
    return nullptr;
}

void TlsContexts::give_to(upstream::ClusterManager& clusters) const {
    for (const Cluster& cluster : clusters_) clusters.set_tls(cluster.name, cluster.context);
}

}  // namespace heirloom::server
