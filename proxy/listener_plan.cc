// SPDX-License-Identifier: Apache-2.0
#include "proxy/listener_plan.h"

namespace heirloom::server {

Result<LogFiles> open_logs(access_log::AccessLogManager& manager, const std::vector<config::AccessLogConfig>& configs) {
    LogFiles files;
    for (const config::AccessLogConfig& config : configs) {
        Result<std::shared_ptr<access_log::File>> file = manager.open(config);
        if (!file) return file.error();
        files.push_back(std::move(*file));
    }
    return files;
}

namespace {

// In the order in which FilterChainMatcher counts.
std::vector<const config::FilterChainConfig*> chains_of(const config::ListenerConfig& listener) {
    std::vector<const config::FilterChainConfig*> chains;
    for (const config::FilterChainConfig& chain : listener.filter_chains) chains.push_back(&chain);
    if (listener.default_filter_chain) chains.push_back(&*listener.default_filter_chain);
    return chains;
}

struct Maker {
    uint32_t workers;
    stats::Registrar& registrar;
    access_log::AccessLogManager& logs;
    const TlsContexts& contexts;

    Result<ChainPlan> chain(const config::FilterChainConfig& config, const std::string& listener) {
        ChainPlan plan;
        plan.config = &config;
        Result<LogFiles> files = open_logs(logs, config.http ? config.http->access_logs : config.tcp->access_logs);
        if (!files) return files.error();
        plan.log_files = std::move(*files);
        if (config.http) {
            plan.routes = router::RouteTable::compile(config.http);
            plan.router_stats = router::make_router_stats(registrar, config.http->stat_prefix);
        }
        for (uint32_t worker = 0; worker < workers; ++worker) {
            const std::string thread = "worker_" + std::to_string(worker);
            if (config.http) {
                plan.stats.push_back(connection_manager::make_connection_manager_stats(
                    registrar, listener, config.http->stat_prefix, thread));
            } else {
                plan.tcp_stats.push_back(
                    tcp_proxy::make_tcp_proxy_stats(registrar, listener, config.tcp->stat_prefix, thread));
            }
        }
        if (config.tls) plan.tls = contexts.server(config);
        return plan;
    }
};

}  // namespace

Result<std::vector<ListenerPlan>> make_listener_plans(const config::Snapshot& snapshot, uint32_t workers,
                                                      stats::Registrar& registrar, access_log::AccessLogManager& logs,
                                                      const TlsContexts& contexts,
                                                      network::ConnectionCount& connections) {
    Maker maker{workers, registrar, logs, contexts};
    std::vector<ListenerPlan> plans;
    for (const config::ListenerConfig& listener : snapshot.listeners) {
        ListenerPlan plan;
        plan.config = &listener;
        Result<LogFiles> files = open_logs(logs, listener.access_logs);
        if (!files) return files.error();
        plan.log_files = std::move(*files);
        const std::string name = listener::stat_name(listener);
        plan.stats = listener::make_listener_stats(registrar, name);
        plan.filter_stats = listener::make_listener_filter_stats(registrar, listener);
        plan.counts = std::make_unique<network::ListenerCounts>(
            counts_for_others(snapshot, listener.ignore_global_conn_limit) ? &connections : nullptr);
        plan.limits = {*plan.counts, listener.configured_name, snapshot.max_downstream_connections,
                       listener.ignore_global_conn_limit};
        auto matcher = std::make_shared<const listener::FilterChainMatcher>(listener);
        if (!matcher->trivial()) plan.matcher = std::move(matcher);
        for (const config::FilterChainConfig* config : chains_of(listener)) {
            Result<ChainPlan> chain = maker.chain(*config, name);
            if (!chain) return chain.error();
            plan.chains.push_back(std::move(*chain));
        }
        plans.push_back(std::move(plan));
    }
    return plans;
}

handover::SocketRequest socket_request_of(const config::ListenerConfig& listener) {
    return {.address = listener.address,
            .share = listener.enable_reuse_port,
            .keep = false,
            .backlog = listener.backlog,
            .unix_mode = listener.unix_mode,
            .freebind = listener.freebind,
            .tcp_fast_open_queue = listener.tcp_fast_open_queue_length};
}

handover::SocketRequest socket_request_of(const config::AdminConfig& admin) {
    handover::SocketRequest request;
    request.address = admin.address;
    request.share = false;
    request.keep = true;
    request.unix_mode = admin.unix_mode;
    return request;
}

}  // namespace heirloom::server
