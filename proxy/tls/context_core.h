// SPDX-License-Identifier: Apache-2.0
// What server and client contexts have in common, and how the library's callbacks find it: it is the app data of each
// SSL_CTX. Immutable once made.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "proxy/tls/certificate.h"
#include "proxy/tls/openssl.h"
#include "proxy/tls/parameters.h"
#include "proxy/tls/stats.h"
#include "proxy/tls/verifier.h"
#include "shm/unique_fd.h"

namespace heirloom::tls {

struct ContextCore {
    TlsStats stats;
    std::vector<Chain> chains;
    std::unique_ptr<const Verifier> verifier;
    std::vector<LoadedCertificate> descriptions;  // of `chains`
    UniqueFd key_log;

    explicit ContextCore(const TlsStats& counters) : stats(counters) {}

    // Loads certificates and opens the key log.
    Status load(const config::TlsConfig& config);
    // A context with parameters and callbacks, without certificates.
    Result<SslCtxPtr> make_library_context(const config::TlsConfig& config, Side side) const;
    // REQUIRES: `verifier` is set and the context has its trust.
    void attach_verifier(SSL_CTX* context, int mode) const;

    static const ContextCore& of(const SSL* ssl);
};

// Certificate, issuers and key of `chain` for its type of key.
Status use_chain(SSL_CTX* context, const Chain& chain, const std::string& where);

}  // namespace heirloom::tls
