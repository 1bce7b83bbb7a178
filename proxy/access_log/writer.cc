// SPDX-License-Identifier: Apache-2.0
#include "proxy/access_log/writer.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstring>

namespace heirloom::access_log {

namespace {

constexpr size_t kMaximumWaitingBytes = 16 * 1024 * 1024;
constexpr size_t kMaximumSpareBytes = 64 * 1024;  // memory of an unusually large batch is not kept
constexpr size_t kMaximumSpares = 64;
constexpr std::chrono::milliseconds kBlockedRetry{50};
constexpr int kLastChanceMs = 1000;

uint64_t count_lines(std::string_view text) {
    return static_cast<uint64_t>(std::count(text.begin(), text.end(), '\n'));
}

Result<UniqueFd> open_for_append(const std::string& path) {
    // O_NONBLOCK: a FIFO without a reader is an error at once and not a start that hangs.
    UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0644));
    if (!fd) return Error::from_errno("unable to open file '" + path + "'");
    return fd;
}

// Regular files and devices take bytes or fail; the others may make a writer wait for their reader.
bool may_block(int fd) {
    struct stat info {};
    if (fstat(fd, &info) != 0) return false;
    return S_ISFIFO(info.st_mode) || S_ISSOCK(info.st_mode) || (S_ISCHR(info.st_mode) && isatty(fd));
}

bool takes_bytes(int fd, int timeout_ms) {
    pollfd entry{fd, POLLOUT, 0};
    return poll(&entry, 1, timeout_ms) > 0;  // an error shows in the write
}

// What a pipe that says POLLOUT takes without blocking, ending with a line where one ends.
std::string_view pipe_piece(std::string_view bytes) {
    if (bytes.size() <= PIPE_BUF) return bytes;
    const size_t end = bytes.rfind('\n', PIPE_BUF - 1);
    return bytes.substr(0, end == std::string_view::npos ? PIPE_BUF : end + 1);
}

}  // namespace

FilesystemStats make_filesystem_stats(stats::Registrar& registrar, const std::string& prefix) {
    HEIRLOOM_PREFETCH(registrar, prefix, HEIRLOOM_FILESYSTEM_STATS)
    return {HEIRLOOM_FILESYSTEM_STATS(HEIRLOOM_MAKE_COUNTER, HEIRLOOM_MAKE_GAUGE, HEIRLOOM_MAKE_HISTOGRAM)};
}

File::File(std::shared_ptr<Writer> writer, std::string path, UniqueFd fd, bool reopens)
    : writer_(std::move(writer)),
      path_(std::move(path)),
      reopens_(reopens),
      fd_(std::move(fd)),
      polls_(may_block(fd_.get())) {}

void File::hand_over(std::string& batch) {
    if (batch.empty()) return;
    std::string replacement;
    bool taken = false;
    {
        const std::lock_guard lock(writer_->mutex_);
        if (!writer_->stopping_ && waiting_bytes_ + batch.size() <= kMaximumWaitingBytes) {
            taken = true;
            waiting_bytes_ += batch.size();
            pending_.push_back(std::move(batch));
            if (!writer_->spare_.empty()) {
                replacement = std::move(writer_->spare_.back());
                writer_->spare_.pop_back();
            }
            writer_->work_ = true;
        }
    }
    if (taken) {
        writer_->wake_.notify_one();
        batch = std::move(replacement);
    } else {
        writer_->dropped_.fetch_add(count_lines(batch), std::memory_order_relaxed);
        writer_->bytes_gone_.fetch_add(batch.size(), std::memory_order_relaxed);
    }
    batch.clear();
}

Writer::Writer(stats::Registrar& registrar, std::chrono::milliseconds flush_interval)
    : flush_interval_(flush_interval),
      stats_(make_filesystem_stats(registrar, "filesystem.")),
      lines_dropped_(registrar.counter("access_log.lines_dropped")) {}

