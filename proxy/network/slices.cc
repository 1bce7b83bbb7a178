// SPDX-License-Identifier: Apache-2.0
#include "proxy/network/slices.h"

#include <algorithm>
#include <cstdlib>
#include <new>

namespace heirloom::network {
namespace {

constexpr uint32_t kUsual = 8;       // slices of a pooled array
constexpr size_t kPoolLimit = 1024;  // arrays kept per thread (128 KiB)

// Trivial, so that it outlives every other thread-local object.
struct Pool {
    void* free;  // each begins with the next one
    size_t count;
    bool closed;  // the thread ends: arrays go straight to the heap
};
constinit thread_local Pool pool{nullptr, 0, false};

struct PoolCloser {
    bool in_use = false;
    ~PoolCloser() {
        pool.closed = true;
        while (pool.free) std::free(std::exchange(pool.free, *static_cast<void**>(pool.free)));
        pool.count = 0;
    }
};
thread_local PoolCloser closer;

Slice* acquire_array(uint32_t capacity) {
    if (capacity == kUsual && pool.free) {
        void* const array = pool.free;
        pool.free = *static_cast<void**>(array);
        --pool.count;
        return static_cast<Slice*>(array);
    }
    void* const array = std::malloc(capacity * sizeof(Slice));
    if (!array) throw std::bad_alloc();
    return static_cast<Slice*>(array);
}

void release_array(Slice* array, uint32_t capacity) {
#ifndef __SANITIZE_ADDRESS__  // which shall see a use after the end
    if (capacity == kUsual && !pool.closed && pool.count < kPoolLimit) {
        closer.in_use = true;  // creates it on this thread
        *reinterpret_cast<void**>(array) = std::exchange(pool.free, array);
        ++pool.count;
        return;
    }
#else
    static_cast<void>(capacity);
    static_cast<void>(kPoolLimit);
#endif
    std::free(array);
}

// From one piece of memory to the other, which do not overlap.
void move_slices(Slice* from, size_t count, Slice* to) {
    std::uninitialized_move_n(from, count, to);
    std::destroy_n(from, count);
}

}  // namespace

void Slices::grow() {
    const uint32_t capacity = in_array() ? capacity_ * 2 : kUsual;
    Slice* const array = acquire_array(capacity);
    move_slices(data(), size_, array);
    if (in_array()) release_array(array_, capacity_);
    array_ = array;
    capacity_ = capacity;
}

void Slices::push_front(BlockRef&& block, uint32_t begin, uint32_t end) {
    push_back(std::move(block), begin, end);
    for (size_t i = size_ - 1; i > 0; --i) std::swap((*this)[i], (*this)[i - 1]);
}

void Slices::erase_front(size_t count) {
    Slice* const first = data();
    std::move(first + count, first + size_, first);
    std::destroy_n(first + size_ - count, count);
    size_ -= static_cast<uint32_t>(count);
}

void Slices::clear_array() {
    std::destroy_n(array_, size_);
    release_array(array_, capacity_);
    size_ = 0;
    capacity_ = 1;
}

// REQUIRES: this one is empty and has no array.
void Slices::take(Slices& other) noexcept {
    if (other.in_array()) {
        array_ = other.array_;
    } else if (other.size_ != 0) {
        move_slices(&other.one_, 1, &one_);
    }
    size_ = std::exchange(other.size_, 0);
    capacity_ = std::exchange(other.capacity_, 1);
}

}  // namespace heirloom::network
