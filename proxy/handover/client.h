// SPDX-License-Identifier: Apache-2.0
// Client: a generation's side of the channel to its supervisor (docs/handover.md). First it asks and waits, before any
// loop runs: hello, names of stats, sockets. From attach() on it is driven by the main thread's loop and calls back.
//
// A supervisor that is gone, or breaks the protocol, is logged once; the generation serves on without it.
#pragma once

#include <chrono>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "proxy/network/event_loop.h"
#include "proxy/stats/store.h"
#include "shm/channel.h"
#include "shm/segment.h"

namespace heirloom::handover {

struct ReceivedSocket {
    std::string name;   // as asked
    std::string bound;  // canonical name with the real port
    std::string error;  // empty: bound
    std::vector<UniqueFd> shards;
};

class ClientCallbacks {
  public:
    virtual ~ClientCallbacks() = default;
    virtual void on_go_live() = 0;
    // `drain_time` 0: this generation's own.
    virtual void on_drain(std::chrono::seconds drain_time, bool immediate) = 0;
    virtual void on_terminate(std::chrono::milliseconds grace) = 0;
    virtual void on_reopen_logs() = 0;
    // Keys for session tickets, of 80 bytes each: the first seals, all open. After the call they are wiped.
    virtual void on_ticket_keys(std::span<const std::string> keys) = 0;
    virtual void on_refused(const std::string& request, const std::string& reason) = 0;
    virtual void on_supervisor_lost(const std::string& reason) = 0;
};

class Client final : public network::IoHandler {
  public:
    static constexpr std::chrono::milliseconds kAnswerTimeout{10'000};
    static constexpr std::chrono::milliseconds kHeartbeat{2'000};

    // The channel that heirloomd passed, from the environment (which it is removed from); null: no supervisor.
    static UniqueFd channel_from_environment();

    // Says hello and waits for the welcome.
    static Result<std::unique_ptr<Client>> connect(UniqueFd channel, uint32_t concurrency,
                                                   std::chrono::milliseconds timeout = kAnswerTimeout);
    ~Client() override;

    const std::shared_ptr<shm::Segment>& segment() const { return segment_; }
    uint32_t epoch() const { return epoch_; }
    uint32_t generation_slot() const { return generation_slot_; }
    uint32_t previous_generations() const { return previous_generations_; }

    // Blocking, until live. Names that were not registered in time have slot 0.
    stats::Registrar::Backend registrar_backend();
    // Blocking. One answer for each of `specs`, in order. Error: no answer, or the supervisor is gone.
    Result<std::vector<ReceivedSocket>> bind_sockets(const std::vector<shm::proto::SocketSpec>& specs);
    // Before live: why this generation gives up.
    void failed(const std::string& reason);

    // From now on events come from `loop`; what arrived meanwhile comes first.
    void attach(network::EventLoop& loop, ClientCallbacks& callbacks);
    void ready(const std::string& config_path, uint64_t config_hash, size_t listeners, size_t clusters);
    void live_ack();
    void drain_ack(uint64_t active_connections);
    void drained(uint64_t connections_cut);
    void stop_request();
    void reset_counters();
    // What the heartbeats say.
    void set_active_connections(uint64_t n) { active_connections_ = n; }
    bool lost() const { return lost_; }

    void on_io(uint32_t events) override;

  private:
    explicit Client(UniqueFd channel) : channel_(std::move(channel), shm::Direction::to_generation) {}
    using Body = shm::proto::Message::BodyCase;

    Result<shm::Received> wait_for(Body body, std::chrono::milliseconds timeout);
    Status send_and_wait(const shm::proto::Message& message, std::chrono::milliseconds timeout);
    std::vector<uint32_t> register_stats(std::span<const stats::Registrar::Spec> specs);
    void send(shm::proto::Message message);
    void flush();
    void dispatch(shm::proto::Message& message);
    void take_ticket_keys(shm::proto::Message& message);
    void lose(const std::string& reason);
    static void on_heartbeat(void* self);

    shm::Channel channel_;
    std::shared_ptr<shm::Segment> segment_;
    uint32_t epoch_ = 0;
    uint32_t generation_slot_ = 0;
    uint32_t previous_generations_ = 0;
    uint64_t last_request_ = 0;
    std::deque<shm::proto::Message> unhandled_;  // arrived while something else was waited for
    std::deque<shm::proto::Message> outgoing_;   // did not fit into the supervisor's queue
    network::EventLoop* loop_ = nullptr;
    ClientCallbacks* callbacks_ = nullptr;
    network::Timer heartbeat_{&Client::on_heartbeat, this};
    uint64_t active_connections_ = 0;
    bool watched_ = false;
    bool lost_ = false;
};

}  // namespace heirloom::handover
