// SPDX-License-Identifier: Apache-2.0
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <unordered_map>

#include "proxy/tls/context_core.h"
#include "proxy/tls/socket.h"
#include "proxy/tls/ticket_sealer.h"

namespace heirloom::tls {
namespace {

constexpr long kSessionsKept = 20 * 1024;

std::string lower(std::string_view text) {
    std::string result(text);
    for (char& c : result) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return result;
}

// A library context has one certificate per type of key, so there is one context per combination that a server name can
// ask for; the library then takes the type that the client can do.
class Server final : public ServerContext, public std::enable_shared_from_this<Server> {
  public:
    Server(const config::DownstreamTlsConfig& config, const TlsStats& stats)
        : core_(stats),
          stapling_(config.stapling),
          require_sni_(config.require_sni),
          full_scan_(config.full_scan_on_sni_mismatch) {}

    Status load(const config::DownstreamTlsConfig& config, std::shared_ptr<const TicketKeys> keys);

    const std::vector<LoadedCertificate>& chains() const override { return core_.descriptions; }
    const std::vector<LoadedCertificate>& authorities() const override { return core_.verifier->authorities(); }
    std::unique_ptr<network::TransportSocket> make_socket() const override {
        SslPtr ssl(SSL_new(default_));
        if (!ssl) return nullptr;
        SSL_set_accept_state(ssl.get());
        return std::make_unique<Socket>(std::move(ssl), Side::server, shared_from_this(), core_.stats, "", "");
    }

  private:
    using Members = std::vector<size_t>;  // indexes of chains, at most one per type of key

    static const Server& of(void* argument) { return *static_cast<const Server*>(argument); }
    static int choose_by_name(SSL* ssl, int* alert, void* self);
    static int choose_protocol(SSL* ssl, const unsigned char** out, unsigned char* length, const unsigned char* offered,
                               unsigned offered_length, void* self);
    static int staple(SSL* ssl, void* self);

    Status add_contexts(const config::DownstreamTlsConfig& config);
    Result<SSL_CTX*> context_for(const config::DownstreamTlsConfig& config, const Members& members);
    Status set_up(SSL_CTX* context, const config::DownstreamTlsConfig& config);
    void set_session_id_context(SSL_CTX* context) const;
    SSL_CTX* find(std::string_view server_name) const;

