// SPDX-License-Identifier: Apache-2.0
#include "proxy/access_log/access_log.h"

#include <spdlog/spdlog.h>

#include <utility>

#include "proxy/access_log/filter.h"
#include "proxy/access_log/format.h"
#include "proxy/access_log/writer.h"

namespace heirloom::access_log {

namespace {

constexpr size_t kBatchBytes = 16 * 1024;
constexpr std::chrono::milliseconds kFlushLimit{
    5000};  // a reader of stdout that sleeps must not keep the process alive

const std::string& path_of(const config::AccessLogConfig& config) {
    static const std::string standard_output = "/dev/stdout";
    static const std::string standard_error = "/dev/stderr";
    switch (config.sink) {
        case config::AccessLogConfig::Sink::file:
            return config.path;
        case config::AccessLogConfig::Sink::standard_output:
            return standard_output;
        case config::AccessLogConfig::Sink::standard_error:
            return standard_error;
    }
    return config.path;
}

}  // namespace

struct AccessLogManager::Impl {
    std::shared_ptr<Writer> writer;
};

AccessLogManager::AccessLogManager(stats::Registrar& registrar, std::chrono::milliseconds flush_interval)
    : impl_(std::make_unique<Impl>(Impl{std::make_shared<Writer>(registrar, flush_interval)})) {
    impl_->writer->start();
}

AccessLogManager::~AccessLogManager() { impl_->writer->stop(); }

Result<std::shared_ptr<File>> AccessLogManager::open(const config::AccessLogConfig& config) {
    return impl_->writer->open(impl_->writer, path_of(config));
}

void AccessLogManager::reopen() {
    impl_->writer->reopen_all();
    impl_->writer->publish_counts();
}

void AccessLogManager::flush() {
    if (!impl_->writer->wait_until_written(kFlushLimit)) spdlog::warn("access log lines wait for a reader");
    impl_->writer->publish_counts();
}

struct Logger::Impl {
    struct Sink {
        Filter filter;
        Format format;
        std::shared_ptr<File> file;
        std::string batch;
    };

    explicit Impl(network::EventLoop& event_loop) : loop(event_loop), timer(&Impl::on_timer, this) {}

    static void on_timer(void* self) { static_cast<Impl*>(self)->flush(true); }

    void flush(bool by_timer) {
        timer.cancel();
        for (Sink& sink : sinks) {
            if (sink.batch.empty()) continue;
            if (by_timer) sink.file->writer().stats().flushed_by_timer.add();
            sink.file->hand_over(sink.batch);
            sink.file->writer().publish_counts();
        }
    }

    network::EventLoop& loop;
    network::Timer timer;
    std::vector<Sink> sinks;
};

Logger::Logger(network::EventLoop& loop, const std::vector<config::AccessLogConfig>& configs,
               std::vector<std::shared_ptr<File>> files)
    : impl_(std::make_unique<Impl>(loop)) {
    for (size_t i = 0; i < configs.size() && i < files.size(); ++i) {
        impl_->sinks.push_back({Filter(configs[i].filter), Format(configs[i].format), std::move(files[i]), {}});
    }
}

Logger::~Logger() { flush(); }

bool Logger::empty() const { return impl_->sinks.empty(); }

void Logger::flush() { impl_->flush(false); }

void Logger::log(const Record& record) {
    for (Impl::Sink& sink : impl_->sinks) {
        if (!sink.filter.passes(record)) continue;
        const size_t before = sink.batch.size();
        sink.format.append(sink.batch, record, impl_->loop.wall_now());
        const FilesystemStats& stats = sink.file->writer().stats();
        stats.write_buffered.add();
        stats.write_total_buffered.add(static_cast<int64_t>(sink.batch.size() - before));
        if (sink.batch.size() >= kBatchBytes) {
            sink.file->hand_over(sink.batch);
            sink.file->writer().publish_counts();
        } else if (!impl_->timer.armed()) {
            impl_->timer.arm(impl_->loop.timers(), sink.file->writer().flush_interval());
        }
    }
}

}  // namespace heirloom::access_log
