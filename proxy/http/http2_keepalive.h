// SPDX-License-Identifier: Apache-2.0
// Http2Keepalive: asks the peer of one HTTP/2 connection by PING whether it is still there: at each interval, and
// before a new stream when nothing has been heard of it for a while. Anything that arrives while an answer is awaited
// gives the peer the timeout anew: it may be busy or far, it is not dead. Only made where it is configured; its timers
// are of the worker's wheel.
#pragma once

#include <chrono>
#include <random>

#include "proxy/http/http2_codec.h"
#include "proxy/network/event_loop.h"

namespace heirloom::http {

class Http2Keepalive {
  public:
    class Peer {
      public:
        virtual ~Peer() = default;
        virtual void send_ping() = 0;
        // Not a word within the timeout.
        virtual void on_peer_lost() = 0;
    };

    Http2Keepalive(network::EventLoop& loop, const Http2Keepalives& settings, uint64_t seed, Peer& peer);

    void on_input();
    void on_answer();
    void before_new_stream();

  private:
    static void on_timer(void* self);
    void ask();
    void wait_for_interval();

    network::EventLoop& loop_;
    const Http2Keepalives settings_;
    Peer& peer_;
    std::minstd_rand random_;
    std::chrono::steady_clock::time_point last_input_;
    bool asked_ = false;
    network::Timer timer_{&Http2Keepalive::on_timer, this};  // the next PING, or the end of patience
};

}  // namespace heirloom::http