    ContextCore core_;
    config::DownstreamTlsConfig::Stapling stapling_;
    bool require_sni_;
    bool full_scan_;
    std::string alpn_;
    std::unique_ptr<TicketSealer> sealer_;
    std::vector<std::pair<Members, SslCtxPtr>> contexts_;
    SSL_CTX* default_ = nullptr;                         // the first of each type of key
    SSL_CTX* mismatch_ = nullptr;                        // for a name that no certificate has
    std::unordered_map<std::string, SSL_CTX*> by_name_;  // "a.com"; ".a.com" for "*.a.com"
};

Status Server::load(const config::DownstreamTlsConfig& config, std::shared_ptr<const TicketKeys> keys) {
    if (config.certificates.empty()) return Error{config.where + ": No TLS certificates found for server context"};
    if (Status loaded = core_.load(config); !loaded.ok()) return loaded;
    using Stapling = config::DownstreamTlsConfig::Stapling;
    for (size_t i = 0; i < core_.chains.size(); ++i) {
        const Chain& chain = core_.chains[i];
        if (!chain.ocsp_staple.empty()) continue;
        if (chain.must_staple) {
            return Error{config.certificates[i].where + ": OCSP response is required for must-staple certificate"};
        }
        if (stapling_ == Stapling::must_staple) {
            return Error{config.certificates[i].where + ": Required OCSP response is missing from TLS context"};
        }
    }
    alpn_ = alpn_wire(config.alpn);
    if (!config.ticket_keys.empty()) {
        auto own = std::make_shared<TicketKeys>();
        if (Status set = own->set(config.ticket_keys); !set.ok()) {
            return Error{config.where + ": " + set.error().text};
        }
        keys = std::move(own);
    }
    if (!config.disable_tickets) {
        sealer_ = TicketSealer::make(std::move(keys));
        if (!sealer_) return Error{config.where + ": no ciphers for session tickets: " + take_reason()};
    }
    return add_contexts(config);
}

Status Server::add_contexts(const config::DownstreamTlsConfig& config) {
    const auto add = [&](Members& members, size_t i) {
        for (const size_t other : members) {
            if (core_.chains[other].elliptic() == core_.chains[i].elliptic()) return;  // the first one wins
        }
        members.push_back(i);
    };
    Members all;
    std::unordered_map<std::string, Members> names;
    for (size_t i = 0; i < core_.chains.size(); ++i) {
        add(all, i);
        for (const std::string& name : core_.chains[i].server_names) {
            add(names[name.starts_with("*.") ? name.substr(1) : name], i);
        }
    }
    Result<SSL_CTX*> first = context_for(config, all);
    if (!first.ok()) return first.error();
    default_ = *first;
    for (const auto& [name, members] : names) {
        Result<SSL_CTX*> context = context_for(config, members);
        if (!context.ok()) return context.error();
        by_name_[name] = *context;
    }
    Result<SSL_CTX*> mismatch = context_for(config, full_scan_ ? all : Members{0});
    if (!mismatch.ok()) return mismatch.error();
    mismatch_ = *mismatch;
    return Ok{};
}

Result<SSL_CTX*> Server::context_for(const config::DownstreamTlsConfig& config, const Members& members) {
    for (const auto& [known, context] : contexts_) {
        if (known == members) return context.get();
    }
    Result<SslCtxPtr> context = core_.make_library_context(config, Side::server);
    if (!context.ok()) return context.error();
    if (Status fine = set_up(context->get(), config); !fine.ok()) return fine.error();
    for (const size_t i : members) {
        if (Status used = use_chain(context->get(), core_.chains[i], config.certificates[i].where); !used.ok()) {
            return used.error();
        }
    }
    contexts_.emplace_back(members, std::move(*context));
    return contexts_.back().second.get();
}

Status Server::set_up(SSL_CTX* context, const config::DownstreamTlsConfig& config) {
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_PRIORITIZE_CHACHA);
    if (!config.prefer_client_ciphers) SSL_CTX_set_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE);
    if (contexts_.empty()) {
        auto verifier = Verifier::make(config.validation ? &*config.validation : nullptr, context, false);
        if (!verifier.ok()) return verifier.error();
        core_.verifier = std::move(*verifier);
    } else {
        SSL_CTX* const first = contexts_.front().second.get();
        SSL_CTX_set1_cert_store(context, SSL_CTX_get_cert_store(first));
        SSL_CTX_set_client_CA_list(context, SSL_dup_CA_list(SSL_CTX_get_client_CA_list(first)));
        SSL_CTX_set_verify_depth(context, SSL_CTX_get_verify_depth(first));
    }
    int mode = SSL_VERIFY_NONE;
    if (config.validation || config.require_client_certificate) mode = SSL_VERIFY_PEER;
    if (config.require_client_certificate) mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    core_.attach_verifier(context, mode);

    SSL_CTX_set_timeout(context, static_cast<long>(config.session_timeout.count()));
    SSL_CTX_set_session_cache_mode(context,
                                   config.disable_stateful_sessions ? SSL_SESS_CACHE_OFF : SSL_SESS_CACHE_SERVER);
    SSL_CTX_sess_set_cache_size(context, kSessionsKept);
    set_session_id_context(context);
    if (sealer_) {
        sealer_->attach(context);
    } else {
        SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
        if (config.disable_stateful_sessions) SSL_CTX_set_num_tickets(context, 0);
    }

    SSL_CTX_set_tlsext_servername_callback(context, &Server::choose_by_name);
    SSL_CTX_set_tlsext_servername_arg(context, this);
    if (!alpn_.empty()) SSL_CTX_set_alpn_select_cb(context, &Server::choose_protocol, this);
    SSL_CTX_set_tlsext_status_cb(context, &Server::staple);
    SSL_CTX_set_tlsext_status_arg(context, this);
    return Ok{};
}

