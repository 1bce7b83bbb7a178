// SPDX-License-Identifier: Apache-2.0
// Stream: what becomes of a request's head before a handler sees it, and the answers to those that it shall not see.
#include "proxy/connection_manager/client_certificate.h"
#include "proxy/connection_manager/connection_set.h"
#include "proxy/connection_manager/forwarding_headers.h"
#include "proxy/connection_manager/local_reply.h"
#include "proxy/connection_manager/stream.h"
#include "proxy/http/message_match.h"
#include "proxy/http/target_normalization.h"

namespace heirloom::connection_manager {

using http::HeaderId;

// Answers and returns false when the request is not for a handler to see.
bool Stream::admit(http::HeaderMap& headers) {
    const ConnectionManagerConfig& config = connection_->config();
    if (config.http->underscores != config::UnderscoreNames::allow && !admit_names(headers)) return false;
    if (const Refusal refusal = check_target(headers); refusal.status != 0) {
        if (refusal.details == "absolute_path_rejected") config.stats.http.downstream_rq_non_relative_path.add();
        if (refusal.details == "path_normalization_failed") {
            config.stats.http.downstream_rq_failed_path_normalization.add();
        }
        send_local_reply(refusal.status, refusal.body, refusal.details, nullptr);
        return false;
    }
    if (config.http->target.change_path() && !admit_path(headers)) return false;
    const uint16_t port =
        config.http->target.change_host() || config.http->append_x_forwarded_port ? listening_port() : uint16_t{0};
    if (config.http->target.change_host()) http::normalize_host(headers, config.http->target, port);
    DetectedClient detected;
    if (!config.http->original_ip.empty()) {
        detected = detect_client(headers, config.http->original_ip);
        if (detected.refuse_with != 0) {
            config.stats.http.downstream_rq_rejected_via_ip_detection.add();
            send_local_reply(detected.refuse_with, "", "rejecting_because_detection_failed", nullptr);
            return false;
        }
    }
    const shm::SocketAddress* peer = config.http->use_remote_address ? connection_->client_address() : nullptr;
    const ForwardingRules rules{*config.http, config.own_address, info_.downstream_tls != nullptr, port,
                                config.http->original_ip.empty() ? nullptr : &detected};
    if (!prepare_request(headers, rules, peer, config.random, info_.downstream_remote)) {
        config.stats.http.downstream_cx_protocol_error.add();
        refuse(400, text_of_refusal(400), "http1.connection_header_rejected");
        return false;
    }
    if (info_.downstream_tls || headers.has(HeaderId::x_forwarded_client_cert)) {
        forward_client_certificate(headers, *config.http, *connection_);
    }
    return true;
}

// Names with an underscore: many a server behind makes the same of them as of those with a dash.
bool Stream::admit_names(http::HeaderMap& headers) {
    const ConnectionManagerConfig& config = connection_->config();
    const bool http2 = connection_->multiplexed();
    const UnderscoreStats& stats = http2 ? config.stats.http2_underscores : config.stats.http1_underscores;
    for (http::HeaderField& field : headers.fields()) {
        if (field.removed || field.name.find('_') == std::string_view::npos) continue;
        if (config.http->underscores == config::UnderscoreNames::drop) {
            field.removed = true;  // no name that is known by an id has one
            stats.dropped_headers_with_underscores.add();
            continue;
        }
        stats.requests_rejected_with_underscores_in_headers.add();
        if (http2) {
            info_.response_code_details = "http2.unexpected_underscore";
            end_here();
        } else {
            config.stats.http.downstream_cx_protocol_error.add();
            refuse(400, text_of_refusal(400), "http1.unexpected_underscore");
        }
        return false;
    }
    return true;
}

bool Stream::admit_path(http::HeaderMap& headers) {
    const ConnectionManagerConfig& config = connection_->config();
    const http::PathVerdict verdict = http::normalize_path(headers, config.http->target);
    if (verdict == http::PathVerdict::go_on) return true;
    // A gRPC client follows no redirect.
    if (verdict == http::PathVerdict::refuse || http::is_grpc(headers)) {
        config.stats.http.downstream_rq_failed_path_normalization.add();
        send_local_reply(400, "", "path_normalization_failed", nullptr);
        return false;
    }
    config.stats.http.downstream_rq_redirected_with_normalized_path.add();
    http::HeaderMap add;
    add.add_copy(HeaderId::location, headers.get(HeaderId::path));
    send_local_reply(307, "", "path_normalization_failed", &add);
    return false;
}

uint16_t Stream::listening_port() {
    const shm::SocketAddress* const address = connection_->local_address();
    return address && address->family() != AF_UNIX ? address->port() : uint16_t{0};
}

// `expect: 100-continue` ends here; a client that cannot know interim answers gets none.
void Stream::answer_expectation(http::HeaderMap& headers, bool end_stream) {
    if (connection_->config().http->proxy_100_continue) return;
    if (!has_token(headers.get(HeaderId::expect), "100-continue")) return;
    headers.remove(HeaderId::expect);
    if (!end_stream && info_.protocol != http::Protocol::http10) send_interim(100, no_headers_);
}

}  // namespace heirloom::connection_manager
