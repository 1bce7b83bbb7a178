// SPDX-License-Identifier: Apache-2.0
// Blocks, and Slices: the pieces of a Buffer, in their order. One piece has room in the object itself, and most buffers
// never have a second. More lie in an array that goes back when the last of them goes, so that what is empty holds
// nothing; arrays of the usual size come from a pool of the thread. Everything belongs to one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>

namespace heirloom::network {

struct Block {
    Block* next_free;
    uint32_t references;
    uint32_t capacity;
    uint32_t filled;  // bytes handed out; only a slice that ends here may grow
    char* data() { return reinterpret_cast<char*>(this + 1); }
};
inline constexpr uint32_t kBlockBytes = 16 * 1024;
Block* acquire_block(uint32_t capacity = kBlockBytes);  // references = 1; standard sizes come from the thread's pool
void free_block(Block* block);                          // used by BlockRef
size_t pooled_blocks();                                 // of this thread; for tests and /memory

class BlockRef {
  public:
    BlockRef() = default;
    explicit BlockRef(Block* adopted) : block_(adopted) {}
    BlockRef(const BlockRef& other) : block_(other.block_) {
        if (block_) ++block_->references;
    }
    BlockRef(BlockRef&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
    BlockRef& operator=(BlockRef other) noexcept {
        std::swap(block_, other.block_);
        return *this;
    }
    ~BlockRef() { reset(); }
    void reset() {
        if (block_ && --block_->references == 0) free_block(block_);
        block_ = nullptr;
    }
    Block* get() const { return block_; }

  private:
    Block* block_ = nullptr;
};

struct Slice {
    BlockRef block;
    uint32_t begin;
    uint32_t end;
};

class Slices {
  public:
    Slices() {}
    Slices(Slices&& other) noexcept { take(other); }
    Slices& operator=(Slices&& other) noexcept {
        if (this != &other) {
            clear();
            take(other);
        }
        return *this;
    }
    ~Slices() { clear(); }

    size_t size() const { return size_; }
    bool empty() const { return size_ == 0; }
    const Slice& operator[](size_t i) const { return data()[i]; }
    Slice& operator[](size_t i) { return data()[i]; }
    Slice& back() { return data()[size_ - 1]; }

    void push_back(BlockRef&& block, uint32_t begin, uint32_t end) {
        if (size_ == capacity_) grow();
        ::new (static_cast<void*>(data() + size_)) Slice{std::move(block), begin, end};
        ++size_;
    }
    void push_front(BlockRef&& block, uint32_t begin, uint32_t end);
    // The array stays until clear(), also when nothing is left.
    void pop_back() { std::destroy_at(data() + --size_); }
    void erase_front(size_t count);
    void clear() {
        if (in_array()) return clear_array();
        if (size_ != 0) std::destroy_at(&one_);
        size_ = 0;
    }

  private:
    bool in_array() const { return capacity_ != 1; }
    Slice* data() { return in_array() ? array_ : &one_; }
    const Slice* data() const { return in_array() ? array_ : &one_; }
    void grow();
    void clear_array();
    void take(Slices& other) noexcept;

    union {
        Slice one_;
        Slice* array_;
    };
    uint32_t size_ = 0;
    uint32_t capacity_ = 1;
};

}  // namespace heirloom::network
