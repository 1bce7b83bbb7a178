// SPDX-License-Identifier: Apache-2.0
// First bytes of a connection. However they trickle in, a verdict once given stays; what was read can be said again.
#include <cstdlib>

#include "proxy/network/proxy_protocol.h"

using namespace heirloom::network;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    ProxyHeader whole;
    const ProxyOutcome verdict = parse_proxy_header(bytes, whole);
    bool decided = false;
    for (size_t n = 0; n <= size; n += 1 + n / 64) {
        ProxyHeader header;
        const ProxyOutcome outcome = parse_proxy_header(bytes.substr(0, n), header);
        if (decided && outcome != verdict) std::abort();
        decided = outcome != ProxyOutcome::incomplete;
        if (decided && outcome != verdict) std::abort();
    }
    if (verdict != ProxyOutcome::parsed) return 0;
    if (whole.length == 0 || whole.length > size) std::abort();
    if (whole.local) return 0;
    const std::string again = make_proxy_header(whole.version, whole.source, whole.destination);
    ProxyHeader read;
    if (parse_proxy_header(again, read) != ProxyOutcome::parsed || read.length != again.size()) std::abort();
    // An IPv4 address in IPv6's form beside one of IPv6 is no pair: then none is told.
    if (!read.local && read.source.port() != whole.source.port()) std::abort();
    return 0;
}
