// SPDX-License-Identifier: Apache-2.0
// Numbers, times and names of certificates as values of ours.
#pragma once

#include <chrono>
#include <string>

#include "proxy/tls/openssl.h"

namespace heirloom::tls {

std::string serial_text(const ASN1_INTEGER* serial);  // lower-case hex
std::chrono::system_clock::time_point time_of(const ASN1_TIME* time);
std::string name_text(const X509_NAME* name);  // RFC 2253

}  // namespace heirloom::tls
