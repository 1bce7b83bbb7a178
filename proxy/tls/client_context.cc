// SPDX-License-Identifier: Apache-2.0
#include <deque>
#include <mutex>

#include "proxy/tls/context_core.h"
#include "proxy/tls/socket.h"

namespace heirloom::tls {
namespace {

// Sessions to take up again, newest first. Touched once per handshake, by all workers.
class SessionStore {
  public:
    explicit SessionStore(size_t most) : most_(most) {}

    void keep(const std::string& name, SessionPtr session) {
        const std::lock_guard lock(mutex_);
        sessions_.push_front({name, std::move(session)});
        if (sessions_.size() > most_) sessions_.pop_back();
    }
    // A session is for the server name it was made with: the certificate is not shown again. One of TLS 1.3 is for one
    // use.
    SessionPtr take(const std::string& name) {
        const std::lock_guard lock(mutex_);
        for (auto it = sessions_.begin(); it != sessions_.end(); ++it) {
            if (it->name != name) continue;
            SessionPtr session;
            if (SSL_SESSION_get_protocol_version(it->session.get()) >= TLS1_3_VERSION) {
                session = std::move(it->session);
                sessions_.erase(it);
            } else {
                SSL_SESSION_up_ref(it->session.get());
                session.reset(it->session.get());
            }
            return session;
        }
        return nullptr;
    }

  private:
    struct Kept {
        std::string name;
        SessionPtr session;
    };
    const size_t most_;
    std::mutex mutex_;
    std::deque<Kept> sessions_;
};

class Client final : public ClientContext, public std::enable_shared_from_this<Client> {
  public:
    Client(const config::UpstreamTlsConfig& config, const TlsStats& stats)
        : core_(stats),
          server_name_(config.sni),
          verify_server_name_(config.auto_sni_san_validation),
          sessions_(config.max_session_keys) {}

    Status load(const config::UpstreamTlsConfig& config);

    const std::vector<LoadedCertificate>& chains() const override { return core_.descriptions; }
    const std::vector<LoadedCertificate>& authorities() const override { return core_.verifier->authorities(); }
    std::unique_ptr<network::TransportSocket> make_socket(const ClientOptions& options) const override;

  private:
    static int data_index() {
        static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
        return index;
    }
    class ClientSocket final : public Socket {
      public:
        ClientSocket(SslPtr ssl, std::shared_ptr<const Client> client, std::string server_name, std::string verified,
                     SessionPtr offered)
            : Socket(std::move(ssl), Side::client, client, client->core_.stats, std::move(server_name),
                     std::move(verified)),
              offered_(std::move(offered)) {}

      private:
        // In TLS 1.2 the library does not tell of a new ticket for a session that was taken up.
        void on_established() override {
            if (offered_ && SSL_get0_session(ssl()) != offered_.get() && SSL_version(ssl()) < TLS1_3_VERSION &&
                SSL_session_reused(ssl()) == 1) {
                SessionPtr renewed(SSL_get1_session(ssl()));
                if (keep_session(ssl(), renewed.get()) == 1) (void)renewed.release();
            }
            offered_.reset();
        }
        SessionPtr offered_;
    };
    static int keep_session(SSL* ssl, SSL_SESSION* session);
    // Under which a session is kept: the name, and whether the certificate was checked for it.
    static std::string session_name(const std::string& server_name, const std::string& verified_name) {
        return server_name + '\0' + verified_name;
    }

