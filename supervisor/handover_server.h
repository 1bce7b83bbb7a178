// SPDX-License-Identifier: Apache-2.0
// Answers generations: what each message means, and whether it may come now (table: shm/messages.cc). What concerns
// names and sockets is answered here; what concerns the life of the generation goes to HandoverEvents. A generation
// that breaks the protocol is reported by name, never believed and never aborted on.
#pragma once

#include "shm/channel.h"
#include "supervisor/generation.h"
#include "supervisor/socket_store.h"

namespace heirloom::supervisor {

class HandoverEvents {
  public:
    virtual ~HandoverEvents() = default;
    virtual uint32_t generations_alive() const = 0;
    virtual void on_hello(Generation& generation) = 0;  // has its slot and its welcome; state initializing
    virtual void on_ready(Generation& generation, const shm::proto::Ready& ready) = 0;
    virtual void on_live_ack(Generation& generation) = 0;
    virtual void on_drain_ack(Generation& generation) = 0;
    virtual void on_drained(Generation& generation, uint64_t connections_cut) = 0;
    virtual void on_stop_request(Generation& generation) = 0;
    // `what` completes the sentence "generation 3 ...".
    virtual void on_misbehaviour(Generation& generation, const std::string& what) = 0;
};

class HandoverServer {
  public:
    HandoverServer(shm::Segment& segment, SocketStore& store, HandoverEvents& events);
    void handle(Generation& generation, shm::Received received);

  private:
    void handle_hello(Generation& generation, const shm::proto::Hello& hello);
    void handle_register_stats(Generation& generation, const shm::proto::RegisterStats& request);
    void handle_bind_sockets(Generation& generation, const shm::proto::BindSockets& request);

    shm::Segment& segment_;
    SocketStore& store_;
    HandoverEvents& events_;
};

}  // namespace heirloom::supervisor
