// SPDX-License-Identifier: Apache-2.0
#include "supervisor/stderr_relay.h"

#include <fcntl.h>
#include <poll.h>

namespace heirloom::supervisor {

namespace {

constexpr size_t kTailBytes = 2048;
constexpr int kLastLines = 3;
constexpr std::chrono::milliseconds kRetry{20};

}  // namespace

StderrRelay::StderrRelay(boost::asio::io_context& io, UniqueFd read_end, int out_fd)
    : in_(io), retry_(io), out_fd_(out_fd) {
    fcntl(read_end.get(), F_SETFL, O_NONBLOCK);
    in_.assign(read_end.release());
}

void StderrRelay::start() { wait(); }

void StderrRelay::wait() {
    in_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                   [self = shared_from_this()](const boost::system::error_code& error) {
                       if (error || !self->in_.is_open()) return;
                       if (!self->read_some()) {
                           self->in_.close();
                       } else if (self->pass_on()) {
                           self->wait();
                       } else {
                           self->retry_later();
                       }
                   });
}

void StderrRelay::retry_later() {
    retry_.expires_after(kRetry);
    retry_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
        if (error || !self->in_.is_open()) return;
        self->pass_on() ? self->wait() : self->retry_later();
    });
}

bool StderrRelay::read_some() {
    char buffer[4096];
    const ssize_t size = read(in_.native_handle(), buffer, sizeof buffer);
    if (size < 0) return errno == EAGAIN || errno == EINTR;
    if (size == 0) return false;
    const std::string_view text(buffer, static_cast<size_t>(size));
    pending_ += text;
    tail_ += text;
    if (tail_.size() > kTailBytes) tail_.erase(0, tail_.size() - kTailBytes);
    return true;
}

bool StderrRelay::pass_on() {
    while (!pending_.empty()) {
        pollfd out{out_fd_, POLLOUT, 0};
        if (poll(&out, 1, 0) <= 0) return false;
        // Whole pieces of at most PIPE_BUF: poll promises room for that much.
        const ssize_t size = write(out_fd_, pending_.data(), std::min<size_t>(pending_.size(), 4096));
        if (size < 0 && (errno == EAGAIN || errno == EINTR)) return false;
        if (size < 0) {
            pending_.clear();  // our stderr is gone; the last words are still kept
            return true;
        }
        pending_.erase(0, static_cast<size_t>(size));
    }
    return true;
}

void StderrRelay::finish() {
    if (!in_.is_open()) return;
    // Bounded: a stray process that still writes must not hold us.
    for (int piece = 0; piece < 64; ++piece) {
        pollfd in{in_.native_handle(), POLLIN, 0};
        if (poll(&in, 1, 0) <= 0 || (in.revents & POLLIN) == 0 || !read_some()) break;
        pass_on();
    }
    pass_on();
    in_.close();
    retry_.cancel();
}

std::string StderrRelay::last_words() const {
    std::string words;
    size_t end = tail_.size();
    for (int line = 0; line < kLastLines && end > 0;) {
        const size_t newline = tail_.rfind('\n', end - 1);
        const size_t begin = newline == std::string::npos ? 0 : newline + 1;
        const std::string_view text = std::string_view(tail_).substr(begin, end - begin);
        if (!text.empty()) {
            words = std::string(text) + (words.empty() ? "" : " | ") + words;
            ++line;
        }
        if (newline == std::string::npos) break;
        end = newline;
    }
    return words;
}

}  // namespace heirloom::supervisor
