// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/http2_keepalive.h"

namespace heirloom::http {

using std::chrono::milliseconds;

Http2Keepalive::Http2Keepalive(network::EventLoop& loop, const Http2Keepalives& settings, uint64_t seed, Peer& peer)
    : loop_(loop),
      settings_(settings),
      peer_(peer),
      random_(static_cast<std::minstd_rand::result_type>(seed)),
      last_input_(loop.now()) {
    wait_for_interval();
}

void Http2Keepalive::on_input() {
    last_input_ = loop_.now();
    if (asked_) timer_.arm(loop_.timers(), settings_.timeout);
}

void Http2Keepalive::on_answer() {
    if (!asked_) return;
    asked_ = false;
    wait_for_interval();
}

void Http2Keepalive::before_new_stream() {
    if (settings_.idle_interval.count() > 0 && loop_.now() - last_input_ > settings_.idle_interval) ask();
}

// Spread, so that connections made together do not ask together for ever.
void Http2Keepalive::wait_for_interval() {
    if (settings_.interval.count() == 0) return timer_.cancel();
    const double spread = static_cast<double>(settings_.interval.count()) * settings_.jitter_percent / 100;
    const double drawn = std::uniform_real_distribution<double>(0, 1)(random_);
    timer_.arm(loop_.timers(), settings_.interval + milliseconds(static_cast<int64_t>(spread * drawn)));
}

void Http2Keepalive::ask() {
    if (asked_) return;
    asked_ = true;
    timer_.arm(loop_.timers(), settings_.timeout);
    peer_.send_ping();
}

void Http2Keepalive::on_timer(void* self) {
    auto& keepalive = *static_cast<Http2Keepalive*>(self);
    if (keepalive.asked_) return keepalive.peer_.on_peer_lost();
    keepalive.ask();
}

}  // namespace heirloom::http
