// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/transport.h"

#include <algorithm>

#include "proxy/network/proxy_protocol.h"

namespace heirloom::upstream {

namespace {

using config::ClusterConfig;
using network::Buffer;

// Sends a header, then is the socket inside; without one bytes pass as they are.
class HeaderSocket final : public network::TransportSocket {
  public:
    HeaderSocket(std::string header, std::unique_ptr<TransportSocket> inside)
        : header_(std::move(header)), inside_(std::move(inside)) {}

    Handshake handshake(Buffer& in, Buffer& out) override {
        out.append(header_);
        header_.clear();
        return inside_ ? inside_->handshake(in, out) : Handshake::complete;
    }
    Input decode(Buffer& in, Buffer& plain, Buffer& out) override {
        if (inside_) return inside_->decode(in, plain, out);
        plain.move_from(in);
        return Input::open;
    }
    bool encode(Buffer& plain, Buffer& out, size_t limit) override {
        if (inside_) return inside_->encode(plain, out, limit);
        out.move_from(plain, std::min(plain.size(), limit > out.size() ? limit - out.size() : 0));
        return true;
    }
    bool finish(Buffer& out) override { return inside_ && inside_->finish(out); }
    const network::TlsSession* session() const override { return inside_ ? inside_->session() : nullptr; }
    std::string_view failure() const override { return inside_ ? inside_->failure() : std::string_view(); }

  private:
    std::string header_;
    std::unique_ptr<TransportSocket> inside_;
};

class MissingSecret final : public network::TransportSocket {
  public:
    Handshake handshake(Buffer&, Buffer&) override { return Handshake::failed; }
    Input decode(Buffer&, Buffer&, Buffer&) override { return Input::failed; }
    bool encode(Buffer&, Buffer&, size_t) override { return false; }
    bool finish(Buffer&) override { return false; }
    const network::TlsSession* session() const override { return nullptr; }
    std::string_view failure() const override { return "TLS error: Secret is not supplied by SDS"; }
};

// "a.com:443" -> "a.com", "[::1]:443" -> "::1".
std::string_view host_of(std::string_view authority) {
    if (authority.starts_with('[')) {
        const size_t end = authority.find(']');
        return end == std::string_view::npos ? authority : authority.substr(1, end - 1);
    }
    return authority.substr(0, authority.rfind(':'));
}

std::string_view server_name_of(const ClusterConfig& config, const http::HeaderMap& headers) {
    const http::HeaderField* const instead =
        config.override_auto_sni_header.empty() ? nullptr : headers.find(config.override_auto_sni_header);
    return host_of(instead && !instead->value.empty() ? instead->value : headers.get(http::HeaderId::authority));
}

bool is_ip_address(const std::string& host) { return shm::make_ip_address(host, 0).ok(); }

}  // namespace

bool has_transport_options(const ClusterConfig& config) {
    return (config.tls && (config.auto_sni || config.auto_san_validation)) ||
           config.proxy_protocol != ClusterConfig::ProxyProtocol::none;
}

void read_transport_options(const ClusterConfig& config, const StreamNeeds& needs, TransportOptions& into) {
    into.server_name.clear();
    into.proxy_header.clear();
    if (config.tls && (config.auto_sni || config.auto_san_validation) && needs.headers)
        into.server_name = server_name_of(config, *needs.headers);
    if (config.proxy_protocol == ClusterConfig::ProxyProtocol::none) return;
    const shm::SocketAddress unknown;
    into.proxy_header = network::make_proxy_header(config.proxy_protocol == ClusterConfig::ProxyProtocol::v1 ? 1 : 2,
                                                   needs.source ? *needs.source : unknown,
                                                   needs.destination ? *needs.destination : unknown);
}

std::unique_ptr<network::TransportSocket> make_transport_socket(const ClusterConfig& config,
                                                                const tls::ClientContext* context,
                                                                const TransportOptions& options,
                                                                const std::string& hostname,
                                                                std::span<const std::string> alpn) {
    std::unique_ptr<network::TransportSocket> socket;
    if (config.tls) {
        tls::ClientOptions client;
        // Envoy's precedence: the request's host, the endpoint's name, the configured one. An address is no server name
        // (RFC 6066 3); a certificate may be for it all the same.
        if (config.auto_sni && !options.server_name.empty() && !is_ip_address(options.server_name)) {
            client.server_name = options.server_name;
        } else if (config.tls->auto_host_sni && !is_ip_address(hostname)) {
            client.server_name = hostname;
        }
        if (config.auto_san_validation) client.verified_name = options.server_name;
        if (config.tls->alpn.empty()) client.alpn = alpn;
        if (context) socket = context->make_socket(client);
        if (!socket)
            socket = std::make_unique<MissingSecret>();  // no memory for one is no reason to speak in the clear
    }
    if (options.proxy_header.empty()) return socket;
    return std::make_unique<HeaderSocket>(options.proxy_header, std::move(socket));
}

}  // namespace heirloom::upstream
