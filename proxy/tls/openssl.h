// SPDX-License-Identifier: Apache-2.0
// Owners for the library's objects, and its error queue as text. The queue of a thread is empty whenever the library is
// called: who gets an error takes it off, so that the data path needs not clear it each time.
#pragma once

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>
#include <string_view>

namespace heirloom::tls {

template <auto Free>
struct Freer {
    template <class T>
    void operator()(T* object) const {
        Free(object);
    }
};
inline void free_general_names(GENERAL_NAMES* names) { GENERAL_NAMES_free(names); }
inline void free_crypto_text(void* text) { OPENSSL_free(text); }

using SslPtr = std::unique_ptr<SSL, Freer<SSL_free>>;
using SslCtxPtr = std::unique_ptr<SSL_CTX, Freer<SSL_CTX_free>>;
using SessionPtr = std::unique_ptr<SSL_SESSION, Freer<SSL_SESSION_free>>;
using BioPtr = std::unique_ptr<BIO, Freer<BIO_free_all>>;
using X509Ptr = std::unique_ptr<X509, Freer<X509_free>>;
using CrlPtr = std::unique_ptr<X509_CRL, Freer<X509_CRL_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using GeneralNamesPtr = std::unique_ptr<GENERAL_NAMES, Freer<free_general_names>>;
using CryptoText = std::unique_ptr<char, Freer<free_crypto_text>>;

// A reading BIO over `bytes`, which must outlive it.
BioPtr read_bio(std::string_view bytes);

// Empties the queue. One line, "" when it was empty: the newest error's reason, for errors of the configuration.
std::string take_reason();

// What the queue held, as Envoy prints it ("TLS_error:|NUMBER:SSL routines:OPENSSL_internal:REASON:TLS_error_end", ""
// when it was empty); empties it.
struct TakenErrors {
    std::string text;
    bool no_client_certificate = false;  // the peer should have shown one
    bool verify_failed = false;          // counted by the verifier
};
TakenErrors take_errors();

std::string hex(const unsigned char* bytes, size_t size);  // lower-case

}  // namespace heirloom::tls