void Writer::start() {
    stopping_ = false;
    // Signals belong to the main thread; a closed pipe is EPIPE here.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    thread_ = std::thread([this] { run(); });
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void Writer::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_one();
    if (thread_.joinable()) thread_.join();
    std::vector<std::shared_ptr<File>> files;
    {
        const std::lock_guard lock(mutex_);
        files.swap(files_);
    }
    publish_counts();
}

Result<std::shared_ptr<File>> Writer::open(const std::shared_ptr<Writer>& self, const std::string& path) {
    const std::lock_guard lock(mutex_);
    for (const auto& file : files_) {
        if (file->path_ == path) return file;
    }
    // By number and not by name: under systemd these are sockets, which open() refuses.
    const int standard = path == "/dev/stdout" ? STDOUT_FILENO : path == "/dev/stderr" ? STDERR_FILENO : -1;
    UniqueFd fd;
    if (standard >= 0) {
        fd.reset(fcntl(standard, F_DUPFD_CLOEXEC, 3));
        if (!fd) return Error::from_errno("unable to open file '" + path + "'");
    } else {
        Result<UniqueFd> opened = open_for_append(path);
        if (!opened) return opened.error();
        fd = std::move(*opened);
    }
    files_.push_back(std::make_shared<File>(self, path, std::move(fd), standard < 0));
    return files_.back();
}

void Writer::reopen_all() {
    {
        const std::lock_guard lock(mutex_);
        for (const auto& file : files_) file->reopen_ = file->reopens_;
        work_ = true;
    }
    wake_.notify_one();
}

bool Writer::wait_until_written(std::chrono::milliseconds limit) {
    std::unique_lock lock(mutex_);
    return written_.wait_for(lock, limit, [this] { return stopping_ || (!work_ && !writing_ && !blocked_); });
}

void Writer::publish_counts() {
    if (!stats::thread_row()) return;
    if (const uint64_t n = completed_.exchange(0, std::memory_order_relaxed)) stats_.write_completed.add(n);
    if (const uint64_t n = failed_.exchange(0, std::memory_order_relaxed)) stats_.write_failed.add(n);
    if (const uint64_t n = reopen_failed_.exchange(0, std::memory_order_relaxed)) stats_.reopen_failed.add(n);
    if (const uint64_t n = dropped_.exchange(0, std::memory_order_relaxed)) lines_dropped_.add(n);
    if (const uint64_t n = bytes_gone_.exchange(0, std::memory_order_relaxed)) {
        stats_.write_total_buffered.sub(static_cast<int64_t>(n));
    }
}

void Writer::run() {
    std::vector<std::shared_ptr<File>> files;
    std::unique_lock lock(mutex_);
    for (;;) {
        const auto has_work = [this] { return work_ || stopping_; };
        if (blocked_) {
            wake_.wait_for(lock, kBlockedRetry, has_work);
        } else {
            wake_.wait(lock, has_work);
        }
        const bool last = stopping_;
        work_ = false;
        writing_ = true;
        files = files_;
        lock.unlock();
        bool blocked = false;
        for (const auto& file : files) {
            take_pending(*file);
            blocked |= write_queue(*file, last) == Outcome::blocked;
        }
        files.clear();
        lock.lock();
        writing_ = false;
        blocked_ = blocked;
        forget_unused();
        written_.notify_all();
        if (last) return;
    }
}

void Writer::forget_unused() {
    std::erase_if(files_, [](const std::shared_ptr<File>& file) {
        return file.use_count() == 1 && file->pending_.empty() && file->queue_.empty();
    });
}

void Writer::take_pending(File& file) {
    bool wants_reopen = false;
    {
        const std::lock_guard lock(mutex_);
        wants_reopen = std::exchange(file.reopen_, false);
        if (file.queue_.empty()) {
            file.queue_.swap(file.pending_);
        } else {
            std::move(file.pending_.begin(), file.pending_.end(), std::back_inserter(file.queue_));
            file.pending_.clear();
        }
    }
    if (wants_reopen) reopen(file);
}

