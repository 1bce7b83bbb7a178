// SPDX-License-Identifier: Apache-2.0
#include "supervisor/handover_server.h"

namespace heirloom::supervisor {

namespace {

using Body = shm::proto::Message::BodyCase;

constexpr uint32_t kRefusedSlot = 0xffffffff;
constexpr int kSlotsPerMessage = 30'000;  // five bytes each at most
constexpr int kSocketsPerMessage = 128;   // results without descriptors count too
constexpr size_t kMostReasonBytes = 4096;
constexpr size_t kMostVersionBytes = 128;

// What a generation says ends up in logs and on terminals.
std::string printable(std::string_view text, size_t most) {
    std::string clean(text.substr(0, most));
    for (char& c : clean) {
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
    }
    return clean;
}

// Collects results and descriptors into as few packets as the limits allow.
class SocketAnswer {
  public:
    SocketAnswer(Generation& generation, uint64_t request_id) : generation_(generation), request_id_(request_id) {}

    void add_error(const std::string& name, const std::string& error) {
        shm::proto::SocketResult& result = next_result(name);
        result.set_error(error);
    }
    void add(const std::string& name, const SocketStore::Grant& grant) {
        for (size_t shard = 0; shard < grant.fds.size();) {
            if (fds_.size() == shm::kMaxFdsPerMessage) flush(false);
            shm::proto::SocketResult& result = next_result(name);
            const size_t count = std::min(grant.fds.size() - shard, shm::kMaxFdsPerMessage - fds_.size());
            result.set_bound_name(grant.bound_name);
            result.set_shard_count(static_cast<uint32_t>(grant.fds.size()));
            result.set_first_shard(static_cast<uint32_t>(shard));
            result.set_fd_count(static_cast<uint32_t>(count));
            fds_.insert(fds_.end(), grant.fds.begin() + static_cast<ptrdiff_t>(shard),
                        grant.fds.begin() + static_cast<ptrdiff_t>(shard + count));
            shard += count;
        }
    }
    void flush(bool last) {
        message_.mutable_sockets()->set_request_id(request_id_);
        message_.mutable_sockets()->set_last(last);
        generation_.link().send(message_, fds_);
        message_.Clear();
        fds_.clear();
    }

  private:
    shm::proto::SocketResult& next_result(const std::string& name) {
        if (message_.sockets().sockets_size() == kSocketsPerMessage) flush(false);
        shm::proto::SocketResult& result = *message_.mutable_sockets()->add_sockets();
        result.set_name(name);
        return result;
    }

