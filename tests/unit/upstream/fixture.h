// SPDX-License-Identifier: Apache-2.0
// A loop, a segment and a scripted upstream on loopback, all in one thread: tests run the loop until a state is
// reached.
#pragma once

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "proxy/config/snapshot.h"
#include "proxy/network/connection.h"
#include "proxy/network/event_loop.h"
#include "proxy/stats/store.h"
#include "proxy/upstream/cluster_manager.h"

namespace heirloom::upstream {

// A socket bound to 127.0.0.1 and a free port; its address.
struct BoundSocket {
    explicit BoundSocket(int type) : fd(::socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
        sockaddr_in any{};
        any.sin_family = AF_INET;
        any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        REQUIRE(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&any), sizeof any) == 0);
        sockaddr_storage bound{};
        socklen_t length = sizeof bound;
        REQUIRE(::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&bound), &length) == 0);
        address = shm::from_sockaddr(reinterpret_cast<const sockaddr*>(&bound), length);
    }
    UniqueFd fd;
    shm::SocketAddress address;
};

struct LoopFixture {
    LoopFixture() {
        auto created = shm::Segment::create({.generation_slots = 4, .rows = 8, .stat_slots = 1u << 15});
        REQUIRE(created.ok());
        segment = *created;
        generation = *segment->claim_generation(0, 4);
        stats::set_thread_row(segment->row(generation, 0));
        registrar.emplace(stats::Registrar::for_owner(segment));
    }
    ~LoopFixture() {
        loop.reset();
        stats::set_thread_row(nullptr);
    }

    // Runs the loop until `reached`, at most 5 s. Returns whether it was.
    bool run_until(std::function<bool()> reached) {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
        bool result = false;
        struct Check {
            network::EventLoop& loop;
            std::function<bool()>& reached;
            bool& result;
            std::chrono::steady_clock::time_point deadline;
            network::Timer timer{[](void* self) { static_cast<Check*>(self)->look(); }, this};
            void look() {
                result = reached();
                if (result || loop.now() > deadline) return loop.stop();
                timer.arm(loop.timers(), std::chrono::milliseconds(1));
            }
        } check{*loop, reached, result, deadline};
        check.timer.arm(loop->timers(), std::chrono::milliseconds(1));
        loop->run();
        return result;
    }
    // A few iterations, for what must not happen.
    void run_for(std::chrono::milliseconds time) {
        const auto end = std::chrono::steady_clock::now() + time;
        run_until([&] { return std::chrono::steady_clock::now() >= end; });
    }

    uint64_t counter(const std::string& name) { return segment->counter(registrar->counter(name).slot()); }
    uint64_t gauge(const std::string& name) { return segment->gauge(registrar->gauge(name).slot()); }
    uint64_t code(const std::string& prefix, uint16_t status) {
        const uint32_t slot = *segment->register_stat(prefix, shm::StatKind::counter_by_code);
        return segment->counter(slot + status - 100u);
    }

    std::shared_ptr<shm::Segment> segment;
    uint32_t generation = 0;
    std::optional<stats::Registrar> registrar;
    std::unique_ptr<network::EventLoop> loop = std::make_unique<network::EventLoop>();
};

// Accepts connections and answers as the test says.
class ScriptedUpstream : public network::IoHandler {
  public:
    class Peer : public network::ConnectionCallbacks, public network::Deferred {
      public:
        Peer(ScriptedUpstream& in, UniqueFd fd) : upstream(in), connection(in.loop_, std::move(fd), *this) {}
        void on_data() override {
            received += connection.read_buffer().to_string();
            connection.read_buffer().clear();
            upstream.on_input(*this);
        }
        void on_end_of_stream() override { connection.close(network::CloseReason::remote); }
        void on_closed(network::CloseReason) override { closed = true; }
        void send(std::string_view text) {
            if (closed) return;
            connection.write_buffer().append(text);
            connection.flush();
        }
        void close() {
            if (!closed) connection.close();
        }
        // RST instead of FIN.
        void abort() {
            auto released = connection.release();
            const linger now{1, 0};
            ::setsockopt(released.fd.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
            closed = true;
        }
        // The whole requests (without bodies) received so far.
        size_t heads() const {
            size_t count = 0;
            for (size_t at = received.find("\r\n\r\n"); at != std::string::npos; at = received.find("\r\n\r\n", at + 4))
                ++count;
            return count;
        }
        ScriptedUpstream& upstream;
        network::Connection connection;
        std::string received;
        size_t answered = 0;
        bool closed = false;
    };

    explicit ScriptedUpstream(network::EventLoop& loop) : loop_(loop), socket_(SOCK_STREAM) {
        REQUIRE(::listen(socket_.fd.get(), 64) == 0);
        REQUIRE(loop_.add(socket_.fd.get(), EPOLLIN, this));
    }
    ~ScriptedUpstream() override { loop_.remove(socket_.fd.get(), this); }

    const shm::SocketAddress& address() const { return socket_.address; }
    void on_io(uint32_t) override {
        UniqueFd fd(::accept4(socket_.fd.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
        if (!fd) return;
        peers.push_back(std::make_unique<Peer>(*this, std::move(fd)));
        peers.back()->connection.start();
        if (on_accept) on_accept(*peers.back());
    }
    void on_input(Peer& peer) {
        if (on_bytes) return on_bytes(peer);
        while (!peer.closed && peer.answered < peer.heads()) {
            ++peer.answered;
            ++requests;
            if (respond) {
                respond(peer);
            } else {
                peer.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
            }
        }
    }

    std::function<void(Peer&)> on_accept;
    std::function<void(Peer&)> on_bytes;  // instead of respond
    std::function<void(Peer&)> respond;   // once per request head
    std::vector<std::unique_ptr<Peer>> peers;
    size_t requests = 0;

  private:
    friend class Peer;
    network::EventLoop& loop_;
    BoundSocket socket_;
};

// An address that nobody listens on.
inline shm::SocketAddress refusing_address() { return BoundSocket(SOCK_STREAM).address; }

inline config::EndpointConfig endpoint_at(const shm::SocketAddress& address) {
    config::EndpointConfig endpoint;
    endpoint.host = address.ip();
    endpoint.port = address.port();
    endpoint.address = address;
    return endpoint;
}

inline config::ClusterConfig cluster_of(std::string name, const std::vector<shm::SocketAddress>& addresses) {
    config::ClusterConfig cluster;
    cluster.name = std::move(name);
    for (const auto& address : addresses) cluster.endpoints.push_back(endpoint_at(address));
    return cluster;
}

}  // namespace heirloom::upstream