void Writer::reopen(File& file) {
    Result<UniqueFd> opened = open_for_append(file.path_);
    if (opened) {
        file.fd_ = std::move(*opened);
        file.polls_ = may_block(file.fd_.get());
        file.reopen_failing_ = false;
        return;
    }
    reopen_failed_.fetch_add(1, std::memory_order_relaxed);
    if (!std::exchange(file.reopen_failing_, true)) {
        spdlog::warn("access log is not reopened, the old file is kept: {}", opened.error().text);
    }
    const std::lock_guard lock(mutex_);
    file.reopen_ = true;
}

Writer::Outcome Writer::write_queue(File& file, bool last) {
    size_t done = 0;  // entries of the queue
    size_t bytes = 0;
    Outcome outcome = Outcome::written;
    int error = 0;
    while (done < file.queue_.size()) {
        const std::string& batch = file.queue_[done];
        std::string_view rest = std::string_view(batch).substr(file.offset_);
        if (file.polls_) {
            if (!takes_bytes(file.fd_.get(), last ? kLastChanceMs : 0)) {
                if (last) error = EAGAIN;
                outcome = Outcome::blocked;
                break;
            }
            rest = pipe_piece(rest);
        }
        const ssize_t n = ::write(file.fd_.get(), rest.data(), rest.size());
        if (n < 0) {
            if (errno == EINTR) continue;
            if (errno == EAGAIN && !last) {
                outcome = Outcome::blocked;
            } else {
                error = errno;
            }
            break;
        }
        bytes += static_cast<size_t>(n);
        file.offset_ += static_cast<size_t>(n);
        if (file.offset_ < batch.size()) continue;
        file.offset_ = 0;
        ++done;
        completed_.fetch_add(1, std::memory_order_relaxed);
        if (std::exchange(file.failing_, false)) {
            spdlog::warn("access log '{}' is written again, {} lines were lost", file.path_,
                         std::exchange(file.lost_, 0));
        }
    }
    bytes_gone_.fetch_add(bytes, std::memory_order_relaxed);
    if (error != 0 && !std::exchange(file.failing_, true)) {
        spdlog::warn("access log '{}' cannot be written, lines are dropped: {}", file.path_, std::strerror(error));
    }
    const std::lock_guard lock(mutex_);
    file.waiting_bytes_ -= bytes;
    for (size_t i = 0; i < done; ++i) {
        std::string& used = file.queue_[i];
        if (used.capacity() > kMaximumSpareBytes || spare_.size() >= kMaximumSpares) continue;
        used.clear();
        spare_.push_back(std::move(used));
    }
    file.queue_.erase(file.queue_.begin(), file.queue_.begin() + static_cast<std::ptrdiff_t>(done));
    if (error != 0) drop_queue(file);
    return outcome;
}

void Writer::drop_queue(File& file) {
    failed_.fetch_add(1, std::memory_order_relaxed);
    // A line that is half in the file is finished when there is room again; whole lines are lost.
    std::string rest;
    std::string& first = file.queue_.front();
    if (file.offset_ > 0 && first[file.offset_ - 1] != '\n') {
        const size_t end = first.find('\n', file.offset_);
        rest = first.substr(file.offset_, end == std::string::npos ? end : end + 1 - file.offset_);
    }
    first.erase(0, file.offset_ + rest.size());
    file.offset_ = 0;
    for (const std::string& batch : file.queue_) lose(file, batch);
    file.queue_.clear();
    if (!rest.empty()) file.queue_.push_back(std::move(rest));
}

void Writer::lose(File& file, std::string_view lines) {
    const uint64_t count = count_lines(lines);
    file.lost_ += count;
    file.waiting_bytes_ -= lines.size();
    dropped_.fetch_add(count, std::memory_order_relaxed);
    bytes_gone_.fetch_add(lines.size(), std::memory_order_relaxed);
}

}  // namespace heirloom::access_log
