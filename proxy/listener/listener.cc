// SPDX-License-Identifier: Apache-2.0
#include "proxy/listener/listener.h"

#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include <cstring>

namespace heirloom::listener {
namespace {

constexpr std::chrono::milliseconds kRetryAfter{100};
constexpr std::chrono::seconds kWarnEvery{60};

bool is_shortage(int error) { return error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS; }

spdlog::logger& logger() {
    const std::shared_ptr<spdlog::logger> named = spdlog::get("conn_handler");
    return named ? *named : *spdlog::default_logger_raw();
}

}  // namespace

ShardChoice choose_shards(size_t shard_count, uint32_t worker, uint32_t workers) {
    ShardChoice choice;
    if (shard_count == 0 || workers == 0) return choice;
    choice.shared = shard_count < workers;
    if (choice.shared) {
        choice.shards.push_back(worker % shard_count);
    } else {
        for (size_t i = worker; i < shard_count; i += workers) choice.shards.push_back(i);
    }
    return choice;
}

Listener::Listener(network::EventLoop& loop, FdReserve& reserve, Setting setting)
    : loop_(loop),
      reserve_(reserve),
      name_(std::move(setting.name)),
      shared_(setting.shared),
      chains_(std::move(setting.chains)),
      stats_(setting.stats),
      limits_(setting.limits),
      matcher_(std::move(setting.matcher)),
      address_(setting.address),
      refusals_(loop, setting.log, setting.address),
      shards_(setting.shards.size()) {
    for (size_t i = 0; i < shards_.size(); ++i) {
        shards_[i].listener = this;
        shards_[i].fd = setting.shards[i];
    }
    if (setting.filters) {
        filters_ = std::make_unique<ListenerFilters>(loop, *setting.filters, stats_, setting.filter_stats, refusals_,
                                                     [this](Inspected one) { choose_chain(std::move(one)); });
    }
}

Listener::~Listener() { stop(); }

bool Listener::start() {
    if (!polling_) polling_ = watch();
    return polling_;
}

void Listener::stop() {
    polling_ = false;
    retry_.cancel();
    unwatch();
}

bool Listener::watch() {
    // A shared shard wakes one of the workers. An exclusive watch cannot be modified, so a pause removes the watch.
    const uint32_t events = EPOLLIN | (shared_ ? EPOLLEXCLUSIVE : 0u);
    for (Shard& shard : shards_) {
        if (!shard.watched) shard.watched = loop_.add(shard.fd, events, &shard);
        if (!shard.watched) {
            unwatch();
            return false;
        }
    }
    return true;
}

void Listener::unwatch() {
    for (Shard& shard : shards_) {
        if (std::exchange(shard.watched, false)) loop_.remove(shard.fd, &shard);
    }
}

void Listener::accept_one(int fd) {
    sockaddr_storage peer;
    socklen_t length = sizeof(peer);
    UniqueFd connection(::accept4(fd, reinterpret_cast<sockaddr*>(&peer), &length, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!connection) {
        // Another worker was faster, the client has left, or the network spoke through accept (accept(2)): next event.
        if (is_shortage(errno)) pause(errno);
        return;
    }
    stats_.connections_accepted_per_socket_event.record(1);
    std::optional<network::ConnectionTicket> ticket = limits_.admit(stats_);
    if (!ticket) return;
    network::AcceptedConnection accepted{.fd = std::move(connection),
                                         .peer = reinterpret_cast<const sockaddr*>(&peer),
                                         .peer_length = length,
                                         .ticket = std::move(*ticket)};
    if (filters_) return filters_->inspect(std::move(accepted));
    if (!matcher_) return hand_over(chains_.front(), std::move(accepted));
    static const std::vector<std::string> unknown;
    choose_chain({std::move(accepted), false, unknown, loop_.now()});
}

void Listener::choose_chain(Inspected inspected) {
    if (!matcher_) return hand_over(chains_.front(), std::move(inspected.accepted));
    const network::AcceptedConnection& accepted = inspected.accepted;
    const shm::SocketAddress peer = shm::from_sockaddr(accepted.peer, accepted.peer_length);
    const shm::SocketAddress destination = destination_of(accepted);
    const size_t chain = matcher_->find({.destination = &destination,
                                         .source = accepted.client ? &*accepted.client : &peer,
                                         .direct_source = &peer,
                                         .server_name = accepted.server_name,
                                         .transport_protocol = inspected.tls ? "tls" : "raw_buffer",
                                         .application_protocols = inspected.application_protocols});
    if (chain == FilterChainMatcher::kNone) {
        stats_.no_filter_chain_match.add();
        return refusals_.no_filter_chain(accepted, inspected.start);
    }
    hand_over(chains_[chain], std::move(inspected.accepted));
}

shm::SocketAddress Listener::destination_of(const network::AcceptedConnection& accepted) const {
    if (accepted.client_target) return *accepted.client_target;
    // The port is that of the listener; which address it was is asked only where it decides.
    if (!matcher_->needs_destination()) return address_;
    sockaddr_storage storage;
    socklen_t length = sizeof storage;
    if (::getsockname(accepted.fd.get(), reinterpret_cast<sockaddr*>(&storage), &length) != 0) return address_;
    return shm::from_sockaddr(reinterpret_cast<const sockaddr*>(&storage), length);
}

void Listener::hand_over(const FilterChain& chain, network::AcceptedConnection accepted) {
    if (chain.secured) {
        if (chain.tls) accepted.transport = chain.tls->make_socket();
        if (!accepted.transport) return;  // no context yet, or no memory: the client sees the end
        accepted.handshake_timeout = chain.handshake_timeout;
    }
    chain.acceptor.accept(std::move(accepted));
}

void Listener::on_change(std::function<void(int)> callback) {
    if (filters_) filters_->on_change(std::move(callback));
}

void Listener::close_idle() {
    if (filters_) filters_->close_silent();
}

void Listener::close_now() {
    if (filters_) filters_->close_now();
}

void Listener::set_tls(size_t chain, std::shared_ptr<const tls::ServerContext> context) {
    chains_[chain].tls = std::move(context);
}

void Listener::pause(int error) {
    unwatch();
    reserve_.give_up();
    retry_.arm(loop_.timers(), kRetryAfter);
    stats_.downstream_accept_paused.add();
    if (last_warning_ == std::chrono::steady_clock::time_point{} || loop_.now() - last_warning_ > kWarnEvery) {
        last_warning_ = loop_.now();
        SPDLOG_LOGGER_WARN(&logger(), "listener {}: accept: {}; connects wait until there is room again", name_,
                           std::strerror(error));
    }
}

void Listener::on_retry(void* self) {
    auto& listener = *static_cast<Listener*>(self);
    if (!listener.polling_) return;
    if (!listener.reserve_.take() || !listener.watch()) listener.retry_.arm(listener.loop_.timers(), kRetryAfter);
}

}  // namespace heirloom::listener
