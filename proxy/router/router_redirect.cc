// SPDX-License-Identifier: Apache-2.0
// RouterFilter: redirects of the upstream that are followed here (internal_redirect_policy).
#include <algorithm>

#include "proxy/http/target_normalization.h"
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
    if (!put_in_order(tried)) return passes(stats.passthrough_internal_redirect_bad_location);
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
    put_in_order(*headers_);
    if (!end_stream) encoder_->reset(StreamReset::local);
    begin_anew(matched);
    return true;
}

// Where a redirect leads is put in order as what a client asks for: a route that guards a path must see it. False: it
// is to be refused, or to be told another target.
bool RouterFilter::put_in_order(http::HeaderMap& request) {
    const config::TargetRules& rules = context_.config->target;
    if (rules.change_path() && http::normalize_path(request, rules) != http::PathVerdict::go_on) return false;
    if (rules.change_host()) {
        const shm::SocketAddress* const address = stream_.local_address();
        const bool has_port = address && address->family() != AF_UNIX;
        http::normalize_host(request, rules, has_port ? address->port() : uint16_t{0});
    }
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
    stream_.set_idle_timeout(context_.config->stream_idle_timeout);
    stream_.set_max_duration(context_.config->max_stream_duration);
    route_request(target, true);
}

}  // namespace heirloom::router
