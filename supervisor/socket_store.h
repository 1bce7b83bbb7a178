// SPDX-License-Identifier: Apache-2.0
// The listening sockets, kept over generations. Bound when a generation first asks, kept while a generation that is
// live or before live wants the address, mirrored to systemd's fd store by hooks.
//
// A TCP address is opened once as M SO_REUSEPORT shards: a power of two, at least 16 and 4 x cores, less when all
// shards together would pass a quarter of the descriptor limit, never less than one. The number never changes while the
// address is wanted: each shard of the group must be polled, so a generation gets all there are. unix sockets, admin
// addresses
// (`keep`) and those that asked for one have one.
//
// Identity is the requested name (shm/socket_name.h). A name with port 0 that a generation asks for several times is
// several sockets, told apart by the order of asking; each keeps its port over generations.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "shm/messages.pb.h"
#include "shm/segment.h"
#include "supervisor/listening_socket.h"

namespace heirloom::supervisor {

class SocketStore {
  public:
    struct Limits {
        uint32_t cores = 1;
        uint64_t descriptors = 1024;   // RLIMIT_NOFILE
        bool may_share_ports = false;  // generations of an earlier supervisor still hold them
    };
    struct Hooks {  // may be empty
        std::function<void(const std::string& fd_name, const std::vector<int>& fds)> stored;
        std::function<void(const std::string& fd_name)> removed;
    };
    struct Grant {
        std::string bound_name;  // with the real port
        std::vector<int> fds;    // stay owned by the store
    };
    struct View {  // for status
        std::string name, bound_name;
        size_t shards;
        std::vector<uint32_t> epochs;
        bool is_closing;
    };
    // Prefix of the names in systemd's fd store.
    static constexpr std::string_view kFdNamePrefix = "heirloom-socket=";

    SocketStore(Limits limits, Hooks hooks);

    // A listening socket from LISTEN_FDS or the fd store. Error: it is none, or cannot be told.
    Status adopt(UniqueFd fd, std::string_view fd_name);

    // The generation wants that address. `names_in_request`: how many share the remaining descriptors.
    Result<Grant> want(uint32_t epoch, const shm::proto::SocketSpec& spec, size_t names_in_request);
    // A generation that was never live is gone: what only it wanted is closed (nobody was ever served there).
    void forget(uint32_t epoch);
    // That generation is live: only it and `next` (if any) count. What nobody wants lets no new connect in from now on.
    // Returns whether there is any such; then call close_retired(), as soon as retired_are_empty() or time is up.
    bool retain(uint32_t live, std::optional<uint32_t> next);
    bool retired_are_empty() const;
    // Returns how many sockets still had connects in their queue, which are reset now.
    uint64_t close_retired();
    // Same for all, at the end of the service.
    void retire_all();

    // Writes the ownership map: that generation polls all shards of what it wants.
    void publish(shm::Segment& segment, uint32_t live);
    std::vector<View> view() const;
    size_t shards_of(uint32_t epoch) const;
    bool empty() const { return entries_.empty(); }

  private:
    struct Entry {
        std::string name;  // as requested
        shm::SocketAddress bound;
        std::vector<UniqueFd> shards;
        std::set<uint32_t> wanted_by;
        bool keep = false;
        bool is_adopted = false;  // not asked for yet by anybody
        bool is_retired = false;
        bool is_published = false;
    };
    using Entries = std::map<std::string, Entry>;  // by key: the name, with `#n` where port 0 makes it ambiguous

    std::string key_of(uint32_t epoch, const shm::proto::SocketSpec& spec);
    Result<Entry> open(const shm::proto::SocketSpec& spec, size_t names_in_request);
    size_t shard_count(const shm::proto::SocketSpec& spec, const shm::SocketAddress& address, size_t sharing) const;
    bool port_is_ours(uint16_t port) const;
    void retire(Entry& entry);
    Entries::iterator close(Entries::iterator at);
    void mirror(const std::string& key, const Entry& entry) const;

    Limits limits_;
    Hooks hooks_;
    Entries entries_;
    size_t open_shards_ = 0;
    std::map<uint32_t, std::map<std::string, uint32_t>> asked_;  // epoch -> name with port 0 -> times
    std::vector<std::string> to_forget_;                         // names to take out of the ownership map
};

// Text as a name in the fd store: other than letters, digits and -._#[] as %XX.
std::string encode_fd_name(std::string_view text);
std::string decode_fd_name(std::string_view text);

}  // namespace heirloom::supervisor
