// SPDX-License-Identifier: Apache-2.0
// Session: what the library knows of one connection, for whoever prints it: while the connection lasts, and beyond it
// for whoever keeps it. Worker's thread.
#pragma once

#include <memory>
#include <string>

#include "proxy/network/tls_session.h"
#include "proxy/tls/openssl.h"

namespace heirloom::tls {

class Session final : public network::TlsSession, public std::enable_shared_from_this<Session> {
  public:
    // `owner` keeps alive what `ssl` was made of.
    Session(SslPtr ssl, std::shared_ptr<const void> owner, std::string server_name)
        : owner_(std::move(owner)), ssl_(std::move(ssl)), server_name_(std::move(server_name)) {}

    SSL* ssl() const { return ssl_.get(); }
    const std::string& server_name() const { return server_name_; }
    void set_server_name(std::string name) { server_name_ = std::move(name); }

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
    std::shared_ptr<const network::TlsSession> keep() const override { return shared_from_this(); }

  private:
    std::shared_ptr<const void> owner_;
    SslPtr ssl_;
    std::string server_name_;
    mutable std::unique_ptr<network::CertificateInfo> peer_;
    mutable std::unique_ptr<network::CertificateInfo> local_;
};

}  // namespace heirloom::tls
