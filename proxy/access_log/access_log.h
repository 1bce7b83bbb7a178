// SPDX-License-Identifier: Apache-2.0
// Access logs: one record per request, formatted on the worker into its own batch, written in batches of whole lines.
//
// AccessLogManager (one per process, main thread) owns the files: opened O_APPEND|O_CREAT, two logs with one path share
// a file. A worker hands its batch over when it passes 16 KiB or at the end of a flush interval; the manager's writer
// thread writes it, so that no worker ever waits for a disk. A full or broken disk drops lines, counts them
// (`filesystem.write_failed`, `access_log.lines_dropped`) and warns once.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/config/snapshot.h"
#include "proxy/http/headers.h"
#include "proxy/http/stream_info.h"
#include "proxy/network/event_loop.h"
#include "proxy/stats/store.h"
#include "shm/result.h"

namespace heirloom::access_log {

struct Record {
    const http::StreamInfo& info;
    const http::HeaderMap& request;
    const http::HeaderMap* response;  // null: nothing was sent
    const http::HeaderMap* trailers;
    std::optional<config::LogType> type{};  // none: the end of what `info` tells of
    std::string_view local_reply_body{};    // of an answer that is being made here
};

class File;

class AccessLogManager {
  public:
    AccessLogManager(stats::Registrar& registrar, std::chrono::milliseconds flush_interval);
    ~AccessLogManager();  // writes what is buffered

    // Opens (creates) the file of each sink. Error: "unable to open file 'P': REASON".
    Result<std::shared_ptr<File>> open(const config::AccessLogConfig& config);
    // SIGUSR1, /reopen_logs: what was buffered before goes to the new file. A failed reopen keeps the old descriptor,
    // is counted (`filesystem.reopen_failed`) and retried at the next flush.
    void reopen();
    // Blocks until all that was handed over is written; at exit.
    void flush();

  private:
    friend class File;
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

// The logs of one connection manager or TCP proxy on one worker. Belongs to that worker's thread.
class Logger {
  public:
    // `files` in the order of `configs` (AccessLogManager::open).
    Logger(network::EventLoop& loop, const std::vector<config::AccessLogConfig>& configs,
           std::vector<std::shared_ptr<File>> files);
    ~Logger();  // hands over its batch
    void log(const Record& record);
    bool empty() const;  // no log configured: callers skip the work
    void flush();        // hands over the batch now

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace heirloom::access_log
