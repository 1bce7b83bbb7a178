// SPDX-License-Identifier: Apache-2.0
// TlsContexts: all TLS contexts of this process, of clusters and of filter chains: made before anything is served, so
// that what is wrong with a certificate is an error of the start. Main thread; workers share the contexts.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "proxy/config/snapshot.h"
#include "proxy/stats/store.h"
#include "proxy/tls/context.h"
#include "proxy/upstream/cluster_manager.h"

namespace heirloom::server {

class TlsContexts {
  public:
    // Makes all. `keys`: session ticket keys of chains that configure none. Error: "FILE:LINE:COLUMN: field.path: ...".
    static Result<std::unique_ptr<TlsContexts>> create(std::shared_ptr<const config::Snapshot> snapshot,
                                                       stats::Registrar& registrar,
                                                       std::shared_ptr<const tls::TicketKeys> keys);
    // Whether create() could make them; nothing is counted and no file is made.
    static Status check(const config::Snapshot& snapshot);

    // What new connections of `chain`, which has TLS and is of the snapshot, begin with.
    std::shared_ptr<const tls::ServerContext> server(const config::FilterChainConfig& chain) const;
    // Gives each cluster its context.
    void give_to(upstream::ClusterManager& clusters) const;

  private:
    struct Chain {
        std::shared_ptr<const config::DownstreamTlsConfig> config;
        tls::TlsStats stats;
        std::shared_ptr<const tls::ServerContext> context;
    };
    struct Cluster {
        std::string name;
        std::shared_ptr<const config::UpstreamTlsConfig> config;
        tls::TlsStats stats;
        std::shared_ptr<const tls::ClientContext> context;
    };
    // Without a registrar nothing is counted.
    void collect(const config::Snapshot& snapshot, stats::Registrar* registrar);
    Status make_all(std::shared_ptr<const tls::TicketKeys> keys);

    std::vector<Chain> chains_;
    std::vector<Cluster> clusters_;
};

}  // namespace heirloom::server
