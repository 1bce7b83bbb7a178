// SPDX-License-Identifier: Apache-2.0
// Endpoint: one address of a cluster. Its identity is immutable and shared by all workers; DNS keeps the object as long
// as the address stays in the answer, so its numbers go on. Each worker writes its own numbers, the main thread sums
// them.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "proxy/config/snapshot.h"
#include "proxy/upstream/endpoint_events.h"
#include "shm/socket_name.h"

namespace heirloom::upstream {

// X(field): what /clusters shows of an endpoint, and what outlier detection judges by (results in all, good ones).
#define HEIRLOOM_ENDPOINT_NUMBERS(X) \
    X(cx_active)                     \
    X(cx_connect_fail)               \
    X(cx_total)                      \
    X(rq_active)                     \
    X(rq_error)                      \
    X(rq_success)                    \
    X(rq_timeout)                    \
    X(rq_total)                      \
    X(rq_pending_active)             \
    X(outlier_total)                 \
    X(outlier_success)

// Summed over workers.
struct EndpointNumbers {
#define X(field) uint64_t field = 0;
    HEIRLOOM_ENDPOINT_NUMBERS(X)
#undef X
};

// One worker's part: a single writer, read by the main thread at any time.
class EndpointNumber {
  public:
    void add(uint64_t n = 1) { value_.store(read() + n, std::memory_order_relaxed); }
    void sub(uint64_t n = 1) { value_.store(read() - n, std::memory_order_relaxed); }
    uint64_t read() const { return value_.load(std::memory_order_relaxed); }

  private:
    std::atomic<uint64_t> value_{0};
};

struct alignas(64) WorkerNumbers {
#define X(field) EndpointNumber field;
    HEIRLOOM_ENDPOINT_NUMBERS(X)
#undef X
    WorkerNumbers* next = nullptr;
};

struct EndpointIdentity {
    shm::SocketAddress address;
    std::string hostname;  // endpoint.hostname, or the DNS name it came from; may be empty
    uint32_t weight = 1;
    std::string region, zone, sub_zone;
    uint32_t priority = 0;
    config::HostStatus status = config::HostStatus::healthy;   // as configured
    std::shared_ptr<const config::EndpointCheckConfig> check;  // likewise; null: as the cluster's
    uint32_t locality_weight = 0;                              // of its locality; 0: none
};

// What an endpoint is beside its identity. That of a LOGICAL_DNS cluster moves to another address and stays the same
// endpoint: a new Endpoint with the state of the one before. Two endpoints are the same if their states are.
struct EndpointState {
    EndpointState() = default;
    ~EndpointState();
    EndpointState(const EndpointState&) = delete;
    EndpointState& operator=(const EndpointState&) = delete;

    FailureStreaks streaks;
    std::atomic<WorkerNumbers*> workers{nullptr};
    // Of one that moves, as streams refer to them: all addresses that it ever had (main thread), and its name.
    std::list<shm::SocketAddress> addresses;
    std::string hostname;
};

class Endpoint {
  public:
    explicit Endpoint(EndpointIdentity identity)
        : identity_(std::move(identity)), state_(std::make_shared<EndpointState>()) {}
    // `before`, moved to another address. Main thread.
    Endpoint(EndpointIdentity identity, const Endpoint& before);
    Endpoint(const Endpoint&) = delete;
    Endpoint& operator=(const Endpoint&) = delete;

    // Lives as long as the state.
    const shm::SocketAddress& address() const { return moved_to_ ? *moved_to_ : identity_.address; }
    const std::string& hostname() const { return moved_to_ ? state_->hostname : identity_.hostname; }
    uint32_t weight() const { return identity_.weight; }
    const EndpointIdentity& identity() const { return identity_; }
    const EndpointState& state() const { return *state_; }

    // Any worker, once, when it first uses the endpoint; the result lives as long as the state.
    WorkerNumbers& add_worker() const;
    // Any thread.
    EndpointNumbers numbers() const;
    FailureStreaks& streaks() const { return state_->streaks; }

  private:
    const EndpointIdentity identity_;
    const std::shared_ptr<EndpointState> state_;
    const shm::SocketAddress* moved_to_ = nullptr;
};

using EndpointList = std::vector<std::shared_ptr<const Endpoint>>;

bool same_address(const shm::SocketAddress& a, const shm::SocketAddress& b);

// One worker's use of an endpoint: counted without atomics, so that a removed endpoint lives until its last stream
// ends.
class EndpointUse {
  public:
    EndpointUse(const EndpointUse&) = delete;
    EndpointUse& operator=(const EndpointUse&) = delete;
    const Endpoint& endpoint() const { return *endpoint_; }
    const std::shared_ptr<const Endpoint>& shared_endpoint() const { return endpoint_; }
    WorkerNumbers& numbers() const { return numbers_; }

  protected:
    explicit EndpointUse(std::shared_ptr<const Endpoint> endpoint)
        : endpoint_(std::move(endpoint)), numbers_(endpoint_->add_worker()) {}
    virtual ~EndpointUse() = default;
    bool leased() const { return leases_ != 0; }
    // REQUIRES: the same endpoint.
    void move_endpoint(const std::shared_ptr<const Endpoint>& endpoint) { endpoint_ = endpoint; }
    virtual void on_last_lease_returned() = 0;

  private:
    friend class EndpointLease;
    std::shared_ptr<const Endpoint> endpoint_;
    WorkerNumbers& numbers_;
    uint32_t leases_ = 0;
};

// A stream's hold on the endpoint it was sent to. Empty: there was none to choose.
class EndpointLease {
  public:
    EndpointLease() = default;
    explicit EndpointLease(EndpointUse& use) : use_(&use) { ++use.leases_; }
    EndpointLease(EndpointLease&& other) noexcept : use_(std::exchange(other.use_, nullptr)) {}
    EndpointLease& operator=(EndpointLease&& other) noexcept {
        if (this != &other) {
            reset();
            use_ = std::exchange(other.use_, nullptr);
        }
        return *this;
    }
    ~EndpointLease() { reset(); }
    void reset() {
        EndpointUse* use = std::exchange(use_, nullptr);
        if (use && --use->leases_ == 0) use->on_last_lease_returned();
    }

    explicit operator bool() const { return use_ != nullptr; }
    // REQUIRES: not empty.
    const Endpoint& endpoint() const { return use_->endpoint(); }
    WorkerNumbers& numbers() const { return use_->numbers(); }
    EndpointUse* use() const { return use_; }

  private:
    EndpointUse* use_ = nullptr;
};

}  // namespace heirloom::upstream
