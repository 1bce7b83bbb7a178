// SPDX-License-Identifier: Apache-2.0
// RouterFilter: what becomes of a request by its route before it leaves, and the answers that are made here.
#include <strings.h>

#include <algorithm>

#include "proxy/router/rewrite.h"
#include "proxy/router/router_filter.h"

namespace heirloom::router {

using http::HeaderId;
using http::ResponseFlag;

// The route's word is last, then the connection manager's. False: the client was told.
bool RouterFilter::settle_tunnel(std::string_view kind, const config::ForwardAction* action) {
    const auto find = [kind](const std::vector<config::UpgradeConfig>& from) {
        return std::find_if(from.begin(), from.end(), [kind](const config::UpgradeConfig& one) {
            return one.type.size() == kind.size() && ::strncasecmp(one.type.data(), kind.data(), kind.size()) == 0;
        });
    };
    bool allowed = false;
    if (const auto here = find(context_.config->upgrades); here != context_.config->upgrades.end()) {
        allowed = here->enabled;
    }
    if (action) {
        if (const auto here = find(action->upgrades); here != action->upgrades.end()) allowed = here->enabled;
    }
    if (allowed) {
        stream_.admit_tunnel();
        return true;
    }
    done_ = true;
    stream_.refuse_tunnel();
    return false;
}

// False: the client was told that there is none.
bool RouterFilter::find_cluster() {
    if (!action_->cluster.empty()) {
        upstream::WorkerCluster*& known = context_.cluster_of_route[route_];
        if (!known) known = context_.clusters.find(action_->cluster);
        cluster_ = known;
    } else if (!action_->weighted_clusters.empty()) {
        weighted_ = choose_weighted(action_->weighted_clusters, context_.random.next());
        const config::WeightedCluster& chosen = action_->weighted_clusters[weighted_];
        cluster_ = context_.clusters.find(chosen.name.empty() ? cluster_by_header(chosen.cluster_header, *headers_)
                                                              : std::string_view(chosen.name));
    } else {
        cluster_ = context_.clusters.find(cluster_by_header(action_->cluster_header, *headers_));
    }
    if (!cluster_) {
        context_.stats.no_cluster.add();
        stream_.info().set_flag(ResponseFlag::no_cluster_found);
        reply(action_->cluster_not_found_status, {}, "cluster_not_found");
        return false;
    }
    const config::ClusterConfig& config = cluster_->config();
    stream_.info().upstream_cluster = config.alt_stat_name.empty() ? config.name : config.alt_stat_name;
    const uint64_t refused = cluster_->maintenance_percent();
    return refused == 0 || context_.random.next() % 100 >= refused || refuse_for_maintenance();
}

// False: the client was told.
bool RouterFilter::refuse_for_maintenance() {
    cluster_->stats().upstream_rq_maintenance_mode.add();
    stream_.info().set_flag(ResponseFlag::upstream_overflow);
    count_response(503);
    http::HeaderMap add;
    if (!context_.config->suppress_envoy_headers) add.add_copy(HeaderId::x_envoy_overloaded, "true");
    reply(503, "maintenance mode", "maintenance_mode", &add);
    return false;
}

// Mutations first: they see the host and the path as the client sent them.
void RouterFilter::prepare_request(const config::RouteConfig& route) {
    http::HeaderMap& headers = *headers_;
    RouteMutators& mutators = context_.mutators;
    if (context_.config->scheme_of_upstream) headers.set(HeaderId::scheme, cluster_->config().tls ? "https" : "http");
    if (weighted_ != RouteMutators::kNoChoice) {
        if (!mutators.empty()) mutators.mutate_weighted_request(route_, weighted_, headers, stream_.info());
        const config::WeightedCluster& chosen = action_->weighted_clusters[weighted_];
        if (chosen.host_rewrite) headers.set(HeaderId::authority, *chosen.host_rewrite);
    }
    if (!mutators.empty()) mutators.mutate_request(route_, headers, stream_.info());
    rewrite_request(headers, route, context_.config->suppress_envoy_headers);
}

void RouterFilter::rewrite_host_by_endpoint() {
    const std::string& name = endpoint_.endpoint().hostname();
    if (name.empty()) return;
    // Of a repetition the host is no longer the client's.
    const bool first = attempt_ == 1;
    rewrite_host(*headers_, name, first && action_->append_x_forwarded_host,
                 first && !context_.config->suppress_envoy_headers);
}

// The address stays as the client wrote it, port included; no mutations, as in Envoy.
void RouterFilter::redirect_to_https() {
    context_.stats.rq_direct_response.add();
    std::string location = "https://";
    location.append(headers_->get(HeaderId::authority)).append(headers_->get(HeaderId::path));
    http::HeaderMap add;
    add.add_copy(HeaderId::location, location);
    reply(301, {}, "direct_response", &add);
}

void RouterFilter::answer_here(const config::RouteConfig& route) {
    context_.stats.rq_direct_response.add();
    const config::RedirectAction none;
    const config::RedirectAction& redirect = route.redirect ? *route.redirect : none;
    if (route.redirect) {
        const bool keep_original = !context_.config->suppress_envoy_headers;
        if (redirect.prefix_rewrite) rewrite_prefix(*headers_, route.match, *redirect.prefix_rewrite, keep_original);
        if (redirect.regex_rewrite) rewrite_path(*headers_, *redirect.regex_rewrite, keep_original);
    }
    const uint16_t status = route.redirect ? redirect.status : route.direct_response->status;
    const std::string_view body = route.redirect ? std::string_view() : route.direct_response->body;
    http::HeaderMap add;
    if (status == 201 || status / 100 == 3) add.add_copy(HeaderId::location, redirect_location(*headers_, redirect));
    reply(status, body, "direct_response", &add);
}

// Of a route that forwards, as in Envoy.
void RouterFilter::add_response_fields(http::HeaderMap& fields) {
    if (!action_ || !context_.mutators.has_response(route_)) return;
    context_.mutators.mutate_response(route_, weighted_, fields, *headers_, stream_.info());
}

// `add`: further fields; the route's mutations are applied to them.
void RouterFilter::reply(uint16_t status, std::string_view body, std::string_view details, http::HeaderMap* add) {
    done_ = true;
    stop_timers();
    end_retry();
    held_.clear();
    if (std::exchange(holding_, false)) stream_.request_flow().resume_reading();
    const bool mutates = route_ != kNoRoute && context_.mutators.has_response(route_);
    const bool counts = attempt_ > 0 && virtual_host_->attempt_count_in_response;
    if (!mutates && !counts) return stream_.send_local_reply(status, body, details, add);
    http::HeaderMap own;
    http::HeaderMap& fields = add ? *add : own;
    if (mutates) {
        stream_.info().response_code_details = details;
        context_.mutators.mutate_response(route_, weighted_, fields, *headers_, stream_.info());
    }
    if (counts) fields.set(HeaderId::x_envoy_attempt_count, std::to_string(attempt_));
    stream_.send_local_reply(status, body, details, &fields);
}

}  // namespace heirloom::router
