// SPDX-License-Identifier: Apache-2.0
// What is to be known of an OCSP response before it is stapled: which certificate it is for and until when it holds.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "shm/result.h"

namespace heirloom::tls {

struct OcspResponse {
    std::string serial;  // lower-case hex
    std::chrono::system_clock::time_point valid_from;
    std::chrono::system_clock::time_point expires;
};

// `der`: one response for one certificate, with its end of validity, as Envoy wants it.
Result<OcspResponse> read_ocsp_response(std::string_view der);

}  // namespace heirloom::tls