    Generation& generation_;
    uint64_t request_id_;
    shm::proto::Message message_;
    std::vector<int> fds_;
};

void refuse(Generation& generation, const shm::proto::Message& request, const std::string& reason) {
    shm::proto::Message answer;
    answer.mutable_refused()->set_request(std::string(shm::name_of(request)));
    answer.mutable_refused()->set_reason(reason);
    generation.link().send(answer);
}

}  // namespace

HandoverServer::HandoverServer(shm::Segment& segment, SocketStore& store, HandoverEvents& events)
    : segment_(segment), store_(store), events_(events) {}

void HandoverServer::handle(Generation& generation, shm::Received received) {
    const shm::proto::Message& message = received.message;
    if (!shm::permitted(message, static_cast<uint32_t>(generation.state()))) {
        return events_.on_misbehaviour(generation, "sent " + std::string(shm::name_of(message)) + " while " +
                                                       std::string(shm::name_of(generation.state())));
    }
    generation.last_heartbeat = Generation::Clock::now();
    switch (message.body_case()) {
        case Body::kHello:
            return handle_hello(generation, message.hello());
        case Body::kRegisterStats:
            return handle_register_stats(generation, message.register_stats());
        case Body::kBindSockets:
            if (generation.state() == State::draining) return refuse(generation, message, "it is draining");
            return handle_bind_sockets(generation, message.bind_sockets());
        case Body::kReady:
            generation.transition(State::ready, printable(message.ready().config_path(), kMostReasonBytes));
            return events_.on_ready(generation, message.ready());
        case Body::kLiveAck:
            return events_.on_live_ack(generation);
        case Body::kDrainAck:
            generation.active_connections = message.drain_ack().active_connections();
            generation.drain_acknowledged = true;
            return events_.on_drain_ack(generation);
        case Body::kDrained:
            generation.active_connections = 0;
            return events_.on_drained(generation, message.drained().connections_cut());
        case Body::kHeartbeat:
            generation.active_connections = message.heartbeat().active_connections();
            return;
        case Body::kFailed:
            generation.reason = printable(message.failed().reason(), kMostReasonBytes);
            return;
        case Body::kStopRequest:
            return events_.on_stop_request(generation);
        case Body::kResetCounters:
            spdlog::info("{} asked to reset the counters", generation.label());
            return segment_.reset_counters();
        // The channel lets none of these through.
        case Body::kWelcome:
        case Body::kStatsRegistered:
        case Body::kSockets:
        case Body::kGoLive:
        case Body::kDrain:
        case Body::kTerminate:
        case Body::kReopenLogs:
        case Body::kRefused:
        case Body::kTicketKeys:
        case Body::BODY_NOT_SET:
            return events_.on_misbehaviour(generation, "sent a message that is not for a supervisor");
    }
}

void HandoverServer::handle_hello(Generation& generation, const shm::proto::Hello& hello) {
    const std::string version = printable(hello.program_version(), kMostVersionBytes);
    const Status claimed = generation.claim_slot(hello.concurrency(), version);
    if (!claimed.ok()) {
        generation.reason = claimed.error().text;
        return events_.on_misbehaviour(generation, "cannot be given a place in the segment: " + claimed.error().text);
    }
    generation.transition(State::initializing,
                          "version " + version + ", concurrency " + std::to_string(hello.concurrency()));
    shm::proto::Message answer;
    shm::proto::Welcome& welcome = *answer.mutable_welcome();
    welcome.set_epoch(generation.epoch());
    welcome.set_generation_slot(*generation.slot());
    welcome.set_previous_generations(events_.generations_alive() - 1);
    generation.takes_ticket_keys = hello.takes_ticket_keys();
    const int segment_fd = segment_.fd();
    generation.link().send(answer, {&segment_fd, 1});
    events_.on_hello(generation);
}

void HandoverServer::handle_register_stats(Generation& generation, const shm::proto::RegisterStats& request) {
    shm::proto::Message answer;
    size_t refused = 0;
    std::string first_error;
    for (const shm::proto::StatSpec& stat : request.stats()) {
        const auto kind = static_cast<shm::StatKind>(stat.kind());
        const auto slot =
            segment_.register_stat(stat.name(), kind, {stat.bounds().data(), static_cast<size_t>(stat.bounds_size())});
        if (!slot.ok() && refused++ == 0) first_error = slot.error().text;
        answer.mutable_stats_registered()->add_slots(slot.ok() ? *slot : kRefusedSlot);
        if (answer.stats_registered().slots_size() == kSlotsPerMessage) {
            answer.mutable_stats_registered()->set_request_id(request.request_id());
            generation.link().send(answer);
            answer.Clear();
        }
    }
    if (refused != 0) {
        spdlog::warn("{}: {} stats refused, the first: {}", generation.label(), refused, printable(first_error, 512));
    }
    if (answer.stats_registered().slots_size() == 0 && request.stats_size() != 0) return;
    answer.mutable_stats_registered()->set_request_id(request.request_id());
    generation.link().send(answer);
}

void HandoverServer::handle_bind_sockets(Generation& generation, const shm::proto::BindSockets& request) {
    SocketAnswer answer(generation, request.request_id());
    for (const shm::proto::SocketSpec& socket : request.sockets()) {
        const auto grant = store_.want(generation.epoch(), socket, static_cast<size_t>(request.sockets_size()));
        if (grant.ok()) {
            answer.add(socket.name(), *grant);
        } else {
            spdlog::warn("{}: {}", generation.label(), printable(grant.error().text, kMostReasonBytes));
            answer.add_error(socket.name(), grant.error().text);
        }
    }
    answer.flush(true);
    if (generation.state() == State::live) store_.publish(segment_, generation.epoch());
}

}  // namespace heirloom::supervisor
