// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/dns_resolver.h"

#include <ares.h>
#include <netinet/in.h>
#include <spdlog/spdlog.h>
#include <sys/time.h>

#include <algorithm>
#include <unordered_map>

namespace heirloom::upstream {

using Family = config::ClusterConfig::DnsFamily;

namespace {

// The address family to ask for first and, when that gives nothing, second (0: none).
struct Plan {
    int first;
    int second;
};

Plan plan_of(Family family) {
    switch (family) {
        case Family::automatic:
            return {AF_INET6, AF_INET};
        case Family::v4_only:
            return {AF_INET, 0};
        case Family::v6_only:
            return {AF_INET6, 0};
        case Family::v4_preferred:
            return {AF_INET, AF_INET6};
        case Family::all:
            return {AF_UNSPEC, 0};
    }
    return {AF_UNSPEC, 0};
}

void set_port(sockaddr_storage& storage, uint16_t port) {
    if (storage.ss_family == AF_INET) reinterpret_cast<sockaddr_in&>(storage).sin_port = htons(port);
    if (storage.ss_family == AF_INET6) reinterpret_cast<sockaddr_in6&>(storage).sin6_port = htons(port);
}

}  // namespace

struct DnsResolver::Impl {
    struct Socket final : network::IoHandler, network::Deferred {
        Socket(Impl& in, int with) : impl(in), fd(with) {}
        void on_io(uint32_t events) override {
            const bool readable = events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR);
            const bool writable = events & (EPOLLOUT | EPOLLERR);
            impl.process(readable ? fd : ARES_SOCKET_BAD, writable ? fd : ARES_SOCKET_BAD);
        }
        Impl& impl;
        int fd;
        uint32_t watched = 0;
    };
    struct Query {
        Impl* impl;
        std::string name;
        uint16_t port;
        int second;  // family still to try
        std::function<void(DnsAnswer)> done;
    };

    Impl(network::EventLoop& on, DnsStats handles, Options with)
        : loop(on), stats(handles), options(std::move(with)), timer(&on_timer, this) {
        open();
    }
    ~Impl() {
        ending = true;
        close();
    }

    void open() {
        ares_options settings{};
        settings.sock_state_cb = &on_socket_state;
        settings.sock_state_cb_data = this;
        settings.timeout = static_cast<int>(options.timeout.count());
        settings.tries = options.tries;
        const int mask = ARES_OPT_SOCK_STATE_CB | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES;
        int status = ares_init_options(&channel, &settings, mask);
        if (status == ARES_SUCCESS && !options.servers.empty())
            status = ares_set_servers_ports_csv(channel, options.servers.c_str());
        if (status == ARES_SUCCESS) return;
        spdlog::error("DNS resolver: {}", ares_strerror(status));
        close();
    }
    void close() {
        if (channel) ares_destroy(channel);
        channel = nullptr;
        timer.cancel();
        for (auto& [fd, socket] : sockets) loop.remove(fd, socket.get());
        sockets.clear();
    }

    void process(ares_socket_t readable, ares_socket_t writable) {
        ++busy;
        ares_process_fd(channel, readable, writable);
        --busy;
        arm_timer();
    }
    void arm_timer() {
        timeval wait{};
        if (!channel || !ares_timeout(channel, nullptr, &wait)) {
            timer.cancel();
            return;
        }
        const std::chrono::milliseconds delay(wait.tv_sec * 1000 + (wait.tv_usec + 999) / 1000);
        timer.cancel();
        timer.arm(loop.timers(), std::max(delay, std::chrono::milliseconds(1)));
    }
    static void on_timer(void* self) { static_cast<Impl*>(self)->process(ARES_SOCKET_BAD, ARES_SOCKET_BAD); }

    static void on_socket_state(void* self, ares_socket_t fd, int readable, int writable) {
        Impl& impl = *static_cast<Impl*>(self);
        auto found = impl.sockets.find(fd);
        if (!readable && !writable) {
            if (found == impl.sockets.end()) return;
            impl.loop.remove(fd, found->second.get());
            // Maybe we are inside its on_io().
            impl.loop.destroy_later(std::move(found->second));
            impl.sockets.erase(found);
            return;
        }
        if (found == impl.sockets.end()) found = impl.sockets.emplace(fd, std::make_unique<Socket>(impl, fd)).first;
        Socket& socket = *found->second;
        const uint32_t wanted = (readable ? uint32_t{EPOLLIN} : 0u) | (writable ? uint32_t{EPOLLOUT} : 0u);
        if (wanted == socket.watched) return;
        // Level-triggered; a refused watch ends in c-ares' timeout.
        if (socket.watched == 0) {
            impl.loop.add(fd, wanted, &socket);
        } else {
            impl.loop.modify(fd, wanted, &socket);
        }
        socket.watched = wanted;
    }

