// SPDX-License-Identifier: Apache-2.0
// Endpoint: one address of a cluster. Its identity is immutable and shared by all workers; DNS keeps the object as long
// as the address stays in the answer, so its numbers go on. Each worker writes its own numbers, the main thread sums
// them.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
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
};

class Endpoint {
  public:
    explicit Endpoint(EndpointIdentity identity) : identity_(std::move(identity)) {}
    ~Endpoint();
    Endpoint(const Endpoint&) = delete;
    Endpoint& operator=(const Endpoint&) = delete;

    const shm::SocketAddress& address() const { return identity_.address; }
    const std::string& hostname() const { return identity_.hostname; }
    uint32_t weight() const { return identity_.weight; }
    const EndpointIdentity& identity() const { return identity_; }

    // Any worker, once, when it first uses the endpoint; the result lives as long as the endpoint.
    WorkerNumbers& add_worker() const;
    // Any thread.
    EndpointNumbers numbers() const;
    FailureStreaks& streaks() const { return streaks_; }

  private:
    EndpointIdentity identity_;
    mutable FailureStreaks streaks_;
    mutable std::atomic<WorkerNumbers*> workers_{nullptr};
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
