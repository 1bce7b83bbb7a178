// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/cluster_checks.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "proxy/runtime/table.h"
#include "proxy/upstream/health_probe.h"
#include "proxy/upstream/transport.h"

namespace heirloom::upstream {

using std::chrono::milliseconds;

// One endpoint: its probe, its timers, its thresholds.
class ClusterChecks::HostCheck final : private HealthProbeCallbacks {
  public:
    HostCheck(ClusterChecks& in, std::shared_ptr<const Endpoint> endpoint)
        : in_(in),
          endpoint_(std::move(endpoint)),
          thresholds_(in.config_.healthy_threshold, in.config_.unhealthy_threshold),
          interval_timer_(&on_interval, this),
          timeout_timer_(&on_timeout, this) {
        make_probe();
        const auto jitter = static_cast<uint64_t>(in.config_.initial_jitter.count());
        interval_timer_.arm(in.loop_.timers(), milliseconds(jitter == 0 ? 0 : in.random_.below(jitter)));
    }

    bool checked() const { return checked_; }
    const Endpoint& endpoint() const { return *endpoint_; }

    // The same endpoint, maybe at another address: asked there from the next check on.
    void move_to(const std::shared_ptr<const Endpoint>& endpoint) {
        moved_ = moved_ || endpoint_ != endpoint;
        endpoint_ = endpoint;
    }

    void fail_at_once() {
        in_.stats_.failure.add();
        in_.stats_.passive_failure.add();
        settle(CheckResult::told_to_leave);
    }

  private:
    void make_probe() {
        const EndpointIdentity& identity = endpoint_->identity();
        const config::EndpointCheckConfig* const own = identity.check.get();
        const bool named = own && !own->hostname.empty();
        shm::SocketAddress address = identity.address;
        if (own && own->port != 0) {
            if (const auto other = shm::make_ip_address(address.ip(), own->port); other) address = *other;
        }
        probe_ = make_health_probe(
            {in_.loop_, in_.config_, address, named ? own->hostname : in_.cluster_.config.name, *this});
    }
    static void on_interval(void* self) {
        auto& check = *static_cast<HostCheck*>(self);
        if (std::exchange(check.moved_, false)) check.make_probe();
        check.in_.stats_.attempt.add();
        check.timeout_timer_.arm(check.in_.loop_.timers(), check.in_.config_.timeout);
        check.probe_->start();
    }
    static void on_timeout(void* self) {
        auto& check = *static_cast<HostCheck*>(self);
        check.probe_->abort();
        check.on_probe_result(CheckResult::timeout);
    }

    void on_probe_result(CheckResult result) override {
        timeout_timer_.cancel();
        const bool good = result == CheckResult::healthy || result == CheckResult::degraded;
        (good ? in_.stats_.success : in_.stats_.failure).add();
        if (result == CheckResult::network_failure || result == CheckResult::timeout) in_.stats_.network_failure.add();
        const bool pending = settle(result);
        const bool failed = (in_.hosts_.flags(*endpoint_) & health_flag::failed_active_check) != 0;
        if (good && !failed && in_.on_passed) in_.on_passed(*endpoint_);
        interval_timer_.arm(in_.loop_.timers(), in_.next_interval(good, pending));
        if (!std::exchange(checked_, true)) in_.on_first_result();
    }

    bool settle(CheckResult result) {
        const HealthFlags before = in_.hosts_.flags(*endpoint_);
        const CheckThresholds::Outcome outcome = thresholds_.take(result, before);
        in_.hosts_.change(*endpoint_, outcome.set, outcome.cleared);
        const HealthFlags after = in_.hosts_.flags(*endpoint_);
        if ((before ^ after) & health_flag::failed_active_check) {
            spdlog::info("cluster {}: endpoint {} is {}", in_.cluster_.config.name, endpoint_->address().to_string(),
                         after & health_flag::failed_active_check ? "unhealthy: its health check failed" : "healthy");
        }
        in_.count(before, -1);
        in_.count(after, 1);
        return outcome.pending;
    }

    std::unique_ptr<network::TransportSocket> make_probe_transport(std::string_view alpn) override {
        std::vector<std::string> offered;
        if (!alpn.empty()) offered.emplace_back(alpn);
        TransportOptions options;
        read_transport_options(in_.cluster_.config, {}, options);
        return make_transport_socket(in_.cluster_.config, in_.tls_().get(), options, endpoint_->hostname(), offered);
    }

