// SPDX-License-Identifier: Apache-2.0
// DnsResolver: asynchronous look-ups by c-ares on an event loop, without threads. /etc/hosts first, then the servers of
// /etc/resolv.conf. When the servers refuse or cannot be reached, the files are read anew before the next look-up.
// Belongs to the loop's thread.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "proxy/config/snapshot.h"
#include "proxy/network/event_loop.h"
#include "proxy/upstream/cluster_stats.h"
#include "shm/socket_name.h"

namespace heirloom::upstream {

struct DnsAnswer {
    enum class Status {
        success,  // addresses is not empty
        empty,    // the name exists without such addresses, or does not exist
        failure,  // nobody answered, or with an error
    };
    Status status = Status::failure;
    std::vector<shm::SocketAddress> addresses;  // in the order of the answer
    std::chrono::seconds ttl{0};                // smallest; 0: none was given (/etc/hosts)
    std::string reason;                         // failure, for the log
};

class DnsResolver {
  public:
    struct Options {
        std::string servers;                      // "127.0.0.1:5353,..."; empty: /etc/resolv.conf
        std::chrono::milliseconds timeout{2000};  // of the first try; doubles
        int tries = 3;
    };
    DnsResolver(network::EventLoop& loop, DnsStats stats, Options options);
    ~DnsResolver();  // no callback follows
    DnsResolver(const DnsResolver&) = delete;
    DnsResolver& operator=(const DnsResolver&) = delete;

    // `done` once, maybe before this returns. The port goes into each address.
    void resolve(const std::string& name, uint16_t port, config::ClusterConfig::DnsFamily family,
                 std::function<void(DnsAnswer)> done);

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace heirloom::upstream
