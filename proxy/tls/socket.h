// SPDX-License-Identifier: Apache-2.0
// Socket: TLS on one connection, either side. The library works on records that lie in the connection's buffers, one
// copy in and one copy out; between two calls it holds no bytes and, when idle, no buffers. Worker's thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "proxy/network/tls_session.h"
#include "proxy/network/transport_socket.h"
#include "proxy/tls/openssl.h"
#include "proxy/tls/parameters.h"
#include "proxy/tls/record_bio.h"
#include "proxy/tls/stats.h"

namespace heirloom::tls {

class Socket : public network::TransportSocket, private network::TlsSession {
  public:
    // `owner` keeps alive what `ssl` was made of and `stats`. `verified_name`: what the certificate must be for, "": no
    // matter. The socket becomes the app data of `ssl`.
    Socket(SslPtr ssl, Side side, std::shared_ptr<const void> owner, const TlsStats& stats, std::string server_name,
           std::string verified_name);
    ~Socket() override;

    static Socket& of(const SSL* ssl) { return *static_cast<Socket*>(SSL_get_app_data(ssl)); }
    const std::string& server_name() const { return server_name_; }
    const std::string& verified_name() const { return verified_name_; }

    // network::TransportSocket
    Handshake handshake(network::Buffer& in, network::Buffer& out) override;
    Input decode(network::Buffer& in, network::Buffer& plain, network::Buffer& out) override;
    bool encode(network::Buffer& plain, network::Buffer& out, size_t limit) override;
    void finish(network::Buffer& out) override;
    const network::TlsSession* session() const override { return this; }
    std::string_view failure() const override { return failure_; }

  protected:
    SSL* ssl() const { return ssl_.get(); }
    // The handshake is over.
    virtual void on_established() {}

  private:
    // network::TlsSession
    std::string_view version() const override;
    std::string_view cipher() const override;
    std::string_view alpn() const override;
    std::string_view sni() const override { return server_name_; }
    std::string session_id() const override;
    bool resumed() const override;
    bool peer_validated() const override;
    const network::CertificateInfo* peer_certificate() const override;
    const network::CertificateInfo* local_certificate() const override;

    void complete();
    void fail();

    std::shared_ptr<const void> owner_;
    const TlsStats& stats_;
    RecordBio bio_;
    SslPtr ssl_;
    Side side_;
    bool failed_ = false;
    std::string server_name_;
    std::string verified_name_;
    std::string failure_;
    mutable std::unique_ptr<network::CertificateInfo> peer_;
    mutable std::unique_ptr<network::CertificateInfo> local_;
};

}  // namespace heirloom::tls
