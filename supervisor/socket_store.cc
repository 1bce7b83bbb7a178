// SPDX-License-Identifier: Apache-2.0
#include "supervisor/socket_store.h"

#include <bit>

namespace heirloom::supervisor {

namespace {

constexpr uint32_t kLeastShards = 16;
constexpr uint32_t kMostShards = 1024;  // what the ownership map can show

ListenOptions options_of(const shm::proto::SocketSpec& spec) {
    return {spec.backlog(), spec.mode() & 0777, spec.freebind(), spec.tcp_fast_open_queue()};
}

}  // namespace

std::string encode_fd_name(std::string_view text) {
    std::string name;
    for (const char c : text) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                           std::string_view("-._#[]").find(c) != std::string_view::npos;
        if (plain) {
            name += c;
        } else {
            name += fmt::format("%{:02X}", static_cast<unsigned char>(c));
        }
    }
    return name;
}

std::string decode_fd_name(std::string_view text) {
    std::string name;
    for (size_t at = 0; at < text.size(); ++at) {
        unsigned value = 0;
        if (text[at] == '%' && at + 2 < text.size() &&
            std::sscanf(std::string(text.substr(at + 1, 2)).c_str(), "%2x", &value) == 1) {
            name += static_cast<char>(value);
            at += 2;
        } else {
            name += text[at];
        }
    }
    return name;
}

SocketStore::SocketStore(Limits limits, Hooks hooks) : limits_(limits), hooks_(std::move(hooks)) {}

Status SocketStore::adopt(UniqueFd fd, std::string_view fd_name) {
    auto address = listening_address(fd.get());
    if (!address) return address.error();
    std::string key = address->canonical();
    if (fd_name.starts_with(kFdNamePrefix)) key = decode_fd_name(fd_name.substr(kFdNamePrefix.size()));
    allow_new_connects(fd.get());
    Entry& entry = entries_[key];
    if (entry.shards.empty()) {
        entry.name = key.substr(0, key.find('#'));
        entry.bound = *address;
        entry.is_adopted = true;
        entry.keep = key.ends_with("#keep");
    }
    entry.shards.push_back(std::move(fd));
    ++open_shards_;
    return Ok{};
}

std::string SocketStore::key_of(uint32_t epoch, const shm::proto::SocketSpec& spec) {
    const bool any_port = spec.name().starts_with("tcp") && spec.name().ends_with(":0");
    if (!any_port) return spec.name();
    std::string key = spec.name() + (spec.keep() ? "#keep" : "");
    const uint32_t times = ++asked_[epoch][key];
    return times == 1 ? key : spec.name() + "#" + std::to_string(times) + (spec.keep() ? "#keep" : "");
}

size_t SocketStore::shard_count(const shm::proto::SocketSpec& spec, const shm::SocketAddress& address,
                                size_t sharing) const {
    if (address.family() == AF_UNIX || spec.keep() || spec.max_shards() == 1) return 1;
    uint64_t shards = std::bit_ceil(std::max(kLeastShards, 4 * std::min(limits_.cores, kMostShards / 4)));
    if (spec.max_shards() != 0) shards = std::min<uint64_t>(shards, spec.max_shards());
    const uint64_t allowed = limits_.descriptors / 4;
    const uint64_t left = allowed > open_shards_ ? allowed - open_shards_ : 0;
    shards = std::min(shards, left / std::max<size_t>(sharing, 1));
    return static_cast<size_t>(std::bit_floor(std::max<uint64_t>(shards, 1)));
}

bool SocketStore::port_is_ours(uint16_t port) const {
    return std::any_of(entries_.begin(), entries_.end(),
                       [port](const auto& item) { return item.second.bound.port() == port; });
}

Result<SocketStore::Entry> SocketStore::open(const shm::proto::SocketSpec& spec, size_t names_in_request) {
    auto address = shm::parse_socket_name(spec.name());
    if (!address) return address.error();
    const ListenOptions options = options_of(spec);
    // `::` and `0.0.0.0` on one port are both ours: then the kernel's own rules decide.
    if (!limits_.may_share_ports && !port_is_ours(address->port())) {
        if (const Status unused = check_unused(*address, options); !unused.ok()) return unused.error();
    }
    Entry entry;
    entry.name = spec.name();
    entry.bound = *address;
    entry.keep = spec.keep();
    const size_t shards = shard_count(spec, *address, names_in_request);
    for (size_t shard = 0; shard < shards; ++shard) {
        auto fd = open_listening_socket(entry.bound, options);
        if (!fd) return fd.error();
        if (shard == 0) {
            auto bound = listening_address(fd->get());
            if (!bound) return Error{"cannot listen on " + address->to_string() + ": " + bound.error().text};
            entry.bound = *bound;
        }
        entry.shards.push_back(std::move(*fd));
    }
    return entry;
}

