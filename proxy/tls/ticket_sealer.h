// SPDX-License-Identifier: Apache-2.0
// TicketSealer: seals and opens session tickets with the keys of a ring, in the layout of RFC 5077. Shared by workers.
#pragma once

#include <memory>

#include "proxy/tls/openssl.h"
#include "proxy/tls/ticket_keys.h"

namespace heirloom::tls {

class TicketSealer {
  public:
    // Null or empty `keys`: random ones of this object. Null when the library lacks the cipher.
    static std::unique_ptr<TicketSealer> make(std::shared_ptr<const TicketKeys> keys);
    // The context must not outlive this object.
    void attach(SSL_CTX* context) const;

  private:
    TicketSealer() = default;
    static int callback(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac,
                        int sealing);
    int seal(unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac) const;
    int open(SSL* ssl, const unsigned char* name, const unsigned char* iv, EVP_CIPHER_CTX* cipher,
             EVP_MAC_CTX* mac) const;

    std::shared_ptr<const TicketKeys> keys_;
    TicketKeys own_;
    std::unique_ptr<EVP_CIPHER, Freer<EVP_CIPHER_free>> cipher_;
};

}  // namespace heirloom::tls
