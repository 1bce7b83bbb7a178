// SPDX-License-Identifier: Apache-2.0
#include "proxy/tls/socket.h"

#include <algorithm>
#include <cstring>

namespace heirloom::tls {
namespace {

constexpr size_t kMostContent = 16 * 1024;  // of a record
// A slice of this size gets a record of its own; smaller ones are gathered, for a record has its price.
constexpr size_t kOwnRecord = 8 * 1024;
// A tail of a block that is smaller than this is not worth a call.
constexpr size_t kLeastRoom = 2 * 1024;
constexpr int kIovecs = 16;

std::string_view gather(const network::Buffer& plain, char* scratch) {
    iovec pieces[kIovecs];
    const int count = plain.fill_iovec(pieces, kIovecs);
    size_t filled = 0;
    for (int i = 0; i < count && filled < kMostContent; ++i) {
        const size_t take = std::min(pieces[i].iov_len, kMostContent - filled);
        std::memcpy(scratch + filled, pieces[i].iov_base, take);
        filled += take;
    }
    return {scratch, filled};
}

}  // namespace

Socket::Socket(SslPtr ssl, Side side, std::shared_ptr<const void> owner, const TlsStats& stats, std::string server_name,
               std::string verified_name)
    : stats_(stats),
      session_(std::make_shared<Session>(std::move(ssl), std::move(owner), std::move(server_name))),
      ssl_(session_->ssl()),
      side_(side),
      verified_name_(std::move(verified_name)) {
    SSL_set_app_data(ssl_, this);
    BIO* const bio = bio_.make();
    SSL_set_bio(ssl_, bio, bio);
}

Socket::~Socket() {
    // Else the library takes a connection that ends without a close_notify for broken and its session for spoiled.
    if (!failed_) SSL_set_shutdown(ssl_, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    // Who keeps the session reads and writes nothing.
    SSL_set_bio(ssl_, nullptr, nullptr);
    SSL_set_app_data(ssl_, nullptr);
}

network::TransportSocket::Handshake Socket::handshake(network::Buffer& in, network::Buffer& out) {
    if (failed_) return Handshake::failed;
    if (!bio_.ready(in) && (side_ == Side::server || !SSL_in_before(ssl_))) return Handshake::wants_input;
    bio_.bind(in, out);
    ERR_clear_error();
    const int result = SSL_do_handshake(ssl_);
    if (result == 1) {
        complete();
        ERR_clear_error();  // decode() and encode() rely on it
        return Handshake::complete;
    }
    if (SSL_get_error(ssl_, result) == SSL_ERROR_WANT_READ) return Handshake::wants_input;
    fail();
    return Handshake::failed;
}

void Socket::complete() {
    SSL* const ssl = ssl_;
    if (side_ == Side::server) {
        if (const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name)) session_->set_server_name(name);
    }
    stats_.handshake.add();
    if (SSL_session_reused(ssl)) stats_.session_reused.add();
    if (!SSL_get0_peer_certificate(ssl)) stats_.no_certificate.add();
    stats_.ciphers.add(session_->cipher());
    stats_.versions.add(session_->version());
    stats_.curves.add(agreed_group(ssl));
    stats_.sigalgs.add(peer_signature(ssl));
    on_established();
}

void Socket::fail() {
    failed_ = true;
    TakenErrors errors = take_errors();
    if (errors.no_client_certificate) {
        stats_.fail_verify_no_cert.add();
    } else if (!errors.verify_failed) {
        stats_.connection_error.add();
    }
    failure_ = errors.text.empty() ? "TLS_error:TLS_error_end" : std::move(errors.text);
}

network::TransportSocket::Input Socket::decode(network::Buffer& in, network::Buffer& plain, network::Buffer& out) {
    if (failed_) return Input::failed;
    SSL* const ssl = ssl_;
    bio_.bind(in, out);
    while (bio_.ready(in) || SSL_pending(ssl) > 0) {
        const std::span<char> room = plain.reserve(kLeastRoom);
        const size_t before = in.size();
        size_t got = 0;
        const int result = SSL_read_ex(ssl, room.data(), room.size(), &got);
        plain.commit(result == 1 ? got : 0);
        if (result == 1) continue;
        const int error = SSL_get_error(ssl, result);
        if (error == SSL_ERROR_ZERO_RETURN) return Input::finished;
        // A record without content: a ticket, a key update, a refused renegotiation.
        if (error == SSL_ERROR_WANT_READ && in.size() != before) continue;
        fail();
        return Input::failed;
    }
    return Input::open;
}

bool Socket::encode(network::Buffer& plain, network::Buffer& out, size_t limit) {
    if (failed_) return false;
    static thread_local char scratch[kMostContent];
    bio_.bind_output(out);
    while (!plain.empty() && out.size() < limit) {
        std::string_view content = plain.front();
        if (content.size() < kOwnRecord && content.size() < plain.size()) content = gather(plain, scratch);
        content = content.substr(0, kMostContent);
        size_t written = 0;
        const int result = SSL_write_ex(ssl_, content.data(), content.size(), &written);
        if (result != 1) {
            fail();
            return false;
        }
        plain.consume(written);
    }
    return true;
}

bool Socket::finish(network::Buffer& out) {
    if (failed_ || !SSL_is_init_finished(ssl_)) return true;
    bio_.bind_output(out);
    if (SSL_shutdown(ssl_) < 0) (void)take_reason();
    return true;
}

// A server of TLS 1.3 ends with the client's Finished; only tickets come after it. Other handshakes end with words that
// the peer waits for.
bool Socket::output_can_wait() const { return side_ == Side::server && SSL_version(ssl_) == TLS1_3_VERSION; }

}  // namespace heirloom::tls