Result<SocketStore::Grant> SocketStore::want(uint32_t epoch, const shm::proto::SocketSpec& spec,
                                             size_t names_in_request) {
    const std::string key = key_of(epoch, spec);
    auto at = entries_.find(key);
    // The path of a retired unix socket is gone: begin anew.
    if (at != entries_.end() && at->second.is_retired && at->second.bound.family() == AF_UNIX) {
        close(at);
        at = entries_.end();
    }
    if (at != entries_.end() && at->second.keep != spec.keep() && at->second.wanted_by.contains(epoch)) {
        return Error{
            "cannot listen on " + at->second.bound.to_string() + ": used by a listener and by the admin interface",
            EADDRINUSE};
    }
    if (at == entries_.end()) {
        auto opened = open(spec, names_in_request);
        if (!opened) return opened.error();
        open_shards_ += opened->shards.size();
        at = entries_.emplace(key, std::move(*opened)).first;
        spdlog::info("listening on {}: {} shard{}", at->second.bound.canonical(), at->second.shards.size(),
                     at->second.shards.size() == 1 ? "" : "s");
        mirror(key, at->second);
    } else {
        for (const UniqueFd& shard : at->second.shards) {
            if (at->second.is_retired) allow_new_connects(shard.get());
            if (at->second.wanted_by.empty() || !at->second.wanted_by.contains(epoch)) {
                apply_options(shard.get(), options_of(spec));
            }
        }
        at->second.is_retired = false;
    }
    Entry& entry = at->second;
    entry.wanted_by.insert(epoch);
    entry.is_adopted = false;
    Grant grant{entry.bound.canonical(), {}};
    for (const UniqueFd& shard : entry.shards) grant.fds.push_back(shard.get());
    return grant;
}

void SocketStore::mirror(const std::string& key, const Entry& entry) const {
    if (!hooks_.stored) return;
    std::vector<int> fds;
    for (const UniqueFd& shard : entry.shards) fds.push_back(shard.get());
    hooks_.stored(std::string(kFdNamePrefix) + encode_fd_name(key), fds);
}

void SocketStore::retire(Entry& entry) {
    if (entry.is_retired) return;
    entry.is_retired = true;
    spdlog::info("{} is not wanted any more", entry.bound.canonical());
    for (const UniqueFd& shard : entry.shards) block_new_connects(shard.get(), entry.bound);
}

void SocketStore::forget(uint32_t epoch) {
    asked_.erase(epoch);
    for (auto at = entries_.begin(); at != entries_.end();) {
        const bool wanted = at->second.wanted_by.erase(epoch) != 0;
        if (!wanted || !at->second.wanted_by.empty()) {
            ++at;
            continue;
        }
        retire(at->second);
        at = close(at);
    }
}

bool SocketStore::retain(uint32_t live, std::optional<uint32_t> next) {
    std::erase_if(asked_, [&](const auto& item) { return item.first != live && item.first != next; });
    bool any = false;
    for (auto& [key, entry] : entries_) {
        std::erase_if(entry.wanted_by, [&](uint32_t epoch) { return epoch != live && epoch != next; });
        if (!entry.wanted_by.empty()) continue;
        retire(entry);
        any = true;
    }
    return any;
}

void SocketStore::retire_all() {
    for (auto& [key, entry] : entries_) {
        entry.wanted_by.clear();
        retire(entry);
    }
}

bool SocketStore::retired_are_empty() const {
    for (const auto& [key, entry] : entries_) {
        if (!entry.is_retired) continue;
        for (const UniqueFd& shard : entry.shards) {
            if (has_queued_connects(shard.get())) return false;
        }
    }
    return true;
}

uint64_t SocketStore::close_retired() {
    uint64_t with_queue = 0;
    for (auto at = entries_.begin(); at != entries_.end();) {
        if (!at->second.is_retired) {
            ++at;
            continue;
        }
        for (const UniqueFd& shard : at->second.shards) with_queue += has_queued_connects(shard.get()) ? 1 : 0;
        at = close(at);
    }
    return with_queue;
}

SocketStore::Entries::iterator SocketStore::close(Entries::iterator at) {
    Entry& entry = at->second;
    open_shards_ -= entry.shards.size();
    if (hooks_.removed) hooks_.removed(std::string(kFdNamePrefix) + encode_fd_name(at->first));
    for (UniqueFd& shard : entry.shards) close_listening_socket(std::move(shard));
    if (entry.is_published) to_forget_.push_back(entry.bound.canonical());
    return entries_.erase(at);
}

void SocketStore::publish(shm::Segment& segment, uint32_t live) {
    for (const std::string& name : to_forget_) segment.forget_shards(name);
    to_forget_.clear();
    for (auto& [key, entry] : entries_) {
        if (!entry.wanted_by.contains(live)) continue;
        const std::vector<uint32_t> epochs(std::min<size_t>(entry.shards.size(), kMostShards), live);
        segment.publish_shards(entry.bound.canonical(), epochs);
        entry.is_published = true;
    }
}

std::vector<SocketStore::View> SocketStore::view() const {
    std::vector<View> list;
    for (const auto& [key, entry] : entries_) {
        list.push_back({entry.name,
                        entry.bound.canonical(),
                        entry.shards.size(),
                        {entry.wanted_by.begin(), entry.wanted_by.end()},
                        entry.is_retired});
    }
    return list;
}

size_t SocketStore::shards_of(uint32_t epoch) const {
    size_t shards = 0;
    for (const auto& [key, entry] : entries_) shards += entry.wanted_by.contains(epoch) ? entry.shards.size() : 0;
    return shards;
}

}  // namespace heirloom::supervisor
