// SPDX-License-Identifier: Apache-2.0
#include "supervisor/ctl_segment.h"

#include <dirent.h>
#include <fmt/format.h>
#include <sys/mman.h>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fstream>
#include <map>

#include "shm/stat_names.h"
#include "supervisor/ctl_connection.h"
#include "supervisor/run_dir.h"
#include "supervisor/segment_copy.h"

namespace heirloom::supervisor {

namespace {

constexpr std::chrono::milliseconds kPatience{2000};

std::shared_ptr<shm::Segment> attach(UniqueFd fd) {
    if (!fd) return nullptr;
    auto segment = shm::Segment::attach(std::move(fd), false);
    return segment.ok() ? *segment : nullptr;
}

std::shared_ptr<shm::Segment> attach_path(const std::string& path) {
    return attach(UniqueFd(open(path.c_str(), O_RDONLY | O_CLOEXEC)));
}

std::shared_ptr<shm::Segment> ask_supervisor(const std::string& run_dir) {
    auto connection = CtlConnection::request(run_dir, {{"command", "segment"}});
    if (!connection.ok() || !connection->next(kPatience).ok()) return nullptr;
    return attach(connection->take_fd());
}

// Among the descriptors of that process.
std::shared_ptr<shm::Segment> look_into(const std::string& pid) {
    const std::string directory = "/proc/" + pid + "/fd/";
    DIR* const entries = opendir(directory.c_str());
    if (entries == nullptr) return nullptr;
    std::shared_ptr<shm::Segment> found;
    while (const dirent* const entry = found == nullptr ? readdir(entries) : nullptr) {
        char target[64] = "";
        const std::string path = directory + entry->d_name;
        if (readlink(path.c_str(), target, sizeof target - 1) <= 0) continue;
        if (std::string_view(target).starts_with("/memfd:heirloom-segment")) found = attach_path(path);
    }
    closedir(entries);
    return found;
}

std::shared_ptr<shm::Segment> ask_generations(const std::string& run_dir) {
    std::ifstream list(run_dir + kGenerationsFile);
    for (std::string pid; std::getline(list, pid);) {
        if (auto segment = look_into(pid)) return segment;
    }
    return nullptr;
}

// A segment is only trusted with its size sealed, which files cannot be: so the copy is copied once more.
std::shared_ptr<shm::Segment> read_copy(const std::string& run_dir) {
    const UniqueFd file(open((run_dir + kSegmentCopy).c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) return nullptr;
    UniqueFd memory(memfd_create("heirloom-segment-copy", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!memory || !copy_sparse(file.get(), memory.get()).ok()) return nullptr;
    if (fcntl(memory.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0) return nullptr;
    return attach(std::move(memory));
}

using Lines = std::map<std::string, boost::json::value>;

void add_stat(const shm::Segment& segment, const shm::StatInfo& info, std::string_view filter, Lines& lines) {
    const std::string name(info.name);
    if (shm::is_hidden_stat(name)) return;
    const bool wanted = name.find(filter) != std::string::npos;
    switch (info.kind) {
        case shm::StatKind::counter:
            if (wanted) lines[name] = segment.counter(info.first_slot);
            return;
        case shm::StatKind::gauge:
            if (wanted) lines[name] = static_cast<int64_t>(segment.gauge(info.first_slot));
            return;
        case shm::StatKind::histogram: {
            if (!wanted) return;
            const shm::HistogramSnapshot snapshot = segment.histogram(info);
            lines[name] = boost::json::object{{"count", snapshot.count}, {"sum", snapshot.sum}};
            return;
        }
        case shm::StatKind::counter_by_code:
            for (uint32_t code = 100; code < 100 + shm::kCodeSlots && code - 100 < info.slot_count; ++code) {
                const std::string full = name + std::to_string(code);
                if (full.find(filter) == std::string::npos) continue;
                if (const uint64_t value = segment.counter(info.first_slot + code - 100)) lines[full] = value;
            }
            return;
    }
}

}  // namespace

Result<FoundSegment> find_segment(const std::string& run_dir) {
    if (auto segment = ask_supervisor(run_dir)) return FoundSegment{segment, "heirloomd"};
    if (auto segment = attach_path(run_dir + kSegmentLink)) {
        return FoundSegment{segment, "the descriptors of heirloomd, which does not answer"};
    }
    if (auto segment = ask_generations(run_dir)) {
        return FoundSegment{segment, "a generation; heirloomd is gone"};
    }
    if (auto segment = read_copy(run_dir)) return FoundSegment{segment, "the copy left by heirloomd when it ended"};
    if (auto segment = look_into("1")) return FoundSegment{segment, "the fd store of systemd; no process is alive"};
    return Error{"nothing holds the statistics of " + run_dir +
                 " any more: no heirloomd, no generation, no copy of an earlier run"};
}

std::string print_stats(const shm::Segment& segment, std::string_view filter, bool as_json) {
    const shm::Segment::Survey survey(segment);
    Lines lines;
    for (size_t at = 0; at < segment.stat_count(); ++at) add_stat(segment, segment.stat(at), filter, lines);
    if (as_json) return boost::json::serialize(boost::json::object(lines.begin(), lines.end())) + "\n";
    std::string text;
    for (const auto& [name, value] : lines) {
        const boost::json::object* const histogram = value.if_object();
        text += name + ": " +
                (histogram == nullptr ? boost::json::serialize(value)
                                      : fmt::format("count {} sum {:.0f}", histogram->at("count").to_number<uint64_t>(),
                                                    histogram->at("sum").to_number<double>())) +
                '\n';
    }
    return text;
}

}  // namespace heirloom::supervisor
