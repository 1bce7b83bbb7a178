// SPDX-License-Identifier: Apache-2.0
#include "supervisor/headroom.h"

#include <dirent.h>
#include <sys/resource.h>

#include <fstream>

namespace heirloom::supervisor {

namespace {

constexpr uint64_t kNeededDescriptors = 32;  // channel, pidfd, pipe, and some for control clients
constexpr uint64_t kNeededProcesses = 2;

uint64_t open_descriptors() {
    uint64_t count = 0;
    DIR* const directory = opendir("/proc/self/fd");
    if (directory == nullptr) return 0;
    while (readdir(directory) != nullptr) ++count;
    closedir(directory);
    return count > 3 ? count - 3 : 0;  // ".", "..", and the directory itself
}

std::string first_line(const std::string& path) {
    std::ifstream file(path);
    std::string line;
    std::getline(file, line);
    return line;
}

struct ProcessLimit {
    uint64_t used = 0;
    uint64_t most = 0;  // 0: none known
};

ProcessLimit cgroup_processes() {
    const std::string entry = first_line("/proc/self/cgroup");
    if (!entry.starts_with("0::")) return {};
    const std::string directory = "/sys/fs/cgroup" + entry.substr(3);
    const std::string most = first_line(directory + "/pids.max");
    if (most.empty() || most == "max") return {};
    return {std::strtoull(first_line(directory + "/pids.current").c_str(), nullptr, 10),
            std::strtoull(most.c_str(), nullptr, 10)};
}

}  // namespace

Status check_headroom() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        const uint64_t used = open_descriptors();
        if (used == 0 || used + kNeededDescriptors > limit.rlim_cur) {
            return Error{"no descriptors left for a new generation: " + (used == 0 ? "all" : std::to_string(used)) +
                             " of " + std::to_string(limit.rlim_cur) + " are in use",
                         EMFILE};
        }
    }
    const ProcessLimit processes = cgroup_processes();
    if (processes.most != 0 && processes.used + kNeededProcesses > processes.most) {
        return Error{"no room for a new generation: " + process_limit_text(), EAGAIN};
    }
    return Ok{};
}

std::string process_limit_text() {
    const ProcessLimit processes = cgroup_processes();
    if (processes.most != 0) {
        return std::to_string(processes.used) + " of " + std::to_string(processes.most) + " processes of the cgroup";
    }
    rlimit limit{};
    if (getrlimit(RLIMIT_NPROC, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return {};
    return "at most " + std::to_string(limit.rlim_cur) + " processes of this user";
}

uint64_t raise_descriptor_limit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
    if (limit.rlim_cur < limit.rlim_max) {
        const rlimit raised{limit.rlim_max, limit.rlim_max};
        if (setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
    }
    return limit.rlim_cur;
}

}  // namespace heirloom::supervisor