    ContextCore core_;
    SslCtxPtr context_;
    std::string server_name_;
    bool verify_server_name_;
    bool keep_sessions_ = false;
    mutable SessionStore sessions_;
};

Status Client::load(const config::UpstreamTlsConfig& config) {
    if (config.certificates.size() > 1) {
        return Error{config.where + ": Multiple TLS certificates are not supported for client contexts"};
    }
    if (config.sni.find('\0') != config.sni.npos || config.sni.size() > TLSEXT_MAXLEN_host_name) {
        return Error{config.where + ": sni: at most 255 bytes, none of them zero"};
    }
    if (Status loaded = core_.load(config); !loaded.ok()) return loaded;
    Result<SslCtxPtr> context = core_.make_library_context(config, Side::client);
    if (!context.ok()) return context.error();
    context_ = std::move(*context);
    SSL_CTX* const raw = context_.get();
    // Servers that never heard of secure renegotiation are no danger to who does not renegotiate.
    if (!config.allow_renegotiation) SSL_CTX_set_options(raw, SSL_OP_NO_RENEGOTIATION | SSL_OP_LEGACY_SERVER_CONNECT);
    auto verifier = Verifier::make(config.validation ? &*config.validation : nullptr, raw, verify_server_name_);
    if (!verifier.ok()) {
        return config.validation ? verifier.error() : Error{config.where + ": " + verifier.error().text};
    }
    core_.verifier = std::move(*verifier);
    core_.attach_verifier(raw, SSL_VERIFY_PEER);
    for (const Chain& chain : core_.chains) {
        if (Status used = use_chain(raw, chain, config.certificates[0].where); !used.ok()) return used;
    }
    const std::string alpn = alpn_wire(config.alpn);
    if (!alpn.empty()) {
        SSL_CTX_set_alpn_protos(raw, reinterpret_cast<const unsigned char*>(alpn.data()),
                                static_cast<unsigned>(alpn.size()));
    }
    keep_sessions_ = config.max_session_keys != 0;
    if (keep_sessions_) {
        SSL_CTX_set_ex_data(raw, data_index(), this);
        SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(raw, &Client::keep_session);
    } else {
        SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);
    }
    return Ok{};
}

int Client::keep_session(SSL* ssl, SSL_SESSION* session) {
    if (!SSL_SESSION_is_resumable(session)) return 0;
    const auto& self = *static_cast<const Client*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), data_index()));
    const Socket& socket = Socket::of(ssl);
    self.sessions_.keep(session_name(socket.server_name(), socket.verified_name()), SessionPtr(session));
    return 1;  // it is ours now
}

std::unique_ptr<network::TransportSocket> Client::make_socket(const ClientOptions& options) const {
    SslPtr ssl(SSL_new(context_.get()));
    if (!ssl) return nullptr;
    SSL_set_connect_state(ssl.get());
    std::string name(options.server_name.empty() ? std::string_view(server_name_) : options.server_name);
    // Before the name may turn out not to be one: then no certificate is for it.
    std::string verified(options.verified_name);
    if (verified.empty() && verify_server_name_) verified = name;
    if (!name.empty() && SSL_set_tlsext_host_name(ssl.get(), name.c_str()) != 1) {
        (void)take_reason();  // longer than a name can be: no such server
        name.clear();
    }
    if (!options.alpn.empty()) {
        const std::string alpn = alpn_wire(options.alpn);
        SSL_set_alpn_protos(ssl.get(), reinterpret_cast<const unsigned char*>(alpn.data()),
                            static_cast<unsigned>(alpn.size()));
    }
    SessionPtr session = keep_sessions_ ? sessions_.take(session_name(name, verified)) : nullptr;
    if (session) SSL_set_session(ssl.get(), session.get());
    return std::make_unique<ClientSocket>(std::move(ssl), shared_from_this(), std::move(name), std::move(verified),
                                          std::move(session));
}

}  // namespace

Result<std::shared_ptr<const ClientContext>> make_client_context(const config::UpstreamTlsConfig& config,
                                                                 const TlsStats& stats) {
    auto client = std::make_shared<Client>(config, stats);
    Status loaded = client->load(config);
    (void)take_reason();
    if (!loaded.ok()) return loaded.error();
    return std::shared_ptr<const ClientContext>(std::move(client));
}

}  // namespace heirloom::tls
