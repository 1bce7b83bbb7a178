// SPDX-License-Identifier: Apache-2.0
#include "proxy/network/buffer.h"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <new>

namespace heirloom::network {
namespace {

constexpr size_t kPoolLimit = 256;       // blocks kept per thread (4 MiB)
constexpr size_t kCopyLimit = 2 * 1024;  // slices up to this size are copied when they move
constexpr size_t kCompactAfter = 32;     // consumed slices before the vector is shifted

// Trivial, so that reaching it costs nothing and it outlives every other thread-local object.
struct Pool {
    Block* free;
    size_t count;
    bool closed;  // the thread ends: blocks go straight to the heap
};
constinit thread_local Pool pool{nullptr, 0, false};

struct PoolCloser {
    bool in_use = false;
    ~PoolCloser() {
        pool.closed = true;
        while (pool.free) std::free(std::exchange(pool.free, pool.free->next_free));
        pool.count = 0;
    }
};
thread_local PoolCloser closer;

Block* allocate_block(uint32_t capacity) {
    closer.in_use = true;  // creates it on this thread
    void* memory = std::malloc(sizeof(Block) + capacity);
    if (!memory) throw std::bad_alloc();
    return new (memory) Block{nullptr, 1, capacity, 0};
}

}  // namespace

Block* acquire_block(uint32_t capacity) {
    if (capacity > kBlockBytes) return allocate_block(capacity);
    Block* block = pool.free;
    if (!block) return allocate_block(kBlockBytes);
    pool.free = block->next_free;
    --pool.count;
    block->references = 1;
    block->filled = 0;
    return block;
}

void free_block(Block* block) {
    if (block->capacity != kBlockBytes || pool.closed || pool.count >= kPoolLimit) {
        std::free(block);
        return;
    }
    block->next_free = pool.free;
    pool.free = block;
    ++pool.count;
}

size_t pooled_blocks() { return pool.count; }

std::string_view Buffer::front() const {
    if (size_ == 0) return {};
    const Slice& slice = slices_[head_];
    return {slice.block.get()->data() + slice.begin, slice.end - slice.begin};
}

std::span<char> Buffer::front_mutable() {
    if (size_ == 0) return {};
    const Slice& slice = slices_[head_];
    return {slice.block.get()->data() + slice.begin, slice.end - slice.begin};
}

BlockRef Buffer::pin_front() const { return size_ == 0 ? BlockRef() : slices_[head_].block; }

void Buffer::clear() {
    slices_.clear();
    head_ = 0;
    size_ = 0;
}

void Buffer::drop_front_slice() {
    slices_[head_].block.reset();
    ++head_;
    if (head_ == slices_.size()) {
        slices_.clear();
        head_ = 0;
    } else if (head_ >= kCompactAfter) {
        slices_.erase_front(head_);
        head_ = 0;
    }
}

void Buffer::consume(size_t n) {
    size_ -= n;
    if (size_ == 0) return clear();
    while (n > 0) {
        Slice& slice = slices_[head_];
        const size_t here = slice.end - slice.begin;
        if (n < here) {
            slice.begin += static_cast<uint32_t>(n);
            return;
        }
        n -= here;
        drop_front_slice();
    }
}

std::string_view Buffer::linearize(size_t n) {
    const std::string_view first = front();
    if (n <= first.size()) return first.substr(0, n);
    // Room to grow: who asks for a large contiguous head will ask again when more of it is there.
    Block* block = acquire_block(static_cast<uint32_t>(n <= kBlockBytes ? n : std::bit_ceil(n)));
    size_t copied = 0;
    while (copied < n) {
        const std::string_view bytes = front();
        const size_t take = std::min(bytes.size(), n - copied);
        std::memcpy(block->data() + copied, bytes.data(), take);
        copied += take;
        consume(take);
    }
    block->filled = static_cast<uint32_t>(n);
    if (head_ > 0) {
        slices_[--head_] = Slice{BlockRef(block), 0, static_cast<uint32_t>(n)};
    } else {
        slices_.push_front(BlockRef(block), 0, static_cast<uint32_t>(n));
    }
    size_ += n;
    return front();
}

// The last slice, when bytes can be added behind it: nobody else may have written there.
Slice* Buffer::growable_tail() {
    if (slices_.size() == head_) return nullptr;
    Slice& last = slices_.back();
    const Block& block = *last.block.get();
    return last.end == block.filled && block.filled < block.capacity ? &last : nullptr;
}

// Flat, as is move_from(): frames are written piece by piece.
[[gnu::flatten]] void Buffer::append(std::string_view bytes) {
    while (!bytes.empty()) {
        Slice* tail = growable_tail();
        if (!tail) {
            slices_.push_back(BlockRef(acquire_block()), 0, 0);
            tail = &slices_.back();
        }
        Block& block = *tail->block.get();
        const size_t take = std::min<size_t>(bytes.size(), block.capacity - block.filled);
        std::memcpy(block.data() + block.filled, bytes.data(), take);
        block.filled += static_cast<uint32_t>(take);
        tail->end = block.filled;
        size_ += take;
        bytes.remove_prefix(take);
    }
}

void Buffer::append(BlockRef block, std::string_view bytes_in_block) {
    if (bytes_in_block.empty()) return;
    const auto begin = static_cast<uint32_t>(bytes_in_block.data() - block.get()->data());
    const auto end = begin + static_cast<uint32_t>(bytes_in_block.size());
    size_ += bytes_in_block.size();
    if (slices_.size() > head_) {
        Slice& last = slices_.back();
        if (last.block.get() == block.get() && last.end == begin) {
            last.end = end;
            return;
        }
    }
    slices_.push_back(std::move(block), begin, end);
}

[[gnu::flatten]] void Buffer::move_from(Buffer& source, size_t n) {
    while (n > 0) {
        Slice& slice = source.slices_[source.head_];
        const size_t here = slice.end - slice.begin;
        const size_t take = std::min(here, n);
        char* bytes = slice.block.get()->data() + slice.begin;
        Slice* tail = take <= kCopyLimit ? growable_tail() : nullptr;
        if (tail && tail->block.get() != slice.block.get() &&
            tail->block.get()->capacity - tail->block.get()->filled >= take) {
            append(std::string_view(bytes, take));
        } else if (take == here) {
            append(std::move(slice.block), std::string_view(bytes, take));
        } else {
            append(slice.block, std::string_view(bytes, take));
        }
        n -= take;
        source.size_ -= take;
        if (take == here) {
            source.drop_front_slice();
        } else {
            slice.begin += static_cast<uint32_t>(take);
        }
    }
}

size_t Buffer::share(const Buffer& source) {
    size_t held = 0;
    for (size_t i = source.head_; i < source.slices_.size(); ++i) {
        const Slice& slice = source.slices_[i];
        const std::string_view bytes(slice.block.get()->data() + slice.begin, slice.end - slice.begin);
        const Block* const before = slices_.empty() ? nullptr : slices_.back().block.get();
        if (before && before != slice.block.get() && bytes.size() <= kCopyLimit) {
            append(bytes);
        } else {
            append(slice.block, bytes);
        }
        if (slices_.back().block.get() != before) held += slices_.back().block.get()->capacity;
    }
    return held;
}

std::span<char> Buffer::reserve(size_t minimum) {
    Slice* tail = growable_tail();
    if (tail && tail->block.get()->capacity - tail->end >= minimum) {
        reserved_ = static_cast<uint32_t>(slices_.size() - 1);
    } else {
        reserved_ = static_cast<uint32_t>(slices_.size());
        slices_.push_back(BlockRef(acquire_block(static_cast<uint32_t>(minimum))), 0, 0);
        tail = &slices_.back();
    }
    Block* block = tail->block.get();
    return {block->data() + tail->end, block->capacity - tail->end};
}

int Buffer::reserve_blocks(struct iovec* out, int count) {
    const std::span<char> first = reserve(1);
    out[0] = {first.data(), first.size()};
    for (int i = 1; i < count; ++i) {
        slices_.push_back(BlockRef(acquire_block()), 0, 0);
        out[i] = {slices_.back().block.get()->data(), kBlockBytes};
    }
    return count;
}

void Buffer::commit(size_t n) {
    size_ += n;
    if (n > 0 && reserved_ + 1 == slices_.size()) {
        Slice& slice = slices_.back();
        slice.end += static_cast<uint32_t>(n);
        slice.block.get()->filled = slice.end;
        return;
    }
    for (size_t i = reserved_; n > 0; ++i) {
        Slice& slice = slices_[i];
        Block& block = *slice.block.get();
        const auto take = static_cast<uint32_t>(std::min<size_t>(n, block.capacity - slice.end));
        slice.end += take;
        block.filled = slice.end;
        n -= take;
    }
    while (slices_.size() > head_ && slices_.back().begin == slices_.back().end) slices_.pop_back();
    if (slices_.size() == head_) {
        slices_.clear();
        head_ = 0;
    }
}

int Buffer::fill_iovec(struct iovec* out, int count) const {
    int used = 0;
    for (size_t i = head_; i < slices_.size() && used < count; ++i) {
        const Slice& slice = slices_[i];
        out[used++] = {slice.block.get()->data() + slice.begin, slice.end - slice.begin};
    }
    return used;
}

std::string Buffer::to_string() const {
    std::string text;
    text.reserve(size_);
    for (size_t i = head_; i < slices_.size(); ++i) {
        text.append(slices_[i].block.get()->data() + slices_[i].begin, slices_[i].end - slices_[i].begin);
    }
    return text;
}

}  // namespace heirloom::network
