// SPDX-License-Identifier: Apache-2.0
// First bytes of a connection. However they trickle in, a verdict once given stays, and what was read is fit for use.
#include <cstdlib>

#include "proxy/tls/client_hello.h"

using namespace heirloom::tls;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    ClientHello whole;
    const HelloOutcome verdict = parse_client_hello(bytes, whole);
    bool decided = false;
    for (size_t n = 0; n <= size; n += 1 + n / 8) {
        ClientHello hello;
        const HelloOutcome outcome = parse_client_hello(bytes.substr(0, n), hello);
        if (decided && outcome != verdict) std::abort();
        decided = outcome != HelloOutcome::incomplete;
        if (decided && outcome != verdict) std::abort();
    }
    if (whole.server_name.find('\0') != std::string::npos || whole.server_name.size() > 255) std::abort();
    for (const std::string& protocol : whole.alpn) {
        if (protocol.empty() || protocol.size() > 255) std::abort();
    }
    return 0;
}
