// SPDX-License-Identifier: Apache-2.0
// Socket: TLS on one connection, either side. The library works on records that lie in the connection's buffers, one
// copy in and one copy out; between two calls it holds no bytes and, when idle, no buffers. Worker's thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "proxy/network/transport_socket.h"
#include "proxy/tls/openssl.h"
#include "proxy/tls/parameters.h"
#include "proxy/tls/record_bio.h"
#include "proxy/tls/session.h"
#include "proxy/tls/stats.h"

namespace heirloom::tls {

class Socket : public network::TransportSocket {
  public:
    // `owner` keeps alive what `ssl` was made of and `stats`. `verified_name`: what the certificate must be for, "": no
    // matter. The socket becomes the app data of `ssl`.
    Socket(SslPtr ssl, Side side, std::shared_ptr<const void> owner, const TlsStats& stats, std::string server_name,
           std::string verified_name);
    ~Socket() override;

    static Socket& of(const SSL* ssl) { return *static_cast<Socket*>(SSL_get_app_data(ssl)); }
    const std::string& server_name() const { return session_->server_name(); }
    const std::string& verified_name() const { return verified_name_; }

    // network::TransportSocket
    Handshake handshake(network::Buffer& in, network::Buffer& out) override;
    Input decode(network::Buffer& in, network::Buffer& plain, network::Buffer& out) override;
    bool encode(network::Buffer& plain, network::Buffer& out, size_t limit) override;
    bool finish(network::Buffer& out) override;
    bool output_can_wait() const override;
    const network::TlsSession* session() const override { return session_.get(); }
    std::string_view failure() const override { return failure_; }

  protected:
    SSL* ssl() const { return ssl_; }
    // The handshake is over.
    virtual void on_established() {}

  private:
    void complete();
    void fail();

    const TlsStats& stats_;
    RecordBio bio_;
    const std::shared_ptr<Session> session_;
    SSL* const ssl_;  // of the session
    Side side_;
    bool failed_ = false;
    std::string verified_name_;
    std::string failure_;
};

}  // namespace heirloom::tls
