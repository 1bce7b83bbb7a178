// SPDX-License-Identifier: Apache-2.0
#include "proxy/tls/openssl.h"

#include <openssl/sslerr.h>

namespace heirloom::tls {

BioPtr read_bio(std::string_view bytes) {
    return BioPtr(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
}

std::string take_reason() {
    std::string text;
    while (const unsigned long error = ERR_get_error()) {
        const char* const reason = ERR_reason_error_string(error);
        text = reason ? reason : "error " + std::to_string(error);
    }
    return text;
}

TakenErrors take_errors() {
    TakenErrors taken;
    while (const unsigned long error = ERR_get_error()) {
        if (ERR_GET_LIB(error) == ERR_LIB_SSL) {
            const int reason = ERR_GET_REASON(error);
            if (reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE) taken.no_client_certificate = true;
            if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED) taken.verify_failed = true;
        }
        const char* const library = ERR_lib_error_string(error);
        const char* const reason = ERR_reason_error_string(error);
        if (taken.text.empty()) taken.text = "TLS_error:";
        taken.text += "|" + std::to_string(error) + ":" + (library ? library : "") + ":OPENSSL_internal:";
        for (const char* c = reason ? reason : ""; *c != '\0'; ++c) {
            const bool lower = *c >= 'a' && *c <= 'z';
            taken.text += *c == ' ' ? '_' : lower ? static_cast<char>(*c - 'a' + 'A') : *c;
        }
    }
    if (!taken.text.empty()) taken.text += ":TLS_error_end";
    return taken;
}

std::string hex(const unsigned char* bytes, size_t size) {
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string text;
    text.reserve(2 * size);
    for (size_t i = 0; i < size; ++i) {
        text += kDigits[bytes[i] >> 4];
        text += kDigits[bytes[i] & 15];
    }
    return text;
}

}  // namespace heirloom::tls
