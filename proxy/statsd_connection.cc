// SPDX-License-Identifier: Apache-2.0
#include "proxy/statsd_connection.h"

#include <utility>

namespace heirloom::server {

namespace {

constexpr size_t kPiece = 16 * 1024;  // that is sent at once
constexpr std::chrono::seconds kPauseAfterFailure{1};
constexpr size_t kMostUnsent = 16 * 1024 * 1024;  // as in Envoy; then the connection is of no use

}  // namespace

StatsdConnection::StatsdConnection(network::EventLoop& loop, upstream::WorkerClusters& clusters, std::string cluster,
                                   stats::Registrar& registrar, stats::Counter dropped)
    : loop_(loop),
      clusters_(clusters),
      cluster_(std::move(cluster)),
      overflow_(registrar.counter("statsd.cx_overflow")),
      dropped_(dropped) {}

StatsdConnection::~StatsdConnection() {
    if (upstream_) upstream_->close();
}

size_t StatsdConnection::unsent() const {
    return kept_.size() + (connected_ ? upstream_->connection().pending_write_bytes() : 0);
}

void StatsdConnection::write(std::string_view line) {
    if (!upstream_ && !connect()) return dropped_.add();
    if (unsent() > kMostUnsent) {
        overflow_.add();
        dropped_.add();
        return drop();
    }
    kept_.append(line).append("\n");
    unflushed_ += line.size() + 1;
    ++lines_;
}

bool StatsdConnection::would_send(size_t bytes) const { return unflushed_ > 0 && unflushed_ + bytes > kPiece; }

void StatsdConnection::flush() {
    unflushed_ = 0;
    if (!connected_ || kept_.empty()) return;
    network::Connection& connection = upstream_->connection();
    connection.write_buffer().append(kept_);
    kept_.clear();
    lines_ = 0;
    connection.flush();
}

bool StatsdConnection::connect() {
    if (loop_.now() < retry_at_) return false;
    upstream::WorkerCluster* const cluster = clusters_.find(cluster_);
    if (!cluster) return false;
    upstream::EndpointLease endpoint = cluster->choose();
    if (!endpoint) return false;
    upstream_ = cluster->connect_tcp(std::move(endpoint), *this, {}).upstream;
    return upstream_ != nullptr;
}

// The connection is given up, with what it had not sent.
void StatsdConnection::drop() {
    dropped_.add(std::exchange(lines_, 0));
    kept_.clear();
    unflushed_ = 0;
    connected_ = false;
    if (!upstream_) return;
    upstream_->close();
    loop_.destroy_later(std::move(upstream_));
}

void StatsdConnection::on_connected() {
    connected_ = true;
    flush();
}

// The failure itself is counted in stats that are told: without a pause it would make the next attempt.
void StatsdConnection::on_tcp_failure(http::StreamReset, std::string_view) {
    retry_at_ = loop_.now() + kPauseAfterFailure;
    drop();
}

// Nobody talks to us on this connection.
void StatsdConnection::on_data() { upstream_->connection().read_buffer().clear(); }

void StatsdConnection::on_end_of_stream() { drop(); }

void StatsdConnection::on_closed(network::CloseReason) { drop(); }

}  // namespace heirloom::server
