// SPDX-License-Identifier: Apache-2.0
// The `ssl.` stats of a listener or cluster, with Envoy's names. Handles only: made on the main thread, copied into
// contexts, counted by workers. What depends on what is agreed (cipher, version, curve, signature) is registered for
// what this configuration can agree on.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/config/tls_config.h"
#include "proxy/stats/store.h"

namespace heirloom::tls {

// clang-format off
#define HEIRLOOM_TLS_STATS(COUNTER, GAUGE, HISTOGRAM) \
    COUNTER(connection_error)                         \
    COUNTER(handshake)                                \
    COUNTER(session_reused)                           \
    COUNTER(no_certificate)                           \
    COUNTER(fail_verify_no_cert)                      \
    COUNTER(fail_verify_error)                        \
    COUNTER(fail_verify_san)                          \
    COUNTER(fail_verify_cert_hash)                    \
    COUNTER(ocsp_staple_failed)                       \
    COUNTER(ocsp_staple_omitted)                      \
    COUNTER(ocsp_staple_requests)                     \
    COUNTER(ocsp_staple_responses)
// clang-format on

// Counters by a name that is one of a few.
class NamedCounters {
  public:
    NamedCounters() = default;
    NamedCounters(stats::Registrar& registrar, const std::string& prefix, std::vector<std::string> names);
    // Nothing when the name was not registered.
    void add(std::string_view name) const;

  private:
    std::vector<std::pair<std::string, stats::Counter>> counters_;
};

struct TlsTable {
    HEIRLOOM_TLS_STATS(HEIRLOOM_COUNTER, HEIRLOOM_GAUGE, HEIRLOOM_HISTOGRAM)
};
struct TlsStats : TlsTable {
    NamedCounters ciphers;
    NamedCounters versions;
    NamedCounters curves;
    NamedCounters sigalgs;  // of the peer's signature
};

// `prefix`: "listener.0.0.0.0_443.ssl." or "cluster.NAME.ssl.". Main thread.
TlsStats make_tls_stats(stats::Registrar& registrar, const std::string& prefix,
                        const config::DownstreamTlsConfig& config);
TlsStats make_tls_stats(stats::Registrar& registrar, const std::string& prefix,
                        const config::UpstreamTlsConfig& config);

}  // namespace heirloom::tls
