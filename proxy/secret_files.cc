// SPDX-License-Identifier: Apache-2.0
#include "proxy/secret_files.h"

#include <algorithm>

#include "proxy/logging.h"
#include "proxy/network/xxhash64.h"

namespace heirloom::server {
namespace {

constexpr std::string_view kKubernetesLink = "..data";

std::string directory_of(const std::string& path) {
    const size_t slash = path.rfind('/');
    if (slash == std::string::npos) return ".";
    return slash == 0 ? "/" : path.substr(0, slash);
}

std::string_view name_in(std::string_view path) { return path.substr(path.rfind('/') + 1); }

std::string sds_directory(const config::SecretSource& source) {
    return source.watched_directory.empty() ? directory_of(source.path) : source.watched_directory;
}

// Of the files that the secret names.
std::set<std::string> key_directories(const SecretValue& value) {
    std::set<std::string> directories;
    const auto add = [&](const config::DataText& text) {
        if (!text.path.empty()) directories.insert(directory_of(text.path));
    };
    if (const auto* certificate = std::get_if<config::CertificateConfig>(&value)) {
        add(certificate->chain);
        add(certificate->private_key);
        add(certificate->ocsp_staple);
    } else if (const auto* validation = std::get_if<config::ValidationConfig>(&value)) {
        add(validation->trusted_ca);
        add(validation->crl);
    }
    return directories;
}

std::optional<SecretValue> find(const config::SecretFile& file, SecretKind kind, const std::string& name) {
    const auto in = [&](const auto& list) -> std::optional<SecretValue> {
        const auto* found = config::find_secret(list, name);
        return found ? std::optional<SecretValue>(*found) : std::nullopt;
    };
    switch (kind) {
        case SecretKind::certificate:
            return in(file.certificates);
        case SecretKind::validation:
            return in(file.validations);
        case SecretKind::ticket_keys:
            return in(file.ticket_keys);
    }
    return std::nullopt;
}

bool same(const SecretValue& one, const SecretValue& other) {
    if (const auto* certificate = std::get_if<config::CertificateConfig>(&one)) {
        return config::same(*certificate, std::get<config::CertificateConfig>(other));
    }
    if (const auto* validation = std::get_if<config::ValidationConfig>(&one)) {
        return config::same(*validation, std::get<config::ValidationConfig>(other));
    }
    return std::get<std::vector<std::string>>(one) == std::get<std::vector<std::string>>(other);
}

std::string missing(const config::SecretSource& source) {
    return source.path + ": no secret of this kind and name: " + source.name;
}

SdsStats make_sds_stats(stats::Registrar& registrar, const std::string& name) {
    const std::string prefix = "sds." + stats::sanitize(name) + ".";
    HEIRLOOM_PREFETCH(registrar, prefix, HEIRLOOM_SDS_STATS)
    return {HEIRLOOM_SDS_STATS(HEIRLOOM_MAKE_COUNTER, HEIRLOOM_MAKE_GAUGE, HEIRLOOM_MAKE_HISTOGRAM)};
}

}  // namespace

Result<size_t> SecretFiles::add(const config::SecretSource& source, SecretKind kind) {
    for (size_t i = 0; i < secrets_.size(); ++i) {
        const Secret& known = secrets_[i];
        if (known.kind == kind && known.source.name == source.name && known.source.path == source.path &&
            known.source.watched_directory == source.watched_directory) {
            return i;
        }
    }
    auto file = read_.find(source.path);
    if (file == read_.end()) {
        Result<config::SecretFile> loaded = config::load_secret_file(source.path);
        if (!loaded) return loaded.error();
        file = read_.emplace(source.path, std::move(*loaded)).first;
    }
    std::optional<SecretValue> value = find(file->second, kind, source.name);
    if (!value) return Error{source.where + ": " + missing(source)};
    secrets_.push_back({source,
                        kind,
                        registrar_ ? make_sds_stats(*registrar_, source.name) : SdsStats{},
                        std::move(*value),
                        file->second.version,
                        {}});
    return secrets_.size() - 1;
}

void SecretFiles::accept_all() {
    read_.clear();
    for (Secret& secret : secrets_) count_success(secret, secret.version);
}

void SecretFiles::count_success(Secret& secret, const std::string& version) {
    secret.stats.update_attempt.add();
    secret.stats.update_success.add();
    secret.version = version;
    secret.updated = std::chrono::system_clock::now();
}

void SecretFiles::show() const {
    for (const Secret& secret : secrets_) {
        const auto time = std::chrono::duration_cast<std::chrono::milliseconds>(secret.updated.time_since_epoch());
        secret.stats.update_time.set(static_cast<uint64_t>(time.count()));
        secret.stats.version.set(network::xxhash64(secret.version));
    }
}

void SecretFiles::hide() const {
    for (const Secret& secret : secrets_) {
        secret.stats.update_time.set(0);
        secret.stats.version.set(0);
    }
}

void SecretFiles::watch(network::EventLoop& loop, Offer offer) {
    if (secrets_.empty()) return;
    loop_ = &loop;
    offer_ = std::move(offer);
    watch_directories();
    read_all_again();
}

Status SecretFiles::try_watch() {
    if (!watcher_) {
        auto watcher = network::MoveWatcher::create(
            *loop_, [this](const std::string& directory, std::string_view name) { on_move(directory, name); });
        if (!watcher) return watcher.error();
        watcher_ = std::move(*watcher);
    }
    std::set<std::string> directories;
    for (const Secret& secret : secrets_) {
        directories.insert(sds_directory(secret.source));
        directories.merge(key_directories(secret.value));
    }
    return watcher_->watch(directories);
}

void SecretFiles::watch_directories() {
    const bool searching = search_timer_.armed();
    if (const Status watched = try_watch(); !watched) {
        if (!searching) SPDLOG_LOGGER_ERROR(log_of("secret"), "{}", watched.error().text);
        return search_timer_.arm(loop_->timers(), kSearch);
    }
    search_timer_.cancel();
    if (searching) on_move("", "");  // whoever found them: what is in them was not watched
}

void SecretFiles::on_search(void* self) {
    auto& files = *static_cast<SecretFiles*>(self);
    // Armed while it looks: what is still not there was logged.
    files.search_timer_.arm(files.loop_->timers(), kSearch);
    files.watch_directories();
}

void SecretFiles::read_all_again() {
    std::set<std::string> paths;
    for (const Secret& secret : secrets_) paths.insert(secret.source.path);
    for (const std::string& path : paths) read_again(path, Cause::unwatched);
    watch_directories();  // of what the new ones name
}

std::optional<SecretFiles::Cause> SecretFiles::cause_for(const Secret& secret, const std::string& directory,
                                                         std::string_view name) const {
    if (directory.empty()) return Cause::moved;  // events were lost
    const config::SecretSource& source = secret.source;
    if (directory == sds_directory(source) &&
        (!source.watched_directory.empty() || name == name_in(source.path) || name == kKubernetesLink)) {
        return Cause::moved;
    }
    if (key_directories(secret.value).contains(directory)) return Cause::keys_moved;
    return std::nullopt;
}

void SecretFiles::on_move(const std::string& directory, std::string_view name) {
    for (const Secret& secret : secrets_) {
        const std::optional<Cause> cause = cause_for(secret, directory, name);
        if (!cause) continue;
        Cause& known = moved_.emplace(secret.source.path, *cause).first->second;
        known = std::max(known, *cause);
    }
    if (moved_.empty() || timer_.armed()) return;
    const auto since = std::chrono::ceil<std::chrono::milliseconds>(loop_->now() - last_reading_);
    timer_.arm(loop_->timers(), std::max(kSettle, kInterval - since));
}

void SecretFiles::on_timer(void* self) {
    auto& files = *static_cast<SecretFiles*>(self);
    files.last_reading_ = files.loop_->now();
    // What moves while files are read is told after the watches: nothing is missed.
    const std::map<std::string, Cause> moved = std::exchange(files.moved_, {});
    files.watch_directories();
    for (const auto& [path, cause] : moved) files.read_again(path, cause);
    files.watch_directories();  // of what the new ones name
}

void SecretFiles::read_again(const std::string& path, Cause cause) {
    const Result<config::SecretFile> file = config::load_secret_file(path);
    for (size_t i = 0; i < secrets_.size(); ++i) {
        if (secrets_[i].source.path != path) continue;
        if (file) {
            take(i, *file, cause);
        } else {
            reject(secrets_[i], file.error().text, cause, file.error().code != 0);
        }
    }
}

void SecretFiles::take(size_t index, const config::SecretFile& file, Cause cause) {
    Secret& secret = secrets_[index];
    std::optional<SecretValue> value = find(file, secret.kind, secret.source.name);
    if (!value) return reject(secret, missing(secret.source), cause, false);
    const bool changed = !same(*value, secret.value);
    if (changed) {
        if (const Status taken = offer_(index, *value); !taken) {
            return reject(secret, taken.error().text, cause, false);
        }
        secret.value = std::move(*value);
        SPDLOG_LOGGER_INFO(log_of("secret"), "secret {} is updated from {}{}{}", secret.source.name, secret.source.path,
                           file.version.empty() ? "" : ", version ", file.version);
    }
    if (cause == Cause::keys_moved || (cause == Cause::unwatched && !changed)) return;
    count_success(secret, file.version);
}

void SecretFiles::reject(const Secret& secret, const std::string& why, Cause cause, bool unreadable) const {
    const SdsStats& stats = secret.stats;
    if (cause != Cause::keys_moved) stats.update_attempt.add();
    (cause == Cause::keys_moved ? stats.key_rotation_failed
     : unreadable               ? stats.update_failure
                                : stats.update_rejected)
        .add();
    SPDLOG_LOGGER_WARN(log_of("secret"), "update of secret {} rejected, the old one stays: {}", secret.source.name,
                       why);
}

}  // namespace heirloom::server