    ClusterChecks& in_;
    std::shared_ptr<const Endpoint> endpoint_;
    CheckThresholds thresholds_;
    std::unique_ptr<HealthProbe> probe_;
    network::Timer interval_timer_;
    network::Timer timeout_timer_;
    bool checked_ = false;
    bool moved_ = false;
};

ClusterChecks::ClusterChecks(network::EventLoop& loop, const Cluster& cluster, ClusterHosts& hosts,
                             const HealthCheckStats& stats, Tls tls)
    : loop_(loop),
      cluster_(cluster),
      config_(*cluster.config.health_check),
      hosts_(hosts),
      stats_(stats),
      tls_(std::move(tls)) {}

ClusterChecks::~ClusterChecks() = default;

void ClusterChecks::follow() {
    if (stopped_) return;
    std::unordered_map<const EndpointState*, std::unique_ptr<HostCheck>> old = std::exchange(checks_, {});
    for (const auto& endpoint : hosts_.hosts().endpoints) {
        const config::EndpointCheckConfig* const own = endpoint->identity().check.get();
        if (own && own->disabled) continue;
        const EndpointState* const state = &endpoint->state();
        const auto known = old.find(state);
        if (known != old.end()) known->second->move_to(endpoint);
        checks_.emplace(state,
                        known == old.end() ? std::make_unique<HostCheck>(*this, endpoint) : std::move(known->second));
    }
    old.clear();
    stats_.healthy.set(0);
    stats_.degraded.set(0);
    for (const auto& [state, check] : checks_) count(hosts_.flags(check->endpoint()), 1);
    on_first_result();  // those that nobody had checked may be gone
}

void ClusterChecks::on_first_round(std::function<void()> done) {
    first_round_done_ = std::move(done);
    for (const auto& [state, check] : checks_) awaited_.insert(state);
    on_first_result();
}

void ClusterChecks::on_first_result() {
    if (!first_round_done_) return;
    std::erase_if(awaited_, [this](const EndpointState* state) {
        const auto found = checks_.find(state);
        return found == checks_.end() || found->second->checked();
    });
    if (awaited_.empty()) std::exchange(first_round_done_, nullptr)();
}

void ClusterChecks::fail_at_once(const Endpoint& endpoint) {
    const auto found = checks_.find(&endpoint.state());
    if (found != checks_.end()) found->second->fail_at_once();
}

void ClusterChecks::stop() {
    stopped_ = true;
    checks_.clear();
    stats_.healthy.set(0);
    stats_.degraded.set(0);
}

void ClusterChecks::count(HealthFlags flags, int64_t by) {
    if (!(flags & health_flag::failed_active_check)) stats_.healthy.add(by);
    if (flags & health_flag::degraded_active_check) stats_.degraded.add(by);
}

bool ClusterChecks::had_traffic() {
    if (had_traffic_) return true;
    const EndpointList& endpoints = hosts_.hosts().endpoints;
    had_traffic_ = std::any_of(endpoints.begin(), endpoints.end(),
                               [](const auto& endpoint) { return endpoint->numbers().cx_total > 0; });
    return had_traffic_;
}

milliseconds ClusterChecks::next_interval(bool healthy, bool pending) {
    milliseconds base = healthy ? config_.no_traffic_healthy_interval : config_.no_traffic_interval;
    if (had_traffic() && healthy) {
        base = pending ? config_.healthy_edge_interval : config_.interval;
    } else if (had_traffic()) {
        base = pending ? config_.unhealthy_edge_interval : config_.unhealthy_interval;
    }
    const auto draw = [&](uint64_t most) {
        return milliseconds(most == 0 ? 0 : static_cast<int64_t>(random_.below(most)));
    };
    const auto by_percent = static_cast<uint64_t>(base.count()) * config_.interval_jitter_percent / 100;
    const milliseconds wanted = base + draw(by_percent) + draw(static_cast<uint64_t>(config_.interval_jitter.count()));
    static const auto least = config::RuntimeKey::of("health_check.min_interval");
    static const auto most = config::RuntimeKey::of("health_check.max_interval");
    const auto limit = static_cast<int64_t>(std::min<uint64_t>(runtime::integer(most, INT64_MAX), INT64_MAX));
    return std::max(std::min(wanted, milliseconds(limit)), milliseconds(std::max(runtime::integer32(least, 1), 1u)));
}

}  // namespace heirloom::upstream
