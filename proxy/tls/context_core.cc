// SPDX-License-Identifier: Apache-2.0
#include "proxy/tls/context_core.h"

#include <fcntl.h>
#include <unistd.h>

#include "proxy/tls/socket.h"

namespace heirloom::tls {
namespace {

void log_keys(const SSL* ssl, const char* line) {
    std::string whole = std::string(line) + '\n';
    // One write per line: lines of other processes on the same file stay whole. What does not fit is lost.
    [[maybe_unused]] const ssize_t written = ::write(ContextCore::of(ssl).key_log.get(), whole.data(), whole.size());
    OPENSSL_cleanse(whole.data(), whole.size());
}

int verify_peer(X509_STORE_CTX* store, void* cookie) {
    const auto& core = *static_cast<const ContextCore*>(cookie);
    SSL* const ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
    return core.verifier->verify(store, Socket::of(ssl).verified_name(), core.stats) ? 1 : 0;
}

}  // namespace

const ContextCore& ContextCore::of(const SSL* ssl) {
    return *static_cast<const ContextCore*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
}

Status ContextCore::load(const config::TlsConfig& config) {
    for (const config::CertificateConfig& certificate : config.certificates) {
        Result<Chain> chain = load_chain(certificate);
        if (!chain.ok()) return chain.error();
        descriptions.push_back(chain->description);
        chains.push_back(std::move(*chain));
    }
    if (!config.key_log_path.empty()) {
        key_log.reset(::open(config.key_log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
        if (!key_log) return Error::from_errno(config.where + ": cannot open the key log " + config.key_log_path);
    }
    return Ok{};
}

Result<SslCtxPtr> ContextCore::make_library_context(const config::TlsConfig& config, Side side) const {
    SslCtxPtr context(SSL_CTX_new(side == Side::server ? TLS_server_method() : TLS_client_method()));
    if (!context) return Error{config.where + ": no TLS context: " + take_reason()};
    SSL_CTX* const raw = context.get();
    SSL_CTX_set_app_data(raw, const_cast<ContextCore*>(this));
    SSL_CTX_set_mode(raw, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_options(raw, SSL_OP_NO_COMPRESSION);
    if (Status applied = apply_parameters(raw, config, side); !applied.ok()) return applied.error();
    if (key_log) SSL_CTX_set_keylog_callback(raw, &log_keys);
    return context;
}

void ContextCore::attach_verifier(SSL_CTX* context, int mode) const {
    SSL_CTX_set_cert_verify_callback(context, &verify_peer, const_cast<ContextCore*>(this));
    SSL_CTX_set_verify(context, mode, nullptr);
}

Status use_chain(SSL_CTX* context, const Chain& chain, const std::string& where) {
    bool fine = SSL_CTX_use_certificate(context, chain.leaf.get()) == 1 &&
                SSL_CTX_use_PrivateKey(context, chain.key.get()) == 1;
    for (const X509Ptr& issuer : chain.issuers) fine = fine && SSL_CTX_add1_chain_cert(context, issuer.get()) == 1;
    if (fine) return Ok{};
    return Error{where + ": Failed to load certificate chain from " + chain.description.path + ": " + take_reason()};
}

}  // namespace heirloom::tls
