// SPDX-License-Identifier: Apache-2.0
// HealthProbe: asks one endpoint once whether it is well, and again when told to; may keep its connection between. The
// protocols are its subclasses. Knows nothing of intervals and thresholds. Main thread.
//
//   start() -> on_probe_result() | abort();  then start() again
#pragma once

#include <memory>

#include "proxy/config/health_config.h"
#include "proxy/network/event_loop.h"
#include "proxy/network/transport_socket.h"
#include "proxy/upstream/check_thresholds.h"
#include "proxy/upstream/endpoint.h"

namespace heirloom::upstream {

class HealthProbeCallbacks {
  public:
    virtual ~HealthProbeCallbacks() = default;
    // Never from inside start(). The probe may be started, but not destroyed, in here.
    virtual void on_probe_result(CheckResult result) = 0;
    // What new connections begin with; null: plain. `alpn` is offered when the configuration names none.
    virtual std::unique_ptr<network::TransportSocket> make_probe_transport(std::string_view alpn) = 0;
};

class HealthProbe {
  public:
    virtual ~HealthProbe() = default;
    // REQUIRES: no check is under way.
    virtual void start() = 0;
    // The check took too long, or nobody wants its result any more: its connection is closed, no callback follows.
    virtual void abort() = 0;
};

struct ProbeSetting {
    network::EventLoop& loop;
    const config::HealthCheckConfig& check;
    shm::SocketAddress address;
    std::string host;  // that the check asks for, unless it is configured
    HealthProbeCallbacks& callbacks;
};

std::unique_ptr<HealthProbe> make_http_probe(const ProbeSetting& setting, const config::HttpCheckConfig& http);
std::unique_ptr<HealthProbe> make_tcp_probe(const ProbeSetting& setting, const config::TcpCheckConfig& tcp);
std::unique_ptr<HealthProbe> make_grpc_probe(const ProbeSetting& setting, const config::GrpcCheckConfig& grpc);
std::unique_ptr<HealthProbe> make_health_probe(const ProbeSetting& setting);

}  // namespace heirloom::upstream
