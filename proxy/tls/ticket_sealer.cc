// SPDX-License-Identifier: Apache-2.0
#include "proxy/tls/ticket_sealer.h"

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <cstring>
#include <vector>

namespace heirloom::tls {
namespace {

int data_index() {
    static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
    return index;
}

bool start_mac(EVP_MAC_CTX* mac, TicketKey& key) {
    char digest[] = "SHA256";
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key.hmac.data(), key.hmac.size()),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0), OSSL_PARAM_construct_end()};
    return EVP_MAC_CTX_set_params(mac, parameters) == 1;
}

}  // namespace

std::unique_ptr<TicketSealer> TicketSealer::make(std::shared_ptr<const TicketKeys> keys) {
    std::unique_ptr<TicketSealer> sealer(new TicketSealer);
    sealer->keys_ = std::move(keys);
    std::vector<std::string> random(1, std::string(TicketKeys::kKeyBytes, '\0'));
    if (RAND_bytes(reinterpret_cast<unsigned char*>(random[0].data()), TicketKeys::kKeyBytes) != 1 ||
        !sealer->own_.set(random).ok()) {
        return nullptr;
    }
    OPENSSL_cleanse(random[0].data(), random[0].size());
    sealer->cipher_.reset(EVP_CIPHER_fetch(nullptr, "AES-256-CBC", nullptr));
    return sealer->cipher_ ? std::move(sealer) : nullptr;
}

void TicketSealer::attach(SSL_CTX* context) const {
    SSL_CTX_set_ex_data(context, data_index(), const_cast<TicketSealer*>(this));
    SSL_CTX_set_tlsext_ticket_key_evp_cb(context, &TicketSealer::callback);
}

int TicketSealer::callback(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac,
                           int sealing) {
    const auto& self = *static_cast<const TicketSealer*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), data_index()));
    return sealing == 1 ? self.seal(name, iv, cipher, mac) : self.open(ssl, name, iv, cipher, mac);
}

int TicketSealer::seal(unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac) const {
    std::optional<TicketKey> key = keys_ ? keys_->sealing_key() : std::nullopt;
    if (!key) key = own_.sealing_key();
    std::memcpy(name, key->name.data(), key->name.size());
    const bool fine = RAND_bytes(iv, EVP_CIPHER_get_iv_length(cipher_.get())) == 1 &&
                      EVP_EncryptInit_ex(cipher, cipher_.get(), nullptr, key->aes.data(), iv) == 1 &&
                      start_mac(mac, *key);
    OPENSSL_cleanse(&*key, sizeof(*key));
    return fine ? 1 : -1;
}

int TicketSealer::open(SSL* ssl, const unsigned char* name, const unsigned char* iv, EVP_CIPHER_CTX* cipher,
                       EVP_MAC_CTX* mac) const {
    const std::span<const uint8_t, 16> wanted(name, 16);
    std::optional<TicketKeys::Found> found = keys_ ? keys_->find(wanted) : std::nullopt;
    if (!found) found = own_.find(wanted);
    if (!found) return 0;  // a full handshake
    const bool fine = EVP_DecryptInit_ex(cipher, cipher_.get(), nullptr, found->key.aes.data(), iv) == 1 &&
                      start_mac(mac, found->key);
    // TLS 1.3 tickets are for one use: the client gets another in any case.
    const bool renew = !found->current || SSL_version(ssl) >= TLS1_3_VERSION;
    OPENSSL_cleanse(&*found, sizeof(*found));
    if (!fine) return -1;
    return renew ? 2 : 1;
}

}  // namespace heirloom::tls
