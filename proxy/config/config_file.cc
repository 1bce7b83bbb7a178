// SPDX-License-Identifier: Apache-2.0
#include "proxy/config/config_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "shm/unique_fd.h"

namespace heirloom::config {

Result<std::string> read_config_file(const std::string& path, size_t max_bytes, FileKind kind) {
    const std::string failure = "unable to read file: " + path;
    if (path.find('\0') != std::string::npos) return Error{"unable to read file: the path contains a zero byte"};
    // To open a FIFO waits for its writer.
    const int without_wait = kind == FileKind::regular ? O_NONBLOCK : 0;
    const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | without_wait));
    if (fd.get() < 0) return Error::from_errno(failure);
    struct stat status {};
    if (fstat(fd.get(), &status) != 0) return Error::from_errno(failure);
    if (S_ISDIR(status.st_mode)) return Error{failure + ": is a directory", EISDIR};
    if (kind == FileKind::regular && !S_ISREG(status.st_mode)) return Error{failure + ": not a regular file", EINVAL};
    std::string content;
    // The size may lie (/proc, pipes): read to the end, and one byte more than allowed to notice too much.
    while (content.size() <= max_bytes) {
        const size_t old_size = content.size();
        const size_t chunk = std::min<size_t>(max_bytes + 1 - old_size, 256 * 1024);
        content.resize(old_size + chunk);
        const ssize_t count = read(fd.get(), content.data() + old_size, chunk);
        if (count < 0 && errno != EINTR) return Error::from_errno(failure);
        content.resize(old_size + static_cast<size_t>(std::max<ssize_t>(count, 0)));
        if (count == 0) return content;
    }
    return Error{failure + ": more than " + std::to_string(max_bytes) + " bytes", EFBIG};
}

}  // namespace heirloom::config
