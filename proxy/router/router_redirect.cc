// SPDX-License-Identifier: Apache-2.0
// RouterFilter: redirects of the upstream that are followed here (internal_redirect_policy).
#include <algorithm>

#include "proxy/router/redirect_target.h"
#include "proxy/router/router_filter.h"

namespace heirloom::router {

using http::HeaderId;
using http::StreamReset;

namespace {

bool has(const std::vector<std::string>& names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

// True: nobody sees this response, the request begins anew.
bool RouterFilter::redirect_inside(uint16_t status, const http::HeaderMap& response, bool end_stream) {
    const config::InternalRedirectConfig& policy = *action_->internal_redirect;
    if (std::find(policy.statuses.begin(), policy.statuses.end(), status) == policy.statuses.end()) return false;
    const auto passes = [this](const stats::Counter& why) {
        why.add();
        cluster_->stats().upstream_internal_redirect_failed_total.add();
        return false;
    };
    const upstream::ClusterStats& counters = cluster_->stats();
    const http::HeaderField* const location = response.find("location");
    if (!request_complete_ || !replayable_ || tunnel_ != Tunnel::none || !location) {
        counters.upstream_internal_redirect_failed_total.add();
        return false;
    }
    const RouterStats& stats = context_.stats;
    const auto target = parse_redirect_target(location->value);
    if (!target) return passes(stats.passthrough_internal_redirect_bad_location);
    const bool from_http = headers_->get(HeaderId::scheme) == "http" || !stream_.info().downstream_tls;
    if (!policy.cross_scheme && from_http != target->to_http)
        return passes(stats.passthrough_internal_redirect_unsafe_scheme);
    if ((redirects_ ? redirects_->count : 0) >= policy.most)
        return passes(stats.passthrough_internal_redirect_too_many_redirects);
    http::HeaderMap tried;
    for (const http::HeaderField& field : headers_->fields()) {
        if (!field.removed) tried.add_copy(field.name, field.value);
    }
    apply_redirect(tried, *target, from_http, status, policy, response);
    const RouteMatched matched = context_.table->find(tried, context_.random.next());
    if (!matched.route && !matched.to_https) return passes(stats.passthrough_internal_redirect_no_route);
    if (!accepts_target(policy, matched, from_http, target->to_http))
        return passes(stats.passthrough_internal_redirect_predicate);

    counters.upstream_internal_redirect_succeeded_total.add();
    if (!redirects_) redirects_ = std::make_unique<RedirectsTaken>();
    ++redirects_->count;
    if (drops_body(status, headers_->get(HeaderId::method))) {
        replay_.clear();
        trailers_ = nullptr;
    }
    apply_redirect(*headers_, *target, from_http, status, policy, response);
    if (!end_stream) encoder_->reset(StreamReset::local);
    begin_anew(matched);
    return true;
}

bool RouterFilter::accepts_target(const config::InternalRedirectConfig& policy, const RouteMatched& target,
                                  bool from_http, bool to_http) {
    using Kind = config::InternalRedirectConfig::Predicate::Kind;
    const std::string_view from = stream_.info().route_name;
    const std::string_view to = target.route ? std::string_view(target.route->name) : std::string_view();
    for (const auto& predicate : policy.predicates) {
        switch (predicate.kind) {
            case Kind::previous_routes: {
                if (!redirects_) redirects_ = std::make_unique<RedirectsTaken>();
                const std::pair way(from, to);
                if (std::find(redirects_->ways.begin(), redirects_->ways.end(), way) != redirects_->ways.end())
                    return false;
                redirects_->ways.push_back(way);
                break;
            }
            case Kind::allow_listed_routes:
                if (!has(predicate.names, to)) return false;
                break;
            case Kind::safe_cross_scheme:
                if (from_http && !to_http) return false;
                break;
        }
    }
    return true;
}

// All that the first route has decided is decided again.
void RouterFilter::begin_anew(const RouteMatched& target) {
    leave_upstream();
    stop_timers();
    end_retry();
    mirrors_.leave();
    hold_again();
    endpoint_.reset();
    hash_.reset();
    new_cookies_.clear();
    tried_.clear();
    action_ = nullptr;
    cluster_ = nullptr;
    route_ = kNoRoute;
    weighted_ = RouteMutators::kNoChoice;
    attempt_ = 0;
    retry_fresh_ = false;
    http::StreamInfo& info = stream_.info();
    info.response_flags = 0;
    info.upstream_host = nullptr;
    info.upstream_host_name = {};
    info.upstream_local.reset();
    info.upstream_cluster = {};
    info.route_name = {};
    info.upstream_attempts = 0;
    route_request(target, true);
}

}  // namespace heirloom::router
