// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/dns_cluster.h"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace heirloom::upstream {

namespace {

EndpointIdentity identity_of(const config::EndpointConfig& config, const shm::SocketAddress& address) {
    // The DNS name the address came from is its host name, as in Envoy.
    const std::string& hostname = config.hostname.empty() && !config.address ? config.host : config.hostname;
    return {address,         hostname,        config.weight, config.region, config.zone,
            config.sub_zone, config.priority, config.status, config.check,  config.locality_weight};
}

}  // namespace

std::shared_ptr<const Endpoint> make_endpoint(const config::EndpointConfig& config, const shm::SocketAddress& address) {
    return std::make_shared<const Endpoint>(identity_of(config, address));
}

std::shared_ptr<const Endpoint> make_logical_endpoint(const config::EndpointConfig& config,
                                                      const shm::SocketAddress& address, const Endpoint* before) {
    EndpointIdentity identity = identity_of(config, address);
    if (before) return std::make_shared<const Endpoint>(std::move(identity), *before);
    const Endpoint first(identity);
    return std::make_shared<const Endpoint>(std::move(identity), first);
}

DnsCluster::Target::Target(DnsCluster& in, const config::EndpointConfig& with)
    : cluster(in), config(with), timer(&on_timer, this) {}

DnsCluster::DnsCluster(network::EventLoop& loop, DnsResolver& resolver, const config::ClusterConfig& config,
                       const ClusterStats& stats, OnUpdate on_update, std::function<void()> on_resolved)
    : loop_(loop),
      resolver_(resolver),
      config_(config),
      stats_(stats),
      on_update_(std::move(on_update)),
      on_resolved_(std::move(on_resolved)) {
    for (const config::EndpointConfig& endpoint : config.endpoints)
        targets_.push_back(std::make_unique<Target>(*this, endpoint));
    waiting_ = targets_.size();
}

DnsCluster::~DnsCluster() { *alive_ = false; }

void DnsCluster::start() {
    if (targets_.empty()) return on_resolved_();
    // One by one: the last may end the waiting before this returns.
    for (const auto& target : targets_) resolve(*target);
}

void DnsCluster::on_timer(void* target) {
    auto& due = *static_cast<Target*>(target);
    due.cluster.resolve(due);
}

void DnsCluster::resolve(Target& target) {
    if (target.config.address) {  // a literal needs no answer
        if (take_addresses(target, {*target.config.address})) publish();
        return settle(target);
    }
    stats_.update_attempt.add();
    resolver_.resolve(target.config.host, target.config.port, config_.dns_family,
                      [this, &target, alive = alive_](DnsAnswer answer) {
                          if (*alive) on_answer(target, std::move(answer));
                      });
}

void DnsCluster::on_answer(Target& target, DnsAnswer answer) {
    std::chrono::milliseconds again = config_.dns_refresh_rate;
    switch (answer.status) {
        case DnsAnswer::Status::success:
            stats_.update_success.add();
            if (config_.respect_dns_ttl && answer.ttl.count() > 0) again = answer.ttl;
            if (take_addresses(target, answer.addresses)) {
                publish();
            } else {
                stats_.update_no_rebuild.add();
            }
            break;
        case DnsAnswer::Status::empty:
            stats_.update_success.add();
            stats_.update_empty.add();
            spdlog::debug("cluster {}: {} has no address", config_.name, target.config.host);
            break;
        case DnsAnswer::Status::failure:
            stats_.update_failure.add();
            spdlog::debug("cluster {}: cannot resolve {}: {}", config_.name, target.config.host, answer.reason);
            break;
    }
    target.timer.arm(loop_.timers(), again);
    settle(target);
}

// Returns whether the target's set has changed. The endpoint of an address that stays is the same object.
bool DnsCluster::take_addresses(Target& target, const std::vector<shm::SocketAddress>& addresses) {
    if (config_.type == config::ClusterConfig::Type::logical_dns) return take_first(target, addresses.front());
    EndpointList now;
    const auto find = [](const EndpointList& list, const shm::SocketAddress& address) {
        return std::find_if(list.begin(), list.end(),
                            [&](const auto& endpoint) { return same_address(endpoint->address(), address); });
    };
    size_t kept = 0;
    for (const shm::SocketAddress& address : addresses) {
        if (find(now, address) != now.end()) continue;
        const auto known = find(target.endpoints, address);
        if (known != target.endpoints.end()) {
            now.push_back(*known);
            ++kept;
        } else {
            now.push_back(make_endpoint(target.config, address));
        }
    }
    const bool changed = kept != now.size() || kept != target.endpoints.size();
    if (changed) target.endpoints = std::move(now);
    return changed;
}

bool DnsCluster::take_first(Target& target, const shm::SocketAddress& address) {
    const Endpoint* const before = target.endpoints.empty() ? nullptr : target.endpoints.front().get();
    if (before && same_address(before->address(), address)) return false;
    EndpointList now;
    now.push_back(make_logical_endpoint(target.config, address, before));
    target.endpoints = std::move(now);
    return true;
}

void DnsCluster::publish() {
    EndpointList list;
    for (const auto& target : targets_) {
        for (const auto& endpoint : target->endpoints) {
            // Two names may lead to one address; it is one endpoint then.
            const bool known = std::any_of(list.begin(), list.end(), [&](const auto& other) {
                return same_address(other->address(), endpoint->address());
            });
            if (!known) list.push_back(endpoint);
        }
    }
    on_update_(std::move(list));
}

void DnsCluster::settle(Target& target) {
    if (std::exchange(target.answered, true)) return;
    if (--waiting_ == 0) on_resolved_();
}

}  // namespace heirloom::upstream
