// SPDX-License-Identifier: Apache-2.0
#include "proxy/logging.h"

#include <fcntl.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>

#include <mutex>

#include "shm/unique_fd.h"

namespace heirloom::server {
namespace {

constexpr const char* kComponents[] = {
    "admin", "client", "config", "connection", "conn_handler", "dns",     "file",   "filter", "hc",       "http",
    "init",  "main",   "misc",   "pool",       "router",       "runtime", "secret", "stats",  "upstream",
};

// One write per line, so that lines of several processes do not mix in one file.
class FileSink final : public spdlog::sinks::base_sink<std::mutex> {
  public:
    explicit FileSink(std::string path) : path_(std::move(path)) {}

    Status open() {
        const std::lock_guard lock(mutex_);
        if (path_.empty()) return Ok{};
        UniqueFd fd(::open(path_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644));
        if (!fd) return Error::from_errno("unable to open log file '" + path_ + "'");
        fd_ = std::move(fd);
        return Ok{};
    }
    bool is_file() const { return !path_.empty(); }

  protected:
    void sink_it_(const spdlog::details::log_msg& message) override {
        spdlog::memory_buf_t line;
        formatter_->format(message, line);
        const char* data = line.data();
        size_t left = line.size();
        // Standard error by its number: what is behind it may be exchanged while we run.
        const int fd = path_.empty() ? STDERR_FILENO : fd_.get();
        while (left > 0) {
            const ssize_t written = ::write(fd, data, left);
            if (written < 0 && errno == EINTR) continue;
            if (written <= 0) return;  // a log that cannot be written must not stop anything
            data += written;
            left -= static_cast<size_t>(written);
        }
    }
    void flush_() override {}

  private:
    const std::string path_;
    UniqueFd fd_;
};

std::shared_ptr<FileSink> sink;

// %_: the message with line ends escaped. %j: the message escaped for a JSON string.
class EscapedMessage final : public spdlog::custom_flag_formatter {
  public:
    explicit EscapedMessage(bool json) : json_(json) {}
    void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& out) override {
        for (const char c : message.payload) {
            if (c == '\n') {
                append(out, "\\n");
            } else if (json_ && (c == '"' || c == '\\')) {
                out.push_back('\\');
                out.push_back(c);
            } else if (json_ && static_cast<unsigned char>(c) < 0x20) {
                append(out, fmt::format("\\u{:04x}", static_cast<unsigned>(static_cast<unsigned char>(c))));
            } else {
                out.push_back(c);
            }
        }
    }
    std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<EscapedMessage>(json_); }

  private:
    static void append(spdlog::memory_buf_t& out, std::string_view text) {
        out.append(text.data(), text.data() + text.size());
    }
    bool json_;
};

}  // namespace

Status set_up_logging(const Options& options) {
    auto new_sink = std::make_shared<FileSink>(options.log_path);
    if (const Status opened = new_sink->open(); !opened) return opened;
    auto formatter = std::make_unique<spdlog::pattern_formatter>();
    formatter->add_flag<EscapedMessage>('_', false).add_flag<EscapedMessage>('j', true).set_pattern(options.log_format);
    new_sink->set_formatter(std::move(formatter));
    sink = new_sink;

    spdlog::drop_all();
    for (const char* name : kComponents) {
        auto logger = std::make_shared<spdlog::logger>(name, sink);
        logger->set_level(options.log_level);
        spdlog::register_logger(logger);
    }
    for (const auto& [name, level] : options.component_log_levels) {
        const auto logger = spdlog::get(name);
        if (!logger) return Error{"error: invalid component specified '" + name + "'"};
        logger->set_level(level);
    }
    spdlog::set_default_logger(spdlog::get("main"));
    return Ok{};
}

void reopen_log() {
    if (!sink || !sink->is_file()) return;
    if (const Status opened = sink->open(); !opened) spdlog::error("{}", opened.error().text);
}

spdlog::logger* main_log() { return spdlog::default_logger_raw(); }

spdlog::logger* log_of(const char* component) {
    const auto logger = spdlog::get(component);
    return logger ? logger.get() : spdlog::default_logger_raw();
}

}  // namespace heirloom::server
