// SPDX-License-Identifier: Apache-2.0
// Copies a sparse file, holes as holes. heirloomd leaves its segment as a file when it ends; heirloomctl makes a
// segment of that file again. Header only, for both programs.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>

#include "shm/result.h"

namespace heirloom::supervisor {

// `to` is empty and gets the size of `from`.
inline Status copy_sparse(int from, int to) {
    struct stat info {};
    if (fstat(from, &info) < 0 || ftruncate(to, info.st_size) < 0) return Error::from_errno("copy of the segment");
    off_t end = 0;
    for (;;) {
        const off_t begin = lseek(from, end, SEEK_DATA);
        if (begin < 0) return errno == ENXIO ? Status(Ok{}) : Status(Error::from_errno("copy of the segment"));
        end = lseek(from, begin, SEEK_HOLE);
        if (end < 0) return Error::from_errno("copy of the segment");
        std::array<char, 65536> buffer;
        for (off_t at = begin; at < end;) {
            const ssize_t size = pread(from, buffer.data(), std::min<size_t>(buffer.size(), end - at), at);
            if (size <= 0 || pwrite(to, buffer.data(), static_cast<size_t>(size), at) != size) {
                return Error::from_errno("copy of the segment");
            }
            at += size;
        }
    }
}

}  // namespace heirloom::supervisor
