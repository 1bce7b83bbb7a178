// SPDX-License-Identifier: Apache-2.0
#include "shm/present_pages.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "shm/layout.h"

namespace heirloom::shm {

PresentPages::PresentPages(int fd, uint64_t offset, uint64_t bytes) : words_(bytes / layout::kPageBytes / 64 + 1) {
    const auto end = static_cast<off_t>(offset + bytes);
    const auto page_of = [offset](off_t at) { return (static_cast<uint64_t>(at) - offset) / layout::kPageBytes; };
    for (auto at = static_cast<off_t>(offset); at < end;) {
        off_t data = ::lseek(fd, at, SEEK_DATA);
        if (data < 0 && errno == ENXIO) return;  // holes to the end
        if (data < 0) data = at;
        const off_t hole = ::lseek(fd, data, SEEK_HOLE);
        const off_t stop = hole < 0 ? end : std::min(hole, end);
        if (data >= end) return;
        add(page_of(data), page_of(stop + static_cast<off_t>(layout::kPageBytes) - 1));
        at = stop;
    }
}

void PresentPages::add(uint64_t first, uint64_t end) {
    for (uint64_t page = first; page < end; ++page) words_[page / 64] |= uint64_t{1} << page % 64;
}

void PresentPages::add(const PresentPages& other) {
    for (size_t i = 0; i < words_.size(); ++i) words_[i] |= other.words_[i];
}

}  // namespace heirloom::shm
