// SPDX-License-Identifier: Apache-2.0
// Verifier: judges the peer's certificate by the configuration: chain, names, hashes, revocation. Immutable, shared by
// workers.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/config/tls_config.h"
#include "proxy/tls/context.h"
#include "proxy/tls/openssl.h"
#include "proxy/tls/stats.h"
#include "shm/result.h"

namespace heirloom::tls {

class Verifier {
  public:
    // Null `config`: any certificate is good, and none is validated. Puts trust and lists of names into `context`.
    // `server_name_checked`: connections bring a name to check, so that a CA is needed.
    static Result<std::unique_ptr<const Verifier>> make(const config::ValidationConfig* config, SSL_CTX* context,
                                                        bool server_name_checked);
    ~Verifier();

    // Whether the handshake may go on; counts when it may not, and sets the alert in `store`. `server_name`: the
    // certificate must be for it ("": no such demand). A certificate that is accepted without having been verified
    // leaves a result that is not X509_V_OK with the session.
    bool verify(X509_STORE_CTX* store, std::string_view server_name, const TlsStats& stats) const;

    bool demands_certificate() const { return configured_; }
    const std::vector<LoadedCertificate>& authorities() const { return authorities_; }
    // Differs when a session of one configuration must not be taken up under the other.
    std::string fingerprint() const { return fingerprint_; }

  private:
    struct NameMatcher;
    Verifier() = default;
    Status load(const config::ValidationConfig& config, SSL_CTX* context);
    bool names_match(const X509* certificate) const;
    bool hashes_match(const X509* certificate) const;

    bool configured_ = false;
    bool chain_ = false;  // there is a CA
    bool accept_untrusted_ = false;
    std::vector<std::unique_ptr<NameMatcher>> names_;
    std::vector<std::string> certificate_hashes_;
    std::vector<std::string> spki_hashes_;
    std::vector<LoadedCertificate> authorities_;
    std::string fingerprint_;
};

}  // namespace heirloom::tls
