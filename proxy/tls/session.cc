// SPDX-License-Identifier: Apache-2.0
#include "proxy/tls/session.h"

#include "proxy/tls/certificate.h"

namespace heirloom::tls {

std::string_view Session::version() const { return SSL_get_version(ssl_.get()); }

std::string_view Session::cipher() const {
    const SSL_CIPHER* const cipher = SSL_get_current_cipher(ssl_.get());
    return cipher ? SSL_CIPHER_get_name(cipher) : std::string_view();
}

std::string_view Session::alpn() const {
    const unsigned char* protocol = nullptr;
    unsigned length = 0;
    SSL_get0_alpn_selected(ssl_.get(), &protocol, &length);
    return {reinterpret_cast<const char*>(protocol), length};
}

std::string Session::session_id() const {
    const SSL_SESSION* const session = SSL_get0_session(ssl_.get());
    unsigned length = 0;
    const unsigned char* const id = session ? SSL_SESSION_get_id(session, &length) : nullptr;
    return hex(id, length);
}

bool Session::resumed() const { return SSL_session_reused(ssl_.get()) == 1; }

bool Session::peer_validated() const {
    return SSL_get0_peer_certificate(ssl_.get()) && SSL_get_verify_result(ssl_.get()) == X509_V_OK;
}

const network::CertificateInfo* Session::peer_certificate() const {
    if (!peer_) {
        X509* const certificate = SSL_get0_peer_certificate(ssl_.get());
        if (!certificate) return nullptr;
        peer_ = make_certificate_info(certificate, SSL_get_peer_cert_chain(ssl_.get()));
    }
    return peer_.get();
}

const network::CertificateInfo* Session::local_certificate() const {
    if (!local_) {
        X509* const certificate = SSL_get_certificate(ssl_.get());
        if (!certificate) return nullptr;
        STACK_OF(X509)* issuers = nullptr;
        SSL_get0_chain_certs(ssl_.get(), &issuers);
        local_ = make_certificate_info(certificate, issuers);
    }
    return local_.get();
}

}  // namespace heirloom::tls
