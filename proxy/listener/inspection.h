// SPDX-License-Identifier: Apache-2.0
// Inspection: one connection under its listener filters; see listener_filters.h. Made by ListenerFilters::inspect(),
// ends itself.
#pragma once

#include "proxy/network/accepted_connection.h"
#include "proxy/network/event_loop.h"
#include "proxy/tls/client_hello.h"
#include "proxy/upstream/intrusive_list.h"
#include "proxy/upstream/thread_pooled.h"

namespace heirloom::listener {

class ListenerFilters;

class Inspection final : public network::IoHandler,
                         public network::Deferred,
                         public upstream::ThreadPooled<Inspection> {
  public:
    Inspection(ListenerFilters& filters, network::AcceptedConnection accepted);
    ~Inspection() override;

    // Reads what is there; it may have ended when this returns.
    void start();
    bool silent() const { return silent_; }
    // Ends it: the client sees the end of its connection.
    void close();

    void on_io(uint32_t events) override;

    upstream::ListHook<Inspection> hook;

  private:
    enum class Step : uint8_t { wants_input, found, refused };

    static void on_timer(void* self);
    Step look();
    Step read_proxy_header();
    Step read_hello();
    bool receive();
    bool wait();
    void finish();
    void end();

    ListenerFilters& filters_;
    network::AcceptedConnection accepted_;
    sockaddr_storage peer_;
    tls::ClientHello hello_;
    network::Timer timer_{&Inspection::on_timer, this};
    std::chrono::steady_clock::time_point start_;
    size_t needed_ = 1;  // bytes, before it is worth looking again
    bool silent_ = true;
    bool past_proxy_header_ = false;
    bool tls_ = false;
    bool watched_ = false;
};

}  // namespace heirloom::listener
