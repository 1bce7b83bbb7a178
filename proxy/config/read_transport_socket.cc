// SPDX-License-Identifier: Apache-2.0
#include "envoy/config/core/v3/base.pb.h"
#include "envoy/extensions/transport_sockets/proxy_protocol/v3/upstream_proxy_protocol.pb.h"
#include "envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer.pb.h"
#include "envoy/extensions/transport_sockets/tls/v3/tls.pb.h"
#include "proxy/config/readers.h"

namespace heirloom::config {
namespace {

using envoy::config::core::v3::TransportSocket;
using envoy::extensions::transport_sockets::proxy_protocol::v3::ProxyProtocolUpstreamTransport;
using envoy::extensions::transport_sockets::raw_buffer::v3::RawBuffer;
using envoy::extensions::transport_sockets::tls::v3::DownstreamTlsContext;
using envoy::extensions::transport_sockets::tls::v3::UpstreamTlsContext;

}  // namespace

std::shared_ptr<const DownstreamTlsConfig> read_downstream_socket(const TransportSocket& message, const Path& path,
                                                                  ReadContext& context) {
    require_text(message.name(), path.field("name"), context.problems);
    const Path at = path.field("typed_config");
    DownstreamTlsContext tls;
    if (message.typed_config().UnpackTo(&tls)) return read_downstream_tls(tls, at, context);
    if (!message.typed_config().Is<RawBuffer>()) context.problems.error(at, "required");
    return nullptr;
}

void read_upstream_socket(const TransportSocket& message, const Path& path, ClusterConfig& config,
                          ReadContext& context) {
    require_text(message.name(), path.field("name"), context.problems);
    const Path at = path.field("typed_config");
    UpstreamTlsContext tls;
    ProxyProtocolUpstreamTransport proxy;
    if (message.typed_config().UnpackTo(&tls)) {
        config.tls = read_upstream_tls(tls, at, context);
    } else if (message.typed_config().UnpackTo(&proxy)) {
        using Version = envoy::config::core::v3::ProxyProtocolConfig;
        config.proxy_protocol = proxy.config().version() == Version::V2 ? ClusterConfig::ProxyProtocol::v2
                                                                        : ClusterConfig::ProxyProtocol::v1;
        if (proxy.has_transport_socket()) {
            read_upstream_socket(proxy.transport_socket(), at.field("transport_socket"), config, context);
        } else {
            context.problems.error(at.field("transport_socket"), "required");
        }
    } else if (!message.typed_config().Is<RawBuffer>()) {
        context.problems.error(at, "required");
    }
}

}  // namespace heirloom::config
