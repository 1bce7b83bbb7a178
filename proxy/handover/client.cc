// SPDX-License-Identifier: Apache-2.0
#include "proxy/handover/client.h"

#include <fcntl.h>
#include <poll.h>
#include <spdlog/spdlog.h>

#include <charconv>
#include <cstdlib>
#include <cstring>

#include "shm/version.h"

namespace heirloom::handover {

using shm::proto::Message;
using std::chrono::milliseconds;

namespace {

constexpr size_t kNamesBytesPerMessage = 96 * 1024;  // half of what a packet may hold
constexpr size_t kNamesPerMessage = 2048;            // the answer has a number for each
constexpr uint32_t kRefusedSlot = UINT32_MAX;

// From now on what is written to stderr no longer passes through the supervisor's pipe.
void take_real_stderr() {
    const char* text = std::getenv(shm::kStderrVariable);
    if (!text) return;
    int fd = -1;
    const auto parsed = std::from_chars(text, text + std::char_traits<char>::length(text), fd);
    ::unsetenv(shm::kStderrVariable);
    if (parsed.ec != std::errc() || fd < 3 || ::dup2(fd, STDERR_FILENO) < 0) return;
    ::close(fd);
}

}  // namespace

UniqueFd Client::channel_from_environment() {
    const char* text = std::getenv(shm::kChannelVariable);
    if (!text) return UniqueFd();
    int fd = -1;
    const char* const end = text + std::char_traits<char>::length(text);
    const auto parsed = std::from_chars(text, end, fd);
    ::unsetenv(shm::kChannelVariable);
    if (parsed.ec != std::errc() || parsed.ptr != end || fd < 3 || ::fcntl(fd, F_GETFD) < 0) return UniqueFd();
    ::fcntl(fd, F_SETFD, FD_CLOEXEC);
    ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
    return UniqueFd(fd);
}

Result<std::unique_ptr<Client>> Client::connect(UniqueFd channel, uint32_t concurrency, milliseconds timeout) {
    std::unique_ptr<Client> client(new Client(std::move(channel)));
    Message hello;
    hello.mutable_hello()->set_program_version(version_string());
    hello.mutable_hello()->set_pid(::getpid());
    hello.mutable_hello()->set_concurrency(concurrency);
    hello.mutable_hello()->set_takes_ticket_keys(true);
    if (const Status sent = client->send_and_wait(hello, timeout); !sent) return sent.error();
    Result<shm::Received> received = client->wait_for(Body::kWelcome, timeout);
    if (!received) return received.error();
    if (received->fds.size() != 1) return Error{"channel: welcome without the statistics segment", EPROTO};
    const shm::proto::Welcome& welcome = received->message.welcome();
    Result<std::shared_ptr<shm::Segment>> segment = shm::Segment::attach(std::move(received->fds[0]), true);
    if (!segment) return segment.error();
    client->segment_ = std::move(*segment);
    client->epoch_ = welcome.epoch();
    client->generation_slot_ = welcome.generation_slot();
    client->previous_generations_ = welcome.previous_generations();
    const shm::SegmentOptions& shape = client->segment_->shape();
    if (client->generation_slot_ >= shape.generation_slots || concurrency >= shape.rows) {
        return Error{"channel: welcome with a place outside of the segment", EPROTO};
    }
    return client;
}

Client::~Client() {
    if (watched_) loop_->remove(channel_.fd(), this);
}

// --- before the loop runs ----------------------------------------------------------------------------------------

Status Client::send_and_wait(const Message& message, milliseconds timeout) {
    const auto deadline = std::chrono::steady_clock::now() + timeout;
    for (;;) {
        const Status sent = channel_.send(message);
        if (sent || !sent.error().retriable || std::chrono::steady_clock::now() >= deadline) return sent;
        pollfd room{channel_.fd(), POLLOUT, 0};
        ::poll(&room, 1, 100);
    }
}

Result<shm::Received> Client::wait_for(Body body, milliseconds timeout) {
    const auto deadline = std::chrono::steady_clock::now() + timeout;
    for (;;) {
        const auto left = std::chrono::ceil<milliseconds>(deadline - std::chrono::steady_clock::now());
        Result<shm::Received> received = channel_.receive_within(std::max(left, milliseconds(0)));
        if (!received) {
            if (received.error().retriable) continue;
            return received;
        }
        const Body got = received->message.body_case();
        if (got == body) return received;
        if (got == Body::kRefused) return Error{"refused by the supervisor: " + received->message.refused().reason()};
        if (got == Body::kTerminate) return Error{"the supervisor asked to exit", ECANCELED};
        unhandled_.push_back(std::move(received->message));
    }
}

stats::Registrar::Backend Client::registrar_backend() {
    return [this](std::span<const stats::Registrar::Spec> specs) {
        std::vector<uint32_t> slots;
        slots.reserve(specs.size());
        while (!specs.empty()) {
            size_t count = 0;
            for (size_t bytes = 0; count < specs.size() && count < kNamesPerMessage; ++count) {
                bytes += specs[count].name.size() + specs[count].bounds.size() * sizeof(double) + 16;
                if (count > 0 && bytes > kNamesBytesPerMessage) break;
            }
            const std::vector<uint32_t> some = register_stats(specs.first(count));
            slots.insert(slots.end(), some.begin(), some.end());
            specs = specs.subspan(count);
        }
        return slots;
    };
}

std::vector<uint32_t> Client::register_stats(std::span<const stats::Registrar::Spec> specs) {
    std::vector<uint32_t> slots(specs.size(), 0);
    if (lost_) return slots;
    Message message;
    auto& request = *message.mutable_register_stats();
    request.set_request_id(++last_request_);
    for (const stats::Registrar::Spec& spec : specs) {
        auto& stat = *request.add_stats();
        stat.set_name(spec.name);
        stat.set_kind(static_cast<uint32_t>(spec.kind));
        for (const double bound : spec.bounds) stat.add_bounds(bound);
    }
    Status sent = send_and_wait(message, kAnswerTimeout);
    std::string trouble = sent ? "" : sent.error().text;
    while (trouble.empty()) {
        const Result<shm::Received> received = wait_for(Body::kStatsRegistered, kAnswerTimeout);
        if (!received) {
            trouble = received.error().text;
            break;
        }
        const auto& answer = received->message.stats_registered();
        if (answer.request_id() != last_request_) continue;  // of a request that was given up
        const auto count = std::min(slots.size(), static_cast<size_t>(answer.slots_size()));
        const std::string* first_refused = nullptr;
        size_t refused = 0;
        for (size_t i = 0; i < count; ++i) {
            const uint32_t slot = answer.slots(static_cast<int>(i));
            if (slot != kRefusedSlot && slot < segment_->shape().stat_slots) {
                slots[i] = slot;
            } else {
                if (refused++ == 0) first_refused = &specs[i].name;
            }
        }
        if (refused == 1) spdlog::warn("stat '{}' is not kept: refused by the supervisor", *first_refused);
        if (refused > 1) {
            spdlog::warn("{} stats from '{}' on are not kept: refused by the supervisor", refused, *first_refused);
        }
        return slots;
    }
    spdlog::warn("{} stats from '{}' on are not kept: {}", specs.size(), specs.front().name, trouble);
    return slots;
}

Result<std::vector<ReceivedSocket>> Client::bind_sockets(const std::vector<shm::proto::SocketSpec>& specs) {
    std::vector<ReceivedSocket> sockets(specs.size());
    if (specs.empty()) return sockets;
    Message message;
    auto& request = *message.mutable_bind_sockets();
    request.set_request_id(++last_request_);
    for (size_t i = 0; i < specs.size(); ++i) {
        sockets[i].name = specs[i].name();
        sockets[i].error = "no answer from the supervisor";
        *request.add_sockets() = specs[i];
    }
    if (const Status sent = send_and_wait(message, kAnswerTimeout); !sent) return sent.error();
    size_t at = 0;  // answers come in the order of the question; one socket's shards may take several packets
    for (bool last = false; !last;) {
        Result<shm::Received> received = wait_for(Body::kSockets, kAnswerTimeout);
        if (!received) return received.error();
        const auto& answer = received->message.sockets();
        if (answer.request_id() != last_request_) continue;
        last = answer.last();
        size_t next_fd = 0;
        for (const auto& result : answer.sockets()) {
            if (at == sockets.size() || sockets[at].name != result.name()) {
                return Error{"channel: socket '" + result.name() + "' was not asked for", EPROTO};
            }
            ReceivedSocket& socket = sockets[at];
            socket.error = result.error();
            socket.bound = result.bound_name();
            for (uint32_t n = 0; n < result.fd_count(); ++n) {
                if (next_fd == received->fds.size()) return Error{"channel: sockets without descriptors", EPROTO};
                socket.shards.push_back(std::move(received->fds[next_fd++]));
            }
            if (!socket.error.empty() || socket.shards.size() >= result.shard_count()) ++at;
        }
    }
    for (ReceivedSocket& socket : sockets) {
        if (socket.error.empty() && socket.shards.empty()) socket.error = "no descriptor came";
    }
    return sockets;
}

void Client::failed(const std::string& reason) {
    Message message;
    message.mutable_failed()->set_reason(reason.substr(0, shm::kMaxMessageBytes / 2));
    (void)send_and_wait(message, milliseconds(1000)).ok();  // without it the exit itself says that we failed
}

// --- in the loop -----------------------------------------------------------------------------------------------------

void Client::attach(network::EventLoop& loop, ClientCallbacks& callbacks) {
    loop_ = &loop;
    callbacks_ = &callbacks;
    watched_ = loop.add(channel_.fd(), EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, this);
    if (!watched_) return lose("the event loop does not take the channel");
    loop.call_again(this);
    on_heartbeat(this);
}

void Client::on_io(uint32_t) {
    while (!unhandled_.empty()) {
        Message message = std::move(unhandled_.front());
        unhandled_.pop_front();
        dispatch(message);
    }
    if (!lost_) flush();
    while (!lost_) {
        Result<shm::Received> received = channel_.receive();
        if (received) {
            dispatch(received->message);
        } else if (received.error().retriable) {
            return;
        } else {
            lose(received.error().text);
        }
    }
}

void Client::dispatch(Message& message) {
    switch (message.body_case()) {
        case Body::kGoLive:
            take_real_stderr();
            return callbacks_->on_go_live();
        case Body::kDrain:
            return callbacks_->on_drain(std::chrono::seconds(message.drain().drain_time_s()),
                                        message.drain().immediate());
        case Body::kTerminate:
            return callbacks_->on_terminate(milliseconds(message.terminate().grace_ms()));
        case Body::kReopenLogs:
            return callbacks_->on_reopen_logs();
        case Body::kTicketKeys:
            return take_ticket_keys(message);
        case Body::kRefused:
            return callbacks_->on_refused(message.refused().request(), message.refused().reason());
        case Body::kWelcome:
        case Body::kStatsRegistered:
        case Body::kSockets:
            return;  // the answer to a request that was given up
        case Body::kHello:
        case Body::kRegisterStats:
        case Body::kBindSockets:
        case Body::kReady:
        case Body::kLiveAck:
        case Body::kDrainAck:
        case Body::kDrained:
        case Body::kHeartbeat:
        case Body::kFailed:
        case Body::kStopRequest:
        case Body::kResetCounters:
        case Body::BODY_NOT_SET:
            return;  // the channel lets none of these through
    }
}

void Client::take_ticket_keys(Message& message) {
    std::vector<std::string> keys;
    for (std::string& key : *message.mutable_ticket_keys()->mutable_keys()) keys.push_back(std::move(key));
    callbacks_->on_ticket_keys(keys);
    for (std::string& key : keys) explicit_bzero(key.data(), key.size());
}

void Client::lose(const std::string& reason) {
    if (std::exchange(lost_, true)) return;
    heartbeat_.cancel();
    outgoing_.clear();
    if (std::exchange(watched_, false)) loop_->remove(channel_.fd(), this);
    callbacks_->on_supervisor_lost(reason);
}

void Client::send(Message message) {
    if (lost_) return;
    outgoing_.push_back(std::move(message));
    flush();
}

void Client::flush() {
    while (!outgoing_.empty()) {
        const Status sent = channel_.send(outgoing_.front());
        if (!sent && sent.error().retriable) return;      // an edge tells when there is room
        if (!sent && sent.error().code == EPIPE) return;  // what it said before it left is read first
        if (!sent) spdlog::warn("{}", sent.error().text);
        outgoing_.pop_front();
    }
}

void Client::on_heartbeat(void* self) {
    auto& client = *static_cast<Client*>(self);
    // A supervisor that takes nothing for a long time needs no old heartbeats.
    if (client.outgoing_.empty()) {
        Message message;
        message.mutable_heartbeat()->set_active_connections(client.active_connections_);
        client.send(std::move(message));
    }
    client.heartbeat_.arm(client.loop_->timers(), kHeartbeat);
}

void Client::ready(const std::string& config_path, uint64_t config_hash, size_t listeners, size_t clusters) {
    Message message;
    auto& ready = *message.mutable_ready();
    ready.set_config_path(config_path);
    ready.set_config_hash(config_hash);
    ready.set_listeners(static_cast<uint32_t>(listeners));
    ready.set_clusters(static_cast<uint32_t>(clusters));
    send(std::move(message));
}

void Client::live_ack() {
    Message message;
    message.mutable_live_ack();
    send(std::move(message));
}

void Client::drain_ack(uint64_t active_connections) {
    Message message;
    message.mutable_drain_ack()->set_active_connections(active_connections);
    send(std::move(message));
}

void Client::drained(uint64_t connections_cut) {
    Message message;
    message.mutable_drained()->set_connections_cut(connections_cut);
    send(std::move(message));
}

void Client::stop_request() {
    Message message;
    message.mutable_stop_request();
    send(std::move(message));
}

void Client::reset_counters() {
    Message message;
    message.mutable_reset_counters();
    send(std::move(message));
}

}  // namespace heirloom::handover
