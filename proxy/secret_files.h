// SPDX-License-Identifier: Apache-2.0
// SecretFiles: SDS by file. The secrets that filter chains and clusters take from watched files: read at the start,
// read again when a file is moved into place, offered to who uses them. What is broken is counted and logged, and the
// secret stays as it was. Main thread.
//
// Watched are moves, as in Envoy: onto the name of an SDS file, of the symlink "..data" beside it (a Kubernetes
// volume), any in its watched_directory, and any in the directories of certificates and keys that a secret names.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "proxy/config/secret_file.h"
#include "proxy/network/event_loop.h"
#include "proxy/network/move_watcher.h"
#include "proxy/stats/store.h"

namespace heirloom::server {

enum class SecretKind { certificate, validation, ticket_keys };
// By kind, in this order.
using SecretValue = std::variant<config::CertificateConfig, config::ValidationConfig, std::vector<std::string>>;

// clang-format off
#define HEIRLOOM_SDS_STATS(COUNTER, GAUGE, HISTOGRAM) \
    COUNTER(update_attempt)                           \
    COUNTER(update_success)                           \
    COUNTER(update_failure)                           \
    COUNTER(update_rejected)                          \
    COUNTER(key_rotation_failed)                      \
    GAUGE(update_time)                                \
    GAUGE(version)
// clang-format on
struct SdsStats {
    HEIRLOOM_SDS_STATS(HEIRLOOM_COUNTER, HEIRLOOM_GAUGE, HEIRLOOM_HISTOGRAM)
};

class SecretFiles {
  public:
    // A burst of moves is one reading: this long after its first, and at most one in so long.
    static constexpr std::chrono::milliseconds kSettle{50};
    static constexpr std::chrono::milliseconds kInterval{500};
    // How often a directory is looked for that is not there, and watches that the kernel did not give.
    static constexpr std::chrono::milliseconds kSearch{1000};

    // Asks a user whether `index` can have `value` from now on. When it says yes it has it already.
    using Offer = std::function<Status(size_t index, const SecretValue& value)>;

    // `registrar` null: nothing is counted.
    explicit SecretFiles(stats::Registrar* registrar) : registrar_(registrar) {}

    // The secret's index. Its file is read with the first of it. Error: what is wrong with the file, or no such secret.
    Result<size_t> add(const config::SecretSource& source, SecretKind kind);
    const SecretValue& value(size_t index) const { return secrets_[index].value; }
    // All of them are used: counts what add() read.
    void accept_all();
    // The gauges: when each secret was last told, and the hash of its version. Of one generation only: a gauge of the
    // segment is the sum of all. hide() sets them to 0.
    void show() const;
    void hide() const;
    // Begins to watch, and offers what has changed since add() read it. `loop` outlives this. What cannot be watched
    // yet, be it that the kernel gives no watches, is logged once and tried again.
    void watch(network::EventLoop& loop, Offer offer);

  private:
    struct Secret {
        config::SecretSource source;
        SecretKind kind;
        SdsStats stats;
        SecretValue value;
        std::string version;                              // of the file, as it was told last
        std::chrono::system_clock::time_point updated{};  // when
    };
    // Why a file is read again; the later ones include the earlier. `unwatched`: it may have moved while nobody looked,
    // which is counted when it has.
    enum class Cause { unwatched, keys_moved, moved };

    void on_move(const std::string& directory, std::string_view name);
    static void on_timer(void* self);
    void read_again(const std::string& path, Cause cause);
    void take(size_t index, const config::SecretFile& file, Cause cause);
    static void count_success(Secret& secret, const std::string& version);
    void reject(const Secret& secret, const std::string& why, Cause cause, bool unreadable) const;
    std::optional<Cause> cause_for(const Secret& secret, const std::string& directory, std::string_view name) const;
    Status try_watch();
    void watch_directories();
    void read_all_again();
    static void on_search(void* self);

    stats::Registrar* registrar_;
    std::vector<Secret> secrets_;
    std::map<std::string, config::SecretFile> read_;  // by path, until accept_all()
    Offer offer_;
    network::EventLoop* loop_ = nullptr;
    std::unique_ptr<network::MoveWatcher> watcher_;
    std::map<std::string, Cause> moved_;  // files to read again
    std::chrono::steady_clock::time_point last_reading_{};
    network::Timer timer_{&SecretFiles::on_timer, this};
    network::Timer search_timer_{&SecretFiles::on_search, this};
};

}  // namespace heirloom::server
