// SPDX-License-Identifier: Apache-2.0
#include "proxy/listener/inspection.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "proxy/listener/listener_filters.h"
#include "proxy/network/proxy_protocol.h"

namespace heirloom::listener {

using network::ProxyOutcome;

Inspection::Inspection(ListenerFilters& filters, network::AcceptedConnection accepted)
    : filters_(filters), accepted_(std::move(accepted)) {
    std::memcpy(&peer_, accepted_.peer, std::min<size_t>(accepted_.peer_length, sizeof peer_));
    accepted_.peer = reinterpret_cast<const sockaddr*>(&peer_);
    past_proxy_header_ = !filters_.config_.proxy_protocol;
}

Inspection::~Inspection() = default;

void Inspection::start() {
    start_ = filters_.loop_.now();
    if (const auto limit = filters_.config_.listener_filters_timeout; limit.count() > 0) {
        timer_.arm(filters_.loop_.timers(), limit);
    }
    on_io(0);
}

void Inspection::on_io(uint32_t) {
    // What all filters together keep of one connection is little enough for one turn.
    while (receive()) {
        switch (look()) {
            case Step::wants_input:
                continue;
            case Step::found:
                return finish();
            case Step::refused:
                return close();
        }
    }
}

// False: nothing more at the moment, or it has ended.
bool Inspection::receive() {
    const std::span<char> room = accepted_.unread.reserve(1);
    const ssize_t got = ::recv(accepted_.fd.get(), room.data(), room.size(), 0);
    accepted_.unread.commit(got > 0 ? static_cast<size_t>(got) : 0);
    if (got > 0) {
        silent_ = false;
        return true;
    }
    if (got < 0 && errno == EINTR) return receive();
    if (got < 0 && errno == EAGAIN && wait()) return false;
    (got == 0 ? filters_.stats_.downstream_listener_filter_remote_close
              : filters_.stats_.downstream_listener_filter_error)
        .add();
    close();
    return false;
}

bool Inspection::wait() {
    // Only one that has to wait is watched at all.
    if (!watched_) watched_ = filters_.loop_.add(accepted_.fd.get(), EPOLLIN | EPOLLRDHUP | EPOLLET, this);
    return watched_;
}

Inspection::Step Inspection::look() {
    if (!past_proxy_header_) {
        const Step step = read_proxy_header();
        if (step != Step::found) return step;
        past_proxy_header_ = true;
    }
    return filters_.config_.tls_inspector ? read_hello() : Step::found;
}

Inspection::Step Inspection::read_proxy_header() {
    network::Buffer& input = accepted_.unread;
    if (input.size() < needed_) return Step::wants_input;
    const config::ProxyProtocolConfig& config = *filters_.config_.proxy_protocol;
    const ProxyProtocolStats& stats = filters_.filter_stats_.proxy_protocol;
    const std::string_view bytes = input.linearize(std::min(input.size(), network::kMostProxyV2Bytes));
    network::ProxyHeader header;
    ProxyOutcome outcome = network::parse_proxy_header(bytes, header);
    const bool v1 = bytes[0] == 'P';
    const bool allowed = v1 ? config.allow_v1 : config.allow_v2;
    const ProxyVersionStats& version = v1 ? stats.v1 : stats.v2;
    // Where a header may be missing, one of a version that is not looked for is content.
    if (!allowed && config.allow_requests_without) outcome = ProxyOutcome::absent;
    switch (outcome) {
        case ProxyOutcome::incomplete:
            needed_ = std::max(input.size() + 1, header.length);
            return Step::wants_input;
        case ProxyOutcome::absent:
            (config.allow_requests_without ? stats.not_found_allowed : stats.not_found_disallowed).add();
            return config.allow_requests_without ? Step::found : Step::refused;
        case ProxyOutcome::malformed:
            (allowed ? version.error : version.disallowed).add();
            return Step::refused;
        case ProxyOutcome::parsed:
            break;
    }
    if (!allowed) {
        version.disallowed.add();
        return Step::refused;
    }
    version.found.add();
    if (!header.local) {
        accepted_.client = header.source;
        accepted_.client_target = header.destination;
    }
    input.consume(header.length);
    return Step::found;
}

Inspection::Step Inspection::read_hello() {
    network::Buffer& input = accepted_.unread;
    const TlsInspectorStats& stats = filters_.filter_stats_.tls_inspector;
    const std::string_view bytes = input.linearize(std::min(input.size(), tls::kMostHelloBytes));
    const tls::HelloOutcome outcome = tls::parse_client_hello(bytes, hello_);
    if (outcome == tls::HelloOutcome::incomplete) return Step::wants_input;
    stats.bytes_processed.record(bytes.size());
    switch (outcome) {
        case tls::HelloOutcome::incomplete:
            break;
        case tls::HelloOutcome::too_large:
            stats.client_hello_too_large.add();
            return Step::refused;
        case tls::HelloOutcome::not_tls:
            stats.tls_not_found.add();
            break;
        case tls::HelloOutcome::parsed:
            tls_ = true;
            stats.tls_found.add();
            (hello_.server_name.empty() ? stats.sni_not_found : stats.sni_found).add();
            (hello_.alpn.empty() ? stats.alpn_not_found : stats.alpn_found).add();
            break;
    }
    return Step::found;
}

void Inspection::on_timer(void* self) {
    auto& inspection = *static_cast<Inspection*>(self);
    inspection.filters_.stats_.downstream_pre_cx_timeout.add();
    if (!inspection.filters_.config_.continue_on_listener_filters_timeout) return inspection.close();
    inspection.finish();
}

void Inspection::finish() {
    if (std::exchange(watched_, false)) filters_.loop_.remove(accepted_.fd.get(), this);
    accepted_.server_name = std::move(hello_.server_name);
    filters_.sink_({std::move(accepted_), tls_, hello_.alpn, start_});
    end();
}

void Inspection::close() {
    if (std::exchange(watched_, false)) filters_.loop_.forget(this);
    if (filters_.refusals_.wanted()) {
        accepted_.server_name = std::move(hello_.server_name);
        filters_.refusals_.ended_by_filter(accepted_, start_);
    }
    accepted_.fd.reset();
    end();
}

void Inspection::end() {
    timer_.cancel();
    filters_.remove(*this);
}

}  // namespace heirloom::listener
