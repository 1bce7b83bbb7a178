// SPDX-License-Identifier: Apache-2.0
#include "proxy/tls_contexts.h"

#include <algorithm>
#include <limits>

#include "proxy/listener/listener_stats.h"
#include "proxy/logging.h"

namespace heirloom::server {
namespace {

std::string prefix_of(const config::ListenerConfig& listener) {
    return "listener." + stats::sanitize(listener::stat_name(listener)) + ".";
}

std::string prefix_of(const config::ClusterConfig& cluster) {
    return "cluster." + stats::sanitize(cluster.alt_stat_name.empty() ? cluster.name : cluster.alt_stat_name) + ".";
}

const config::SecretSource* ticket_keys_of(const config::DownstreamTlsConfig& config) {
    return config.ticket_keys_secret ? &*config.ticket_keys_secret : nullptr;
}
const config::SecretSource* ticket_keys_of(const config::UpstreamTlsConfig&) { return nullptr; }

void set_ticket_keys(config::DownstreamTlsConfig& config, const std::vector<std::string>& keys) {
    config.ticket_keys = keys;
}
void set_ticket_keys(config::UpstreamTlsConfig&, const std::vector<std::string>&) {}

// As Envoy names it, which ends with the hash of nothing where there is no secret.
std::string name_of(const std::string& secret, bool authority) {
    if (!secret.empty()) return secret;
    return authority ? "unnamed_ca_cert_e3b0c442" : "unnamed_cert_e3b0c442";
}

template <class Use>
void each_certificate(const tls::Context& context, Use use) {
    for (const tls::LoadedCertificate& one : context.chains()) use(name_of(one.secret, false), one);
    for (const tls::LoadedCertificate& one : context.authorities()) use(name_of(one.secret, true), one);
}

}  // namespace

TlsContexts::TlsContexts(stats::Registrar* registrar, std::shared_ptr<const tls::TicketKeys> keys)
    : registrar_(registrar), keys_(std::move(keys)), secrets_(registrar) {}

// --- what is configured ----------------------------------------------------------------------------------------------

template <class Config, class Made>
Status TlsContexts::add(std::vector<Place<Config, Made>>& places, const std::string& name,
                        const std::shared_ptr<const Config>& config, const std::string& prefix, const char* factory) {
    Place<Config, Made>& place = places.emplace_back();
    place.name = name;
    place.config = config;
    Status added = Ok{};
    const auto use = [&](const config::SecretSource& source, SecretKind kind) {
        if (!added) return;
        const Result<size_t> index = secrets_.add(source, kind);
        if (index) {
            place.secrets.push_back(*index);
        } else {
            added = index.error();
        }
    };
    for (const config::SecretSource& source : config->certificate_secrets) use(source, SecretKind::certificate);
    if (config->validation_secret) use(*config->validation_secret, SecretKind::validation);
    if (const config::SecretSource* source = ticket_keys_of(*config)) use(*source, SecretKind::ticket_keys);
    if (!added) return added;
    if (registrar_) {
        place.stats = tls::make_tls_stats(*registrar_, prefix + "ssl.", *config);
        place.updates = registrar_->counter(prefix + factory + ".ssl_context_update_by_sds");
    }
    auto made = make(place, 0, nullptr);
    if (!made) return made.error();
    place.context = std::move(*made);
    if (registrar_) make_expirations(place, prefix + "ssl.certificate.");
    if (registrar_ && !place.secrets.empty()) place.updates.add();
    return Ok{};
}

template <class Config, class Made>
void TlsContexts::make_expirations(Place<Config, Made>& place, const std::string& prefix) {
    const auto want = [&](const std::string& name) { place.expirations[name] = {}; };
    each_certificate(*place.context, [&](const std::string& name, const tls::LoadedCertificate&) { want(name); });
    // One without an authority may get it later; names are told to the segment's owner only now.
    if (place.config->validation_secret) want(place.config->validation_secret->name);
    const auto full = [&](const std::string& name) { return prefix + name + ".expiration_unix_time_seconds"; };
    std::vector<stats::Registrar::Spec> specs;
    for (const auto& [name, gauge] : place.expirations) specs.push_back({full(name), shm::StatKind::gauge, {}});
    registrar_->prefetch(std::move(specs));
    for (auto& [name, gauge] : place.expirations) gauge = registrar_->gauge(full(name));
}

Status TlsContexts::make_all(const config::Snapshot& snapshot) {
    Status added = Ok{};
    for (const config::ListenerConfig& listener : snapshot.listeners) {
        const auto add_chain = [&](const config::FilterChainConfig& chain) {
            if (added && chain.tls) {
                added = add(chains_, listener.name, chain.tls, prefix_of(listener), "server_ssl_socket_factory");
            }
        };
        for (const config::FilterChainConfig& chain : listener.filter_chains) add_chain(chain);
        if (listener.default_filter_chain) add_chain(*listener.default_filter_chain);
    }
    for (const config::ClusterConfig& cluster : snapshot.clusters) {
        if (added && cluster.tls) {
            added = add(clusters_, cluster.name, cluster.tls, prefix_of(cluster), "client_ssl_socket_factory");
        }
    }
    return added;
}

Result<std::unique_ptr<TlsContexts>> TlsContexts::create(const config::Snapshot& snapshot, stats::Registrar& registrar,
                                                         std::shared_ptr<const tls::TicketKeys> keys) {
    std::unique_ptr<TlsContexts> contexts(new TlsContexts(&registrar, std::move(keys)));
    if (const Status made = contexts->make_all(snapshot); !made) return made.error();
    contexts->secrets_.accept_all();
    return contexts;
}

Status TlsContexts::check(const config::Snapshot& snapshot) { return TlsContexts(nullptr, nullptr).make_all(snapshot); }

// --- making ----------------------------------------------------------------------------------------------------------

template <class Config, class Made>
Config TlsContexts::config_of(const Place<Config, Made>& place, size_t changed, const SecretValue* value) const {
    Config config = *place.config;
    if (!registrar_) config.key_log_path.clear();
    for (const size_t index : place.secrets) {
        const SecretValue& secret = value && index == changed ? *value : secrets_.value(index);
        if (const auto* certificate = std::get_if<config::CertificateConfig>(&secret)) {
            config.certificates.push_back(*certificate);
        } else if (const auto* validation = std::get_if<config::ValidationConfig>(&secret)) {
            config.validation =
                config.validation ? config::merge_validation(*config.validation, *validation) : *validation;
        } else {
            set_ticket_keys(config, std::get<std::vector<std::string>>(secret));
        }
    }
    return config;
}

Result<std::shared_ptr<const tls::ServerContext>> TlsContexts::make(const Chain& chain, size_t changed,
                                                                    const SecretValue* value) const {
    return tls::make_server_context(config_of(chain, changed, value), chain.stats, keys_);
}

Result<std::shared_ptr<const tls::ClientContext>> TlsContexts::make(const Cluster& cluster, size_t changed,
                                                                    const SecretValue* value) const {
    return tls::make_client_context(config_of(cluster, changed, value), cluster.stats);
}

// All or nothing: what cannot be used in one place is taken in none.
Status TlsContexts::on_secret(size_t index, const SecretValue& value) {
    const auto remake = [&](auto& places, auto& remade) -> Status {
        for (auto& place : places) {
            if (std::find(place.secrets.begin(), place.secrets.end(), index) == place.secrets.end()) continue;
            auto made = make(place, index, &value);
            if (!made) return made.error();
            remade.emplace_back(&place, std::move(*made));
        }
        return Ok{};
    };
    std::vector<std::pair<Chain*, std::shared_ptr<const tls::ServerContext>>> chains;
    std::vector<std::pair<Cluster*, std::shared_ptr<const tls::ClientContext>>> clusters;
    if (const Status made = remake(chains_, chains); !made) return made;
    if (const Status made = remake(clusters_, clusters); !made) return made;
    for (auto& [chain, context] : chains) {
        chain->context = std::move(context);
        chain->updates.add();
        if (chain_changed_) chain_changed_(chain->config.get(), chain->context);
    }
    for (auto& [cluster, context] : clusters) {
        cluster->context = std::move(context);
        cluster->updates.add();
        if (cluster_manager_) cluster_manager_->set_tls(cluster->name, cluster->context);
    }
    return Ok{};
}

// --- giving ----------------------------------------------------------------------------------------------------------

std::shared_ptr<const tls::ServerContext> TlsContexts::server(const config::FilterChainConfig& chain) const {
    for (const Chain& one : chains_) {
        if (one.config == chain.tls) return one.context;
    }
    return nullptr;
}

void TlsContexts::give_to(upstream::ClusterManager& clusters) {
    cluster_manager_ = &clusters;
    for (const Cluster& cluster : clusters_) clusters.set_tls(cluster.name, cluster.context);
}

void TlsContexts::show() const {
    secrets_.show();
    const auto show = [](const auto& places) {
        for (const auto& place : places) {
            each_certificate(*place.context, [&](const std::string& name, const tls::LoadedCertificate& one) {
                const auto found = place.expirations.find(name);
                if (found == place.expirations.end()) return;
                const auto time = std::chrono::floor<std::chrono::seconds>(one.expiration.time_since_epoch()).count();
                found->second.set(time > 0 ? static_cast<uint64_t>(time) : 0);
            });
        }
    };
    show(chains_);
    show(clusters_);
}

void TlsContexts::hide() const {
    secrets_.hide();
    const auto hide = [](const auto& places) {
        for (const auto& place : places) {
            for (const auto& [name, gauge] : place.expirations) gauge.set(0);
        }
    };
    hide(chains_);
    hide(clusters_);
}

void TlsContexts::watch(network::EventLoop& loop) {
    secrets_.watch(loop, [this](size_t index, const SecretValue& value) { return on_secret(index, value); });
}

std::vector<std::shared_ptr<const tls::Context>> TlsContexts::all() const {
    std::vector<std::shared_ptr<const tls::Context>> contexts;
    for (const Chain& chain : chains_) contexts.push_back(chain.context);
    for (const Cluster& cluster : clusters_) contexts.push_back(cluster.context);
    return contexts;
}

uint64_t TlsContexts::days_until_first_expiration(std::chrono::system_clock::time_point now) const {
    uint64_t days = std::numeric_limits<uint32_t>::max();
    for (const auto& context : all()) {
        for (const auto* list : {&context->chains(), &context->authorities()}) {
            for (const tls::LoadedCertificate& one : *list) days = std::min(days, one.days_until_expiration(now));
        }
    }
    return days;
}

uint64_t TlsContexts::seconds_until_first_ocsp_expiration(std::chrono::system_clock::time_point now) const {
    std::optional<std::chrono::system_clock::time_point> first;
    for (const auto& context : all()) {
        for (const tls::LoadedCertificate& one : context->chains()) {
            if (one.ocsp) first = std::min(first.value_or(one.ocsp->expiration), one.ocsp->expiration);
        }
    }
    if (!first || *first <= now) return 0;
    return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(*first - now).count());
}

}  // namespace heirloom::server
