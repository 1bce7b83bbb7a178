// SPDX-License-Identifier: Apache-2.0
// The writer thread and the files it writes. Workers hand over batches of whole lines under a lock that is held for a
// few instructions; only the writer thread ever waits for a disk or a pipe.
//
// What the writer counts has no row of its own in the segment (rows belong to the main thread and the workers), so it
// counts in atomics, and whichever thread with a row comes by takes them over: publish_counts().
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "proxy/stats/store.h"
#include "shm/result.h"
#include "shm/unique_fd.h"

namespace heirloom::access_log {

#define HEIRLOOM_FILESYSTEM_STATS(COUNTER, GAUGE, HISTOGRAM) \
    COUNTER(write_buffered)                                  \
    COUNTER(write_completed)                                 \
    COUNTER(write_failed)                                    \
    COUNTER(flushed_by_timer)                                \
    COUNTER(reopen_failed)                                   \
    GAUGE(write_total_buffered)

struct FilesystemStats {
    HEIRLOOM_FILESYSTEM_STATS(HEIRLOOM_COUNTER, HEIRLOOM_GAUGE, HEIRLOOM_HISTOGRAM)
};
FilesystemStats make_filesystem_stats(stats::Registrar& registrar, const std::string& prefix);

class Writer;

// One path, or stdout or stderr. The loggers of all workers share it.
class File {
  public:
    // `path` is reopened on request; for stdout and stderr `reopens` is false and the path only a name for messages.
    File(std::shared_ptr<Writer> writer, std::string path, UniqueFd fd, bool reopens);
    File(const File&) = delete;
    File& operator=(const File&) = delete;

    // Any thread. Takes `batch` (whole lines) and gives back an empty string with memory. Drops and counts the lines
    // when too much waits already or the writer has stopped.
    void hand_over(std::string& batch);
    Writer& writer() { return *writer_; }
    const std::string& path() const { return path_; }

  private:
    friend class Writer;
    const std::shared_ptr<Writer> writer_;
    const std::string path_;
    const bool reopens_;
    // Guarded by the writer's mutex.
    std::vector<std::string> pending_;
    size_t waiting_bytes_ = 0;  // in pending_ and queue_
    bool reopen_ = false;
    // Writer thread only.
    UniqueFd fd_;
    bool polls_ = false;              // a pipe, socket or terminal: written only when it takes bytes
    std::vector<std::string> queue_;  // taken from pending_, being written
    size_t offset_ = 0;               // bytes of queue_[0] that are written
    bool failing_ = false;
    bool reopen_failing_ = false;
    uint64_t lost_ = 0;  // lines since the warning
};

// Shared by the manager and the files, so that a batch that comes late still has somewhere to go.
class Writer {
  public:
    Writer(stats::Registrar& registrar, std::chrono::milliseconds flush_interval);
    // Starts the thread. Main thread, once.
    void start();
    // Writes what waits, for at most about a second where nobody takes the bytes, then ends the thread. Main thread.
    void stop();

    // The file of `path`, shared when it is open already.
    Result<std::shared_ptr<File>> open(const std::shared_ptr<Writer>& self, const std::string& path);
    void reopen_all();
    // False: not all was written within `limit`.
    bool wait_until_written(std::chrono::milliseconds limit);
    // Adds what the writer thread counted to the row of the calling thread.
    void publish_counts();

    std::chrono::milliseconds flush_interval() const { return flush_interval_; }
    const FilesystemStats& stats() const { return stats_; }

  private:
    friend class File;
    enum class Outcome { written, blocked };

    void run();
    void take_pending(File& file);  // pending_ -> queue_; reopens when asked
    Outcome write_queue(File& file, bool last);
    void reopen(File& file);
    // Loses what is queued, but not the rest of a line that was cut. REQUIRES: the mutex, a queue that is not empty.
    void drop_queue(File& file);
    void lose(File& file, std::string_view lines);
    void forget_unused();  // files that nobody can write to any more

    const std::chrono::milliseconds flush_interval_;
    FilesystemStats stats_;
    stats::Counter lines_dropped_;

    std::mutex mutex_;
    std::condition_variable wake_;
    std::condition_variable written_;
    // Guarded by the mutex.
    std::vector<std::shared_ptr<File>> files_;
    std::vector<std::string> spare_;  // empty strings with memory
    bool work_ = false;
    bool writing_ = false;
    bool blocked_ = false;
    bool stopping_ = true;  // no thread runs

    std::thread thread_;
    std::atomic<uint64_t> completed_{0}, failed_{0}, reopen_failed_{0}, dropped_{0}, bytes_gone_{0};
};

}  // namespace heirloom::access_log
