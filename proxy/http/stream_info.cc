// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/stream_info.h"

#include <array>

namespace heirloom::http {
namespace {

constexpr size_t kFlags = static_cast<size_t>(ResponseFlag::count);
static_assert(kFlags <= 32, "StreamInfo::response_flags has one bit per flag");

constexpr std::array<std::string_view, kFlags> kShortNames{
#define X(identifier, short_name, long_name) std::string_view(short_name),
    HEIRLOOM_RESPONSE_FLAGS(X)
#undef X
};
constexpr std::array<std::string_view, kFlags> kLongNames{
#define X(identifier, short_name, long_name) std::string_view(long_name),
    HEIRLOOM_RESPONSE_FLAGS(X)
#undef X
};

}  // namespace

std::string_view short_name_of(ResponseFlag flag) { return kShortNames[static_cast<size_t>(flag)]; }
std::string_view long_name_of(ResponseFlag flag) { return kLongNames[static_cast<size_t>(flag)]; }

UpstreamDetails& StreamInfo::make_upstream_details() {
    if (!upstream_details) upstream_details = std::make_unique<UpstreamDetails>();
    return *upstream_details;
}

void StreamInfo::set_upstream_connection(std::optional<Protocol> used, const network::TlsSession* tls) {
    upstream_protocol = used;
    forget_upstream_connection();
    if (tls) make_upstream_details().tls = tls->keep();
}

void StreamInfo::reset() {
    static_cast<StreamFacts&>(*this) = {};
    details_storage.clear();
    downstream_remote.clear();
    forget_upstream_connection();
    if (upstream_details) upstream_details->transport_failure.clear();
}

}  // namespace heirloom::http