// A session may be taken up where the server is the same to the client and wants the same of it; a new certificate for
// the same names changes neither. The same in every generation, so that tickets outlive a restart.
void Server::set_session_id_context(SSL_CTX* context) const {
    std::string seed = core_.verifier->fingerprint() + '\0' + alpn_ + '\0';
    for (const Chain& chain : core_.chains) {
        for (const std::string& name : chain.server_names) seed += name + '\0';
    }
    unsigned char digest[SHA256_DIGEST_LENGTH];
    SHA256(reinterpret_cast<const unsigned char*>(seed.data()), seed.size(), digest);
    SSL_CTX_set_session_id_context(context, digest, sizeof(digest));
}

SSL_CTX* Server::find(std::string_view server_name) const {
    const std::string name = lower(server_name);
    if (const auto exact = by_name_.find(name); exact != by_name_.end()) return exact->second;
    if (const size_t dot = name.find('.'); dot != name.npos && dot > 0) {
        if (const auto wildcard = by_name_.find(name.substr(dot)); wildcard != by_name_.end()) return wildcard->second;
    }
    return mismatch_;
}

int Server::choose_by_name(SSL* ssl, int* alert, void* self) {
    const Server& server = of(self);
    const char* const name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    if (!name) {
        if (!server.require_sni_) return SSL_TLSEXT_ERR_OK;
        *alert = SSL_AD_UNRECOGNIZED_NAME;
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    if (SSL_CTX* const context = server.find(name); context != SSL_get_SSL_CTX(ssl)) SSL_set_SSL_CTX(ssl, context);
    return SSL_TLSEXT_ERR_OK;
}

// The first of ours that the client offers, as Envoy does.
int Server::choose_protocol(SSL*, const unsigned char** out, unsigned char* length, const unsigned char* offered,
                            unsigned offered_length, void* self) {
    const std::string& ours = of(self).alpn_;
    unsigned char* chosen = nullptr;
    const int outcome = SSL_select_next_proto(&chosen, length, reinterpret_cast<const unsigned char*>(ours.data()),
                                              static_cast<unsigned>(ours.size()), offered, offered_length);
    *out = chosen;
    return outcome == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

int Server::staple(SSL* ssl, void* self) {
    using Stapling = config::DownstreamTlsConfig::Stapling;
    const Server& server = of(self);
    const TlsStats& stats = server.core_.stats;
    stats.ocsp_staple_requests.add();
    const X509* const used = SSL_get_certificate(ssl);
    const Chain* chain = nullptr;
    for (const Chain& candidate : server.core_.chains) {
        if (candidate.leaf.get() == used) chain = &candidate;
    }
    const bool there = chain && !chain->ocsp_staple.empty();
    const bool fresh = there && chain->ocsp_expiry > std::chrono::system_clock::now();
    const Stapling policy = chain && chain->must_staple ? Stapling::must_staple : server.stapling_;
    bool refuse = false;
    switch (policy) {
        case Stapling::lenient:
            break;
        case Stapling::strict:
            refuse = there && !fresh;
            break;
        case Stapling::must_staple:
            refuse = !fresh;
            break;
    }
    if (refuse) {
        stats.ocsp_staple_failed.add();
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    if (!fresh) {
        stats.ocsp_staple_omitted.add();
        return SSL_TLSEXT_ERR_NOACK;
    }
    void* const copy = OPENSSL_memdup(chain->ocsp_staple.data(), chain->ocsp_staple.size());
    SSL_set_tlsext_status_ocsp_resp(ssl, copy, static_cast<long>(chain->ocsp_staple.size()));
    stats.ocsp_staple_responses.add();
    return SSL_TLSEXT_ERR_OK;
}

}  // namespace

Result<std::shared_ptr<const ServerContext>> make_server_context(const config::DownstreamTlsConfig& config,
                                                                 const TlsStats& stats,
                                                                 std::shared_ptr<const TicketKeys> keys) {
    auto server = std::make_shared<Server>(config, stats);
    Status loaded = server->load(config, std::move(keys));
    (void)take_reason();
    if (!loaded.ok()) return loaded.error();
    return std::shared_ptr<const ServerContext>(std::move(server));
}

}  // namespace heirloom::tls
