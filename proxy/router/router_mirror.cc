// SPDX-License-Identifier: Apache-2.0
// RouterFilter: copies of a request for other clusters.
#include <algorithm>

#include "proxy/config/mirror_config.h"
#include "proxy/router/router_filter.h"
#include "proxy/runtime/table.h"

namespace heirloom::router {

namespace {

// Of a body, for each copy. Not the listener's limit: that is how far a reader may be behind, and a copy that falls
// behind it is lost; one whose connection is still being made would be.
constexpr size_t kMostHeldBytes = 1024 * 1024;

}  // namespace

// A tunnel has no copy: nobody would answer for it.
void RouterFilter::start_mirrors(const std::string& host) {
    if (tunnel_ != Tunnel::none) return;
    const bool complete = request_complete_ && held_.empty() && !trailers_;
    MirrorRequest request{*headers_, host,           *stream_.info().protocol, nullptr, nullptr,
                          hash_,     route_timeout_, kMostHeldBytes,           complete};
    const uint64_t random = context_.random.next();
    for (const config::MirrorPolicyConfig& policy : *action_->mirrors) {
        if (policy.fraction && !runtime::includes(*policy.fraction, random)) continue;
        upstream::WorkerCluster* const cluster =
            context_.clusters.find(policy.cluster.empty() ? cluster_by_header(policy.cluster_header, *headers_)
                                                          : std::string_view(policy.cluster));
        if (!cluster) continue;
        if (cluster->config().proxy_protocol != config::ClusterConfig::ProxyProtocol::none) {
            request.source = stream_.client_address();
            request.destination = stream_.local_address();
        }
        auto* const mirror =
            new Mirror(stream_.loop(), context_.clusters, *cluster, mirrors_, request, policy.keeps_host);
        mirror->start(request);
    }
    // What came before there was an endpoint, or is sent anew after a redirect.
    if (complete || mirrors_.empty()) return;
    if (!held_.empty()) mirror_body(held_, request_complete_ && !trailers_);
    if (trailers_) mirrors_.send_trailers(*trailers_);
}

void RouterFilter::mirror_body(const network::Buffer& data, bool end_stream) {
    const size_t given_up = mirrors_.send_body(data, end_stream);
    if (given_up > 0) cluster_->stats().retry_or_shadow_abandoned.add(given_up);
}

}  // namespace heirloom::router
