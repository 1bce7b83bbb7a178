// SPDX-License-Identifier: Apache-2.0
// How many CPUs this process may use.
#include <sched.h>

#include <charconv>
#include <cmath>
#include <fstream>
#include <optional>
#include <sstream>

#include "proxy/options.h"

namespace heirloom::server {
namespace {

std::optional<std::string> read_line(const std::string& path) {
    std::ifstream file(path);
    std::string line;
    if (!std::getline(file, line)) return std::nullopt;
    return line;
}

double to_number(std::string_view text) {
    double number = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
    return problem == std::errc() && number > 0 ? number : 0;
}

// 0: no limit here.
double limit_of_v2(const std::string& folder) {
    const std::optional<std::string> line = read_line(folder + "/cpu.max");  // "QUOTA|max PERIOD"
    if (!line) return 0;
    const size_t blank = line->find(' ');
    if (blank == std::string::npos) return 0;
    const double quota = to_number(std::string_view(*line).substr(0, blank));
    const double period = to_number(std::string_view(*line).substr(blank + 1));
    return period > 0 ? quota / period : 0;
}

double limit_of_v1(const std::string& folder) {
    const std::optional<std::string> quota = read_line(folder + "/cpu.cfs_quota_us");  // -1: none
    const std::optional<std::string> period = read_line(folder + "/cpu.cfs_period_us");
    if (!quota || !period || to_number(*period) <= 0) return 0;
    return to_number(*quota) / to_number(*period);
}

// A limit of any group on the way up holds for all below it. In a container the path may not exist under its own root;
// the walk then ends at the root, which is the container's group.
double least_on_the_way_up(const std::string& root, std::string group, double (*limit_of)(const std::string&)) {
    double least = 0;
    for (;;) {
        const double limit = limit_of(root + group);
        if (limit > 0 && (least == 0 || limit < least)) least = limit;
        const size_t slash = group.rfind('/');
        if (group.empty() || slash == std::string::npos) return least;
        group.resize(slash);
    }
}

bool lists_cpu(std::string_view controllers) {
    while (!controllers.empty()) {
        const size_t comma = controllers.find(',');
        if (controllers.substr(0, comma) == "cpu") return true;
        if (comma == std::string_view::npos) break;
        controllers.remove_prefix(comma + 1);
    }
    return false;
}

}  // namespace

double cgroup_cpu_limit(const std::string& cgroup_root, std::string_view membership) {
    std::istringstream lines{std::string(membership)};
    double least = 0;
    for (std::string line; std::getline(lines, line);) {  // "ID:CONTROLLERS:/GROUP"; v2: "0::/GROUP"
        const size_t first = line.find(':');
        const size_t second = first == std::string::npos ? first : line.find(':', first + 1);
        if (second == std::string::npos) continue;
        const std::string_view controllers = std::string_view(line).substr(first + 1, second - first - 1);
        std::string group = line.substr(second + 1);
        if (group == "/") group.clear();
        double limit = 0;
        if (controllers.empty()) {
            limit = least_on_the_way_up(cgroup_root, group, limit_of_v2);
            // Both versions mounted: v2 lives in a folder of its own.
            if (limit == 0) limit = least_on_the_way_up(cgroup_root + "/unified", group, limit_of_v2);
        } else if (lists_cpu(controllers)) {
            limit = least_on_the_way_up(cgroup_root + "/cpu", group, limit_of_v1);
            if (limit == 0) limit = least_on_the_way_up(cgroup_root + "/cpu,cpuacct", group, limit_of_v1);
        }
        if (limit > 0 && (least == 0 || limit < least)) least = limit;
    }
    return least;
}

uint32_t default_concurrency() {
    uint32_t count = 1;
    cpu_set_t affinity;
    if (sched_getaffinity(0, sizeof affinity, &affinity) == 0) {
        count = static_cast<uint32_t>(CPU_COUNT(&affinity));
    } else {
        count = std::max(1u, std::thread::hardware_concurrency());  // more than 1024 CPUs
    }
    std::ifstream file("/proc/self/cgroup");
    const std::string membership{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    const double limit = cgroup_cpu_limit("/sys/fs/cgroup", membership);
    if (limit > 0) count = std::min(count, static_cast<uint32_t>(std::min(std::ceil(limit), 65536.0)));
    return std::max(1u, count);
}

}  // namespace heirloom::server
