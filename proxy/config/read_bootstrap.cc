// SPDX-License-Identifier: Apache-2.0
#include "envoy/config/bootstrap/v3/bootstrap.pb.h"
#include "proxy/config/access_log_format.h"
#include "proxy/config/readers.h"

namespace heirloom::config {
namespace {

using envoy::config::bootstrap::v3::Admin;
using envoy::config::bootstrap::v3::Bootstrap;

void read_clusters(const Bootstrap& message, Snapshot& snapshot, ReadContext& context) {
    const auto& clusters = message.static_resources().clusters();
    const Path path = Path().field("static_resources").field("clusters");
    context.clusters_known = !context.problems.is_damaged_below(path);
    for (int i = 0; i < clusters.size(); ++i) {
        const Path at = path.item(static_cast<size_t>(i));
        snapshot.clusters.push_back(read_cluster(clusters[i], at, context));
        const std::string& name = snapshot.clusters.back().name;
        if (!name.empty() && !context.clusters.insert(name).second) {
            context.problems.error(at.field("name"), "cluster manager: duplicate cluster '" + name + "'");
        }
    }
}

void read_secrets(const Bootstrap& message, ReadContext& context) {
    const auto& secrets = message.static_resources().secrets();
    const Path path = Path().field("static_resources").field("secrets");
    context.secrets_known = !context.problems.is_damaged_below(path);
    for (int i = 0; i < secrets.size(); ++i) {
        read_secret(secrets[i], path.item(static_cast<size_t>(i)), context.secrets, context.problems);
    }
}

// `owners`: who uses an address already.
void claim_address(const shm::SocketAddress& address, const std::string& owner, const Path& path,
                   std::map<std::string, std::string>& owners, Problems& problems) {
    if (address.length == 0) return;                                 // there was a problem with it
    if (address.family() != AF_UNIX && address.port() == 0) return;  // any free port
    const auto [entry, is_new] = owners.insert({address.canonical(), owner});
    if (!is_new) {
        problems.error(path, "error adding " + owner + ": address " + address.to_string() + " is already used by " +
                                 entry->second);
    }
}

void read_admin(const Admin& message, Snapshot& snapshot, Problems& problems) {
    const Path path = Path().field("admin");
    AdminConfig admin;
    if (!message.access_log_path().empty()) {
        AccessLogConfig log;
        log.path = message.access_log_path();
        admin.access_logs.push_back(std::move(log));
    }
    for (int i = 0; i < message.access_log_size(); ++i) {
        admin.access_logs.push_back(
            read_access_log(message.access_log(i), path.item("access_log", static_cast<size_t>(i)), problems));
    }
    admin.ignore_global_conn_limit = message.ignore_global_conn_limit();
    if (!message.has_address()) return;  // as in Envoy: no admin interface
    admin.address = read_listen_address(message.address(), path.field("address"), &admin.unix_mode, problems);
    snapshot.admin = std::move(admin);
}

}  // namespace

void read_bootstrap(const Bootstrap& message, Problems& problems, Snapshot& snapshot) {
    snapshot.node.id = message.node().id();
    snapshot.node.cluster = message.node().cluster();
    snapshot.node.region = message.node().locality().region();
    snapshot.node.zone = message.node().locality().zone();
    snapshot.node.sub_zone = message.node().locality().sub_zone();
    READ_DURATION(message, stats_flush_interval, Path(), problems, snapshot.stats_flush_interval);
    if (snapshot.stats_flush_interval.count() == 0 || snapshot.stats_flush_interval >= std::chrono::minutes(5)) {
        problems.error(Path().field("stats_flush_interval"), "must be more than 0 and less than 300s");
    }

    if (message.has_layered_runtime()) {
        snapshot.runtime = read_layered_runtime(message.layered_runtime(), snapshot.node.cluster,
                                                Path().field("layered_runtime"), problems);
    }
    if (message.has_overload_manager()) {
        snapshot.max_downstream_connections =
            read_overload_manager(message.overload_manager(), Path().field("overload_manager"), problems);
    }
    ReadContext context{.problems = problems, .clusters = {}};
    read_secrets(message, context);
    read_clusters(message, snapshot, context);
    snapshot.stats = read_stats_config(message, snapshot.node, context);
    std::map<std::string, std::string> owners;
    if (message.has_admin()) read_admin(message.admin(), snapshot, problems);
    if (snapshot.admin) {
        claim_address(snapshot.admin->address, "the admin interface", Path().field("admin").field("address"), owners,
                      problems);
    }
    const auto& listeners = message.static_resources().listeners();
    const Path path = Path().field("static_resources").field("listeners");
    for (int i = 0; i < listeners.size(); ++i) {
        const Path at = path.item(static_cast<size_t>(i));
        snapshot.listeners.push_back(read_listener(listeners[i], at, context));
        const ListenerConfig& listener = snapshot.listeners.back();
        claim_address(listener.address, "listener '" + listener.configured_name + "'", at.field("address"), owners,
                      problems);
    }
    for (ClusterConfig& cluster : snapshot.clusters) {
        cluster.retried = context.retries;
        cluster.has_internal_requests = context.internal_requests;
    }
}

}  // namespace heirloom::config