    void ask(Query* query, int family) {
        ares_addrinfo_hints hints{};
        hints.ai_family = family;
        hints.ai_socktype = SOCK_STREAM;
        hints.ai_flags = ARES_AI_NOSORT;
        ares_getaddrinfo(channel, query->name.c_str(), nullptr, &hints, &on_answer, query);
    }

    static void on_answer(void* argument, int status, int timeouts, ares_addrinfo* info) {
        auto* const query = static_cast<Query*>(argument);
        Impl& impl = *query->impl;
        DnsAnswer answer = read_answer(status, info, query->port);
        if (info) ares_freeaddrinfo(info);
        if (impl.ending || status == ARES_EDESTRUCTION) {
            delete query;
            return;
        }
        if (timeouts > 0) impl.stats.timeouts.add(static_cast<uint64_t>(timeouts));
        if (answer.status != DnsAnswer::Status::success && query->second != 0)
            return impl.ask(query, std::exchange(query->second, 0));
        impl.finish(query, std::move(answer), status);
    }

    static DnsAnswer read_answer(int status, const ares_addrinfo* info, uint16_t port) {
        DnsAnswer answer;
        if (status == ARES_ENOTFOUND || status == ARES_ENODATA) {
            answer.status = DnsAnswer::Status::empty;
            return answer;
        }
        if (status != ARES_SUCCESS || !info) {
            answer.reason = ares_strerror(status);
            return answer;
        }
        for (const ares_addrinfo_node* node = info->nodes; node; node = node->ai_next) {
            if (node->ai_family != AF_INET && node->ai_family != AF_INET6) continue;
            shm::SocketAddress address = shm::from_sockaddr(node->ai_addr, node->ai_addrlen);
            set_port(address.storage, port);
            answer.addresses.push_back(address);
            const std::chrono::seconds ttl(std::max(node->ai_ttl, 0));
            if (ttl.count() > 0 && (answer.ttl.count() == 0 || ttl < answer.ttl)) answer.ttl = ttl;
        }
        answer.status = answer.addresses.empty() ? DnsAnswer::Status::empty : DnsAnswer::Status::success;
        return answer;
    }

    void finish(Query* query, DnsAnswer answer, int status) {
        --pending;
        stats.pending_resolutions.sub();
        switch (answer.status) {
            case DnsAnswer::Status::success:
                break;
            case DnsAnswer::Status::empty:
                stats.not_found.add();
                break;
            case DnsAnswer::Status::failure:
                stats.get_addr_failure.add();
                // The servers may have changed since the files were read.
                if (status == ARES_ECONNREFUSED || status == ARES_EREFUSED || status == ARES_ETIMEOUT ||
                    status == ARES_ESERVFAIL)
                    stale = true;
                break;
        }
        const auto done = std::move(query->done);
        delete query;
        done(std::move(answer));
    }

    network::EventLoop& loop;
    DnsStats stats;
    Options options;
    network::Timer timer;
    ares_channel channel = nullptr;
    std::unordered_map<int, std::unique_ptr<Socket>> sockets;
    size_t pending = 0;
    int busy = 0;  // frames of c-ares on the stack: the channel must stay
    bool stale = false;
    bool ending = false;
};

DnsResolver::DnsResolver(network::EventLoop& loop, DnsStats stats, Options options) {
    static const int library = ares_library_init(ARES_LIB_INIT_ALL);
    static_cast<void>(library);
    impl_ = std::make_unique<Impl>(loop, stats, std::move(options));
}

DnsResolver::~DnsResolver() = default;

void DnsResolver::resolve(const std::string& name, uint16_t port, Family family, std::function<void(DnsAnswer)> done) {
    Impl& impl = *impl_;
    impl.stats.resolve_total.add();
    if (impl.pending == 0 && impl.busy == 0 && (impl.stale || !impl.channel)) {
        impl.close();
        impl.open();
        impl.stale = false;
    }
    if (!impl.channel) {
        impl.stats.get_addr_failure.add();
        DnsAnswer answer;
        answer.reason = "the resolver could not be set up";
        return done(std::move(answer));
    }
    ++impl.pending;
    impl.stats.pending_resolutions.add();
    const Plan plan = plan_of(family);
    ++impl.busy;
    impl.ask(new Impl::Query{&impl, name, port, plan.second, std::move(done)}, plan.first);
    --impl.busy;
    impl.arm_timer();
}

}  // namespace heirloom::upstream
