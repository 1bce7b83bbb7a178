// SPDX-License-Identifier: Apache-2.0
// TlsContexts: all TLS contexts of this process, of clusters and of filter chains: made before anything is served, so
// that what is wrong with a certificate is an error of the start, and made again when a secret that came from a file
// changes. Main thread; workers share the contexts, and a connection keeps the one that it began with.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "proxy/config/snapshot.h"
#include "proxy/secret_files.h"
#include "proxy/stats/store.h"
#include "proxy/tls/context.h"
#include "proxy/upstream/cluster_manager.h"

namespace heirloom::server {

class TlsContexts {
  public:
    // Makes all. `keys`: session ticket keys of chains that configure none. Error: "FILE:LINE:COLUMN: field.path: ...".
    static Result<std::unique_ptr<TlsContexts>> create(const config::Snapshot& snapshot, stats::Registrar& registrar,
                                                       std::shared_ptr<const tls::TicketKeys> keys);
    // Whether create() could make them; nothing is counted and no file is made.
    static Status check(const config::Snapshot& snapshot);

    // What new connections of `chain`, which has TLS and is of the snapshot, begin with.
    std::shared_ptr<const tls::ServerContext> server(const config::FilterChainConfig& chain) const;
    // Gives each cluster its context, now and when it changes. `clusters` lives as long as the loop of watch() runs.
    void give_to(upstream::ClusterManager& clusters);
    // Called with each chain (its `tls`) whose context changed.
    using ChainChanged = std::function<void(const config::DownstreamTlsConfig* chain,
                                            const std::shared_ptr<const tls::ServerContext>& context)>;
    void on_chain_changed(ChainChanged changed) { chain_changed_ = std::move(changed); }
    // Watches the files of secrets from now on. What cannot be watched is logged.
    void watch(network::EventLoop& loop);

    // The gauges of secrets, as SecretFiles, and of certificates: when each expires.
    void show() const;
    void hide() const;

    // Of chains and clusters, for /certs.
    std::vector<std::shared_ptr<const tls::Context>> all() const;
    // Of certificates and authorities; as Envoy's gauge, 2^32 - 1 when there is none.
    uint64_t days_until_first_expiration(std::chrono::system_clock::time_point now) const;
    // 0 when one has expired, and when there is no staple.
    uint64_t seconds_until_first_ocsp_expiration(std::chrono::system_clock::time_point now) const;

  private:
    // A context of one place of the configuration, and what it was made of.
    template <class Config, class Made>
    struct Place {
        std::string name;                      // of the cluster
        std::shared_ptr<const Config> config;  // as configured
        std::vector<size_t> secrets;           // of `config`: certificates, then validation, then ticket keys
        tls::TlsStats stats;
        stats::Counter updates;
        std::map<std::string, stats::Gauge> expirations;  // by the name of the certificate; who shares one, the last
        std::shared_ptr<const Made> context;
    };
    using Chain = Place<config::DownstreamTlsConfig, tls::ServerContext>;
    using Cluster = Place<config::UpstreamTlsConfig, tls::ClientContext>;

    // Without a registrar nothing is counted.
    TlsContexts(stats::Registrar* registrar, std::shared_ptr<const tls::TicketKeys> keys);
    Status make_all(const config::Snapshot& snapshot);
    template <class Config, class Made>
    Status add(std::vector<Place<Config, Made>>& places, const std::string& name,
               const std::shared_ptr<const Config>& config, const std::string& prefix, const char* factory);

    // With `value` for the secret `changed`.
    Result<std::shared_ptr<const tls::ServerContext>> make(const Chain& chain, size_t changed,
                                                           const SecretValue* value) const;
    Result<std::shared_ptr<const tls::ClientContext>> make(const Cluster& cluster, size_t changed,
                                                           const SecretValue* value) const;
    template <class Config, class Made>
    Config config_of(const Place<Config, Made>& place, size_t changed, const SecretValue* value) const;
    Status on_secret(size_t index, const SecretValue& value);
    template <class Config, class Made>
    void make_expirations(Place<Config, Made>& place, const std::string& prefix);

    stats::Registrar* const registrar_;
    const std::shared_ptr<const tls::TicketKeys> keys_;
    SecretFiles secrets_;
    std::vector<Chain> chains_;
    std::vector<Cluster> clusters_;
    upstream::ClusterManager* cluster_manager_ = nullptr;
    ChainChanged chain_changed_;
};

}  // namespace heirloom::server
