// SPDX-License-Identifier: Apache-2.0
// Life of the mapping: create, attach with all checks, adopt, unmap.
#include "shm/segment.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <new>
#include <thread>

#include "shm/segment_impl.h"

namespace heirloom::shm {

namespace {

constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

Error damaged(std::string what) { return {"segment: " + std::move(what), EINVAL}; }

Status check_shape(const SegmentOptions& shape) {
    using namespace layout;
    if (shape.generation_slots < 1 || shape.generation_slots > kMaxGenerationSlots || shape.rows < 1 ||
        shape.rows > kMaxRows || shape.stat_slots < kMinStatSlots || shape.stat_slots > kMaxStatSlots) {
        return damaged("shape out of range: " + std::to_string(shape.generation_slots) + " generation slots, " +
                       std::to_string(shape.rows) + " rows, " + std::to_string(shape.stat_slots) + " stat slots");
    }
    return Ok{};
}

layout::Geometry stored_geometry(const layout::Header& header) {
    layout::Geometry geometry{};
    geometry.generations = header.generations_offset;
    geometry.shard_map = header.shard_map_offset;
    geometry.schema = header.schema_offset;
    geometry.names = header.names_offset;
    geometry.names_bytes = header.bounds_offset - header.names_offset;
    geometry.bounds = header.bounds_offset;
    geometry.tombstones = header.tombstones_offset;
    geometry.blocks = header.blocks_offset;
    geometry.row_bytes = header.row_bytes;
    geometry.block_bytes = header.block_bytes;
    geometry.total = header.total_bytes;
    return geometry;
}

void write_header(layout::Header& header, const SegmentOptions& shape, const layout::Geometry& geometry) {
    header.magic = layout::kMagic;
    header.layout_version = layout::kLayoutVersion;
    header.header_bytes = sizeof(layout::Header);
    header.generation_slots = shape.generation_slots;
    header.rows = shape.rows;
    header.stat_slots = shape.stat_slots;
    header.total_bytes = geometry.total;
    header.created_ms = wall_clock_ms();
    header.generations_offset = geometry.generations;
    header.shard_map_offset = geometry.shard_map;
    header.schema_offset = geometry.schema;
    header.names_offset = geometry.names;
    header.bounds_offset = geometry.bounds;
    header.tombstones_offset = geometry.tombstones;
    header.blocks_offset = geometry.blocks;
    header.row_bytes = geometry.row_bytes;
    header.block_bytes = geometry.block_bytes;
}

}  // namespace

uint64_t wall_clock_ms() {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

void pause_before_retry(int attempt) {
    if (attempt >= 10) std::this_thread::yield();
}

void put_text(std::span<std::atomic<uint64_t>> words, std::string_view text) {
    for (auto& word : words) {
        uint64_t bytes = 0;
        const std::string_view part = text.substr(0, sizeof bytes);
        part.copy(reinterpret_cast<char*>(&bytes), part.size());
        text.remove_prefix(part.size());
        put(word, bytes);
    }
}

std::string get_text(std::span<const std::atomic<uint64_t>> words) {
    std::string text(words.size_bytes(), '\0');
    for (size_t i = 0; i < words.size(); ++i) {
        const uint64_t bytes = get(words[i]);
        std::memcpy(&text[i * sizeof bytes], &bytes, sizeof bytes);
    }
    text.resize(strnlen(text.data(), text.size()));
    return text;
}

Segment::Impl::~Impl() {
    if (base != nullptr) munmap(base, geometry.total);
}

Status Segment::Impl::map() {
    void* mapped = mmap(nullptr, geometry.total, PROT_READ, MAP_SHARED | MAP_NORESERVE, fd.get(), 0);
    if (mapped == MAP_FAILED) return Error::from_errno("segment: mmap of " + std::to_string(geometry.total) + " bytes");
    base = static_cast<std::byte*>(mapped);
    // A core file must not carry gigabytes of holes.
    madvise(base, geometry.total, MADV_DONTDUMP);
    if (writable && mprotect(base + geometry.blocks, geometry.total - geometry.blocks, PROT_READ | PROT_WRITE) < 0) {
        return Error::from_errno("segment: cannot be written");
    }
    return Ok{};
}

// A generation maps names, tables and tombstones read-only, so that its stray writes cannot reach them.
Status Segment::Impl::allow_owner_writes() {
    if (!writable) return Error{"segment: attached read-only, cannot be owned", EACCES};
    if (mprotect(base, geometry.blocks, PROT_READ | PROT_WRITE) < 0) {
        return Error::from_errno("segment: cannot be written");
    }
    return Ok{};
}

OwnerTruth* Segment::Impl::truth() {
    if (!owner && !adopt().ok()) return nullptr;
    return &*owner;
}

Status Segment::Impl::adopt() {
    if (owner) return Ok{};
    OwnerTruth found;
    if (auto status = adopt_schema(found); !status.ok()) return status;
    if (auto status = allow_owner_writes(); !status.ok()) return status;
    adopt_generations(found);
    adopt_shards(found);
    owner = std::move(found);
    return Ok{};
}

Segment::Segment() : impl_(std::make_unique<Impl>()) {}
Segment::~Segment() = default;

Result<std::shared_ptr<Segment>> Segment::create(const SegmentOptions& options) {
    if (auto status = check_shape(options); !status.ok()) return status.error();
    std::shared_ptr<Segment> segment(new Segment());
    Impl& impl = *segment->impl_;
    impl.shape = options;
    impl.geometry = layout::geometry(options.generation_slots, options.rows, options.stat_slots);
    impl.writable = true;
    impl.fd.reset(memfd_create("heirloom-segment", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!impl.fd) return Error::from_errno("segment: memfd_create");
    if (ftruncate(impl.fd.get(), static_cast<off_t>(impl.geometry.total)) < 0) {
        return Error::from_errno("segment: size of " + std::to_string(impl.geometry.total) + " bytes");
    }
    if (fcntl(impl.fd.get(), F_ADD_SEALS, kSeals) < 0) return Error::from_errno("segment: seals");
    if (auto status = impl.map(); !status.ok()) return status.error();
    if (auto status = impl.allow_owner_writes(); !status.ok()) return status.error();
    write_header(impl.header(), options, impl.geometry);
    impl.owner.emplace();
    impl.owner->generations.resize(options.generation_slots);
    return segment;
}

Result<std::shared_ptr<Segment>> Segment::attach(UniqueFd fd, bool writable) {
    struct stat status_of_file {};
    if (fstat(fd.get(), &status_of_file) < 0) return Error::from_errno("segment: fstat");
    const auto file_bytes = static_cast<uint64_t>(status_of_file.st_size);
    if (!S_ISREG(status_of_file.st_mode) || file_bytes < sizeof(layout::Header)) {
        return damaged("not a segment, " + std::to_string(file_bytes) + " bytes long");
    }
    // Without the seals whoever holds the file could cut it short, and each read beyond the end would kill the reader.
    const int seals = fcntl(fd.get(), F_GET_SEALS);
    if (seals < 0) return Error::from_errno("segment: not a memfd");
    if ((seals & kSeals) != kSeals) return damaged("its size is not sealed");

    alignas(layout::Header) std::byte bytes[sizeof(layout::Header)];
    if (pread(fd.get(), bytes, sizeof bytes, 0) != static_cast<ssize_t>(sizeof bytes)) {
        return Error::from_errno("segment: read of the header");
    }
    const auto& header = *std::launder(reinterpret_cast<const layout::Header*>(bytes));
    if (header.magic != layout::kMagic) return damaged("not a segment, wrong magic");
    if (header.layout_version != layout::kLayoutVersion) {
        return damaged("layout version " + std::to_string(header.layout_version) + ", this program reads " +
                       std::to_string(layout::kLayoutVersion));
    }
    const SegmentOptions shape{header.generation_slots, header.rows, header.stat_slots};
    if (auto status = check_shape(shape); !status.ok()) return status.error();
    const layout::Geometry geometry = layout::geometry(shape.generation_slots, shape.rows, shape.stat_slots);
    if (stored_geometry(header) != geometry)
        return damaged("header is damaged, regions are not where the shape puts them");
    if (file_bytes != geometry.total) {
        return damaged(std::to_string(file_bytes) + " bytes long, its header says " + std::to_string(geometry.total));
    }

    std::shared_ptr<Segment> segment(new Segment());
    Impl& impl = *segment->impl_;
    impl.shape = shape;
    impl.geometry = geometry;
    impl.writable = writable;
    impl.fd = std::move(fd);
    if (auto status = impl.map(); !status.ok()) return status.error();
    return segment;
}

int Segment::fd() const { return impl_->fd.get(); }
const SegmentOptions& Segment::shape() const { return impl_->shape; }
uint64_t Segment::created_ms() const { return impl_->header().created_ms; }
uint32_t Segment::layout_version() const { return impl_->header().layout_version; }
Status Segment::adopt() { return impl_->adopt(); }

}  // namespace heirloom::shm
