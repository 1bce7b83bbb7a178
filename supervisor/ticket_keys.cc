// SPDX-License-Identifier: Apache-2.0
#include "supervisor/ticket_keys.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

namespace heirloom::supervisor {

using std::chrono::seconds;

namespace {

// Raise when the record changes: a supervisor of another version then begins with new keys.
constexpr uint32_t kRecordVersion = 1;
constexpr uint64_t kMagic = 0x53'59'45'4b'54'4b'54'48;  // "HTKTKEYS"

struct Record {
    uint64_t magic = kMagic;
    uint32_t version = kRecordVersion;
    uint32_t count = 0;
    uint64_t rotated_at_s = 0;
    std::array<shm::TicketRing::Key, shm::TicketRing::kMostKeys> keys{};
    uint64_t checksum = 0;  // of all before it

    ~Record() { explicit_bzero(keys.data(), sizeof keys); }
};
static_assert(sizeof(Record) == 24 + shm::TicketRing::kMostKeys * shm::TicketRing::kKeyBytes + 8);

// FNV-1a: against damage, not against people.
uint64_t checksum_of(const Record& record) {
    const auto* bytes = reinterpret_cast<const unsigned char*>(&record);
    uint64_t sum = 0xcbf29ce484222325;
    for (size_t at = 0; at < offsetof(Record, checksum); ++at) sum = (sum ^ bytes[at]) * 0x100000001b3;
    return sum;
}

seconds since_boot() {
    timespec now{};
    clock_gettime(CLOCK_BOOTTIME, &now);
    return seconds(now.tv_sec);
}

}  // namespace

TicketKeys::TicketKeys(boost::asio::io_context& io, seconds rotation) : rotation_(rotation), timer_(io) {}

Status TicketKeys::adopt(UniqueFd fd) {
    struct stat status {};
    if (fstat(fd.get(), &status) < 0) return Error::from_errno("session ticket keys: fstat");
    if (!S_ISREG(status.st_mode) || status.st_size != static_cast<off_t>(sizeof(Record))) {
        return Error{"session ticket keys: the descriptor is of another kind or version"};
    }
    Record record;
    if (pread(fd.get(), &record, sizeof record, 0) != static_cast<ssize_t>(sizeof record)) {
        return Error{"session ticket keys: cannot be read"};
    }
    if (record.magic != kMagic || record.version != kRecordVersion) {
        return Error{"session ticket keys: of another version"};
    }
    if (record.checksum != checksum_of(record) || record.count == 0 || record.count > record.keys.size()) {
        return Error{"session ticket keys: damaged"};
    }
    ring_.assign({record.keys.data(), record.count});
    rotated_at_ = seconds(static_cast<int64_t>(record.rotated_at_s));
    file_ = std::move(fd);
    return Ok{};
}

Status TicketKeys::open(bool keep) {
    const seconds now = since_boot();
    if (ring_.keys().empty()) {
        if (const Status made = rotate(); !made.ok()) {
            arm();
            return made;
        }
    } else if (rotated_at_ > now || rotated_at_ < seconds(0)) {
        rotated_at_ = now;  // no time of this boot
    } else if (rotation_.count() != 0) {
        const auto due = std::min<int64_t>((now - rotated_at_) / rotation_, shm::TicketRing::kMostKeys);
        for (int64_t n = 0; n < due; ++n) {
            if (const Status rotated = rotate(); !rotated.ok()) spdlog::warn("{}", rotated.error().text);
        }
    }
    arm();
    if (!keep) {
        file_.reset();
        return Ok{};
    }
    if (!file_) {
        file_.reset(memfd_create(kFdName, MFD_CLOEXEC | MFD_ALLOW_SEALING));
        if (!file_) return Error::from_errno("session ticket keys are not kept over a restart: memfd_create");
    }
    const Status saved = save();
    if (saved.ok()) (void)fcntl(file_.get(), F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL);
    return saved;
}

Status TicketKeys::rotate() {
    const Status rotated = ring_.rotate();
    if (rotated.ok()) rotated_at_ = since_boot();
    return rotated;
}

Status TicketKeys::save() {
    if (!file_) return Ok{};
    Record record;
    record.count = static_cast<uint32_t>(ring_.keys().size());
    record.rotated_at_s = static_cast<uint64_t>(rotated_at_.count());
    std::copy(ring_.keys().begin(), ring_.keys().end(), record.keys.begin());
    record.checksum = checksum_of(record);
    if (pwrite(file_.get(), &record, sizeof record, 0) != static_cast<ssize_t>(sizeof record)) {
        return Error::from_errno("session ticket keys are not kept over a restart: write");
    }
    return Ok{};
}

void TicketKeys::arm() {
    if (rotation_.count() == 0) return;
    const seconds age = ring_.keys().empty() ? seconds(0) : since_boot() - rotated_at_;
    timer_.expires_after(std::clamp(rotation_ - age, seconds(1), rotation_));
    timer_.async_wait([this](const boost::system::error_code& error) {
        if (error) return;
        Status done = rotate();
        if (done.ok()) {
            spdlog::info("session ticket keys were rotated");
            done = save();
            if (on_rotation) on_rotation();
        }
        if (!done.ok()) {
            spdlog::warn("{}", done.error().text);
            rotated_at_ = std::max(rotated_at_, since_boot());  // tried again one interval later
        }
        arm();
    });
}

}  // namespace heirloom::supervisor
