// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/endpoint.h"

#include <netinet/in.h>
#include <sys/un.h>

#include <cstring>

namespace heirloom::upstream {

EndpointState::~EndpointState() {
    for (WorkerNumbers* worker = workers.load(std::memory_order_acquire); worker;)
        delete std::exchange(worker, worker->next);
}

Endpoint::Endpoint(EndpointIdentity identity, const Endpoint& before)
    : identity_(std::move(identity)), state_(before.state_) {
    for (const shm::SocketAddress& address : state_->addresses) {
        if (same_address(address, identity_.address)) moved_to_ = &address;
    }
    if (state_->addresses.empty()) state_->hostname = identity_.hostname;
    if (!moved_to_) moved_to_ = &state_->addresses.emplace_back(identity_.address);
}

WorkerNumbers& Endpoint::add_worker() const {
    std::atomic<WorkerNumbers*>& workers = state_->workers;
    auto* worker = new WorkerNumbers;
    worker->next = workers.load(std::memory_order_relaxed);
    while (!workers.compare_exchange_weak(worker->next, worker, std::memory_order_release, std::memory_order_relaxed)) {
    }
    return *worker;
}

EndpointNumbers Endpoint::numbers() const {
    EndpointNumbers sum;
    for (const WorkerNumbers* worker = state_->workers.load(std::memory_order_acquire); worker; worker = worker->next) {
#define X(field) sum.field += worker->field.read();
        HEIRLOOM_ENDPOINT_NUMBERS(X)
#undef X
    }
    return sum;
}

bool same_address(const shm::SocketAddress& a, const shm::SocketAddress& b) {
    if (a.family() != b.family()) return false;
    switch (a.family()) {
        case AF_INET: {
            const auto& left = reinterpret_cast<const sockaddr_in&>(a.storage);
            const auto& right = reinterpret_cast<const sockaddr_in&>(b.storage);
            return left.sin_port == right.sin_port && left.sin_addr.s_addr == right.sin_addr.s_addr;
        }
        case AF_INET6: {
            const auto& left = reinterpret_cast<const sockaddr_in6&>(a.storage);
            const auto& right = reinterpret_cast<const sockaddr_in6&>(b.storage);
            return left.sin6_port == right.sin6_port && left.sin6_scope_id == right.sin6_scope_id &&
                   std::memcmp(&left.sin6_addr, &right.sin6_addr, sizeof left.sin6_addr) == 0;
        }
        default:
            return a.length == b.length && std::memcmp(&a.storage, &b.storage, a.length) == 0;
    }
}

}  // namespace heirloom::upstream
