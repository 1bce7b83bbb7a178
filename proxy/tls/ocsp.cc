// SPDX-License-Identifier: Apache-2.0
#include "proxy/tls/ocsp.h"

#include <openssl/ocsp.h>

#include "proxy/tls/asn1.h"
#include "proxy/tls/openssl.h"

namespace heirloom::tls {

Result<OcspResponse> read_ocsp_response(std::string_view der) {
    const auto* bytes = reinterpret_cast<const unsigned char*>(der.data());
    const std::unique_ptr<OCSP_RESPONSE, Freer<OCSP_RESPONSE_free>> response(
        d2i_OCSP_RESPONSE(nullptr, &bytes, static_cast<long>(der.size())));
    if (!response) return Error{"not an OCSP response (" + take_reason() + ")"};
    if (OCSP_response_status(response.get()) != OCSP_RESPONSE_STATUS_SUCCESSFUL) {
        return Error{"OCSP response was unsuccessful"};
    }
    const std::unique_ptr<OCSP_BASICRESP, Freer<OCSP_BASICRESP_free>> basic(OCSP_response_get1_basic(response.get()));
    if (!basic) return Error{"OCSP response has no body (" + take_reason() + ")"};
    if (OCSP_resp_count(basic.get()) != 1) return Error{"OCSP response must be for one certificate only"};
    OCSP_SINGLERESP* const single = OCSP_resp_get0(basic.get(), 0);
    ASN1_INTEGER* serial = nullptr;
    OCSP_id_get0_info(nullptr, nullptr, nullptr, &serial, const_cast<OCSP_CERTID*>(OCSP_SINGLERESP_get0_id(single)));
    ASN1_GENERALIZEDTIME* this_update = nullptr;
    ASN1_GENERALIZEDTIME* next_update = nullptr;
    OCSP_single_get0_status(single, nullptr, nullptr, &this_update, &next_update);
    if (!next_update) return Error{"OCSP response does not say until when it holds (nextUpdate)"};
    return OcspResponse{serial_text(serial), time_of(this_update), time_of(next_update)};
}

}  // namespace heirloom::tls
