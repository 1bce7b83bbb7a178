// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/http2_memory.h"

#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace heirloom::http {
namespace {

#ifdef __SANITIZE_ADDRESS__
constexpr bool kWatched = true;  // each piece by itself
#else
constexpr bool kWatched = false;
#endif

constexpr size_t kStep = 64;
constexpr size_t kClasses = 16;  // of 64, 128, ... 1024 bytes; what is larger lives long and comes from the heap

// Before each piece.
struct alignas(std::max_align_t) Head {
    size_t capacity;  // usable bytes behind it
    Head* next_free;
};

// Trivial, so that reaching it costs nothing and it outlives every other thread-local object.
struct Pool {
    std::array<Head*, kClasses> free;
    size_t kept;
    bool closed;  // the thread ends: pieces go straight to the heap
};
constinit thread_local Pool pool{{}, 0, false};

struct PoolCloser {
    bool in_use = false;
    ~PoolCloser() {
        pool.closed = true;
        for (Head*& list : pool.free) {
            while (list) std::free(std::exchange(list, list->next_free));
        }
        pool.kept = 0;
    }
};
thread_local PoolCloser closer;

// Up to kClasses * kStep.
size_t class_of(size_t size) { return size == 0 ? 0 : (size - 1) / kStep; }

void* take_from_heap(size_t capacity) {
    closer.in_use = true;  // creates it on this thread
    auto* head = static_cast<Head*>(std::malloc(sizeof(Head) + capacity));
    if (!head) return nullptr;
    head->capacity = capacity;
    return head + 1;
}

void* take(size_t size, void*) {
    if (size > kClasses * kStep) {
        return size > SIZE_MAX - sizeof(Head) ? nullptr : take_from_heap(size);
    }
    const size_t index = class_of(size);
    Head* head = pool.free[index];
    if (!head) return take_from_heap((index + 1) * kStep);
    pool.free[index] = head->next_free;
    pool.kept -= head->capacity;
    return head + 1;
}

void give_back(void* piece, void*) {
    if (!piece) return;
    Head* head = static_cast<Head*>(piece) - 1;
    if (head->capacity > kClasses * kStep || pool.kept + head->capacity > kHttp2MemoryLimit || pool.closed) {
        return std::free(head);
    }
    pool.kept += head->capacity;
    Head*& list = pool.free[class_of(head->capacity)];
    head->next_free = std::exchange(list, head);
}

void* take_zeroed(size_t count, size_t size, void* context) {
    if (size != 0 && count > SIZE_MAX / size) return nullptr;
    void* piece = take(count * size, context);
    if (piece) std::memset(piece, 0, count * size);
    return piece;
}

void* resize(void* piece, size_t size, void* context) {
    if (!piece) return take(size, context);
    const size_t capacity = (static_cast<Head*>(piece) - 1)->capacity;
    if (size <= capacity) return piece;
    void* larger = take(size, context);
    if (!larger) return nullptr;
    std::memcpy(larger, piece, capacity);
    give_back(piece, context);
    return larger;
}

}  // namespace

nghttp2_mem* http2_memory() {
    static nghttp2_mem memory{nullptr, take, give_back, take_zeroed, resize};
    return kWatched ? nullptr : &memory;
}

size_t http2_memory_kept() { return pool.kept; }

}  // namespace heirloom::http
