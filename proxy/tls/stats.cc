// SPDX-License-Identifier: Apache-2.0
#include "proxy/tls/stats.h"

#include "proxy/tls/parameters.h"

namespace heirloom::tls {
namespace {

TlsStats make(stats::Registrar& registrar, const std::string& prefix, const config::TlsConfig& config, Side side) {
    HEIRLOOM_PREFETCH(registrar, prefix, HEIRLOOM_TLS_STATS)
    TlsStats made{
        {HEIRLOOM_TLS_STATS(HEIRLOOM_MAKE_COUNTER, HEIRLOOM_MAKE_GAUGE, HEIRLOOM_MAKE_HISTOGRAM)}, {}, {}, {}, {}};
    made.ciphers = NamedCounters(registrar, prefix + "ciphers.", possible_ciphers(config, side));
    made.versions = NamedCounters(registrar, prefix + "versions.", possible_versions(config, side));
    made.curves = NamedCounters(registrar, prefix + "curves.", possible_groups(config));
    // A server sees a signature only of a client that has a certificate.
    if (side == Side::client || config.validation || config.validation_secret) {
        made.sigalgs = NamedCounters(registrar, prefix + "sigalgs.", possible_signatures());
    }
    return made;
}

}  // namespace

NamedCounters::NamedCounters(stats::Registrar& registrar, const std::string& prefix, std::vector<std::string> names) {
    std::vector<stats::Registrar::Spec> specs;
    for (const std::string& name : names) specs.push_back({prefix + name, shm::StatKind::counter, {}});
    registrar.prefetch(std::move(specs));
    for (std::string& name : names) {
        const stats::Counter counter = registrar.counter(prefix + name);
        counters_.emplace_back(std::move(name), counter);
    }
}

void NamedCounters::add(std::string_view name) const {
    for (const auto& [known, counter] : counters_) {
        if (known == name) return counter.add();
    }
}

TlsStats make_tls_stats(stats::Registrar& registrar, const std::string& prefix,
                        const config::DownstreamTlsConfig& config) {
    return make(registrar, prefix, config, Side::server);
}

TlsStats make_tls_stats(stats::Registrar& registrar, const std::string& prefix,
                        const config::UpstreamTlsConfig& config) {
    return make(registrar, prefix, config, Side::client);
}

}  // namespace heirloom::tls
