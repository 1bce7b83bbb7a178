// SPDX-License-Identifier: Apache-2.0
// Buffer: a queue of bytes in reference-counted blocks of a per-thread pool. A body travels from one socket to the
// other by moving slices, never by copying; a parsed head stays where it was read and is kept alive by a BlockRef.
// Buffers and blocks belong to one thread. An empty buffer holds no memory.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "proxy/network/slices.h"

namespace heirloom::network {

class Buffer {
  public:
    Buffer() = default;
    Buffer(Buffer&& other) noexcept
        : slices_(std::move(other.slices_)),
          head_(std::exchange(other.head_, 0)),
          reserved_(std::exchange(other.reserved_, 0)),
          size_(std::exchange(other.size_, 0)) {}
    Buffer& operator=(Buffer&& other) noexcept {
        slices_ = std::move(other.slices_);
        head_ = std::exchange(other.head_, 0);
        size_ = std::exchange(other.size_, 0);
        reserved_ = std::exchange(other.reserved_, 0);
        return *this;
    }

    size_t size() const { return size_; }
    bool empty() const { return size_ == 0; }

    // Contiguous bytes at the front (may be less than size()).
    std::string_view front() const;
    // Writable view of the same bytes (the parser lower-cases names in place).
    std::span<char> front_mutable();
    // Keeps the bytes of front() alive after they are consumed.
    BlockRef pin_front() const;
    // Makes the first `n` bytes contiguous (copies only when they are not). REQUIRES: n <= size().
    std::string_view linearize(size_t n);
    void consume(size_t n);
    void clear();

    void append(std::string_view bytes);  // copies
    // A slice of bytes that live in `block`.
    void append(BlockRef block, std::string_view bytes_in_block);
    // Moves the first `n` bytes of `source` to the end of this one: by reference, but small slices are copied so that
    // they do not hold a whole block.
    void move_from(Buffer& source, size_t n);
    void move_from(Buffer& source) { move_from(source, source.size()); }
    // Adds what `source` holds, and leaves it there: both refer to the same bytes, which nobody may change in place any
    // more. Small slices are copied, but for the first. Returns how much memory this one holds more, in whole blocks.
    size_t share(const Buffer& source);

    // Room at the end for reading from a socket: at least `minimum` contiguous bytes in the last block, else a new
    // block.
    std::span<char> reserve(size_t minimum);
    // The same over several blocks, for readv: fills at most `count` entries and returns how many.
    int reserve_blocks(struct iovec* out, int count);
    // The first n bytes of the last reserve are now content. REQUIRES: nothing else happened to the buffer in between.
    void commit(size_t n);

    // Fills at most `count` entries for writev; returns how many.
    int fill_iovec(struct iovec* out, int count) const;
    std::string to_string() const;  // for tests and errors

  private:
    Slice* growable_tail();
    void drop_front_slice();

    // slices_[head_..] is the content; compacted when the head has moved far. No slice is empty outside of a reserve.
    Slices slices_;
    uint32_t head_ = 0;
    uint32_t reserved_ = 0;  // first slice of the reserve that is under way
    size_t size_ = 0;
};

}  // namespace heirloom::network
