// SPDX-License-Identifier: Apache-2.0
// PresentPages: which pages of a part of a sparse file hold anything. A read through a mapping turns a hole into
// memory; who asks here first leaves holes alone, and takes what is on them for zero.
#pragma once

#include <cstdint>
#include <vector>

namespace heirloom::shm {

class PresentPages {
  public:
    // Of `bytes` from `offset`, both whole pages, at this moment. A file that cannot tell has no holes.
    PresentPages(int fd, uint64_t offset, uint64_t bytes);

    // Page `index` of the part.
    bool has(uint64_t index) const { return (words_[index / 64] >> index % 64 & 1) != 0; }
    // Also those of another part of the same size.
    void add(const PresentPages& other);

  private:
    void add(uint64_t first, uint64_t end);

    std::vector<uint64_t> words_;
};

}  // namespace heirloom::shm
