// SPDX-License-Identifier: Apache-2.0
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <vector>

#include "proxy/stats/line_writer.h"

namespace heirloom::stats {

namespace {

constexpr size_t kMostDatagrams = 64;  // in one system call

class DatagramWriter final : public LineWriter {
  public:
    DatagramWriter(const shm::SocketAddress& to, size_t max_bytes, Counter dropped)
        : to_(to), max_bytes_(max_bytes), dropped_(dropped) {}

    void write(std::string_view line) override {
        if (joins(line.size())) {
            Datagram& last = datagrams_[used_ - 1];
            last.text.append("\n").append(line);
            ++last.lines;
            return;
        }
        if (max_bytes_ != 0 || used_ == datagrams_.size()) flush();
        datagrams_[used_].text.assign(line);
        datagrams_[used_++].lines = 1;
    }

    void flush() override {
        if (used_ == 0) return;
        if (!socket_) socket_.reset(::socket(to_.family(), SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        const size_t sent = socket_ ? send() : 0;
        for (size_t i = sent; i < used_; ++i) dropped_.add(datagrams_[i].lines);
        used_ = 0;
    }

    bool would_send(size_t bytes) const override { return used_ > 0 && !joins(bytes); }

  private:
    struct Datagram {
        std::string text;  // keeps its memory
        size_t lines = 0;
    };

    bool joins(size_t bytes) const {
        return used_ > 0 && max_bytes_ != 0 && datagrams_[used_ - 1].text.size() + 1 + bytes <= max_bytes_;
    }

    // How many went out. A sink that does not take one is not asked for the rest of this batch.
    size_t send() {
        std::array<iovec, kMostDatagrams> pieces;
        std::array<mmsghdr, kMostDatagrams> messages{};
        for (size_t i = 0; i < used_; ++i) {
            pieces[i] = {datagrams_[i].text.data(), datagrams_[i].text.size()};
            messages[i].msg_hdr.msg_name = &to_.storage;
            messages[i].msg_hdr.msg_namelen = to_.length;
            messages[i].msg_hdr.msg_iov = &pieces[i];
            messages[i].msg_hdr.msg_iovlen = 1;
        }
        size_t sent = 0;
        while (sent < used_) {
            const int n =
                ::sendmmsg(socket_.get(), messages.data() + sent, static_cast<unsigned>(used_ - sent), MSG_NOSIGNAL);
            if (n < 0 && errno == EINTR) continue;
            if (n <= 0) break;
            sent += static_cast<size_t>(n);
        }
        return sent;
    }

    shm::SocketAddress to_;
    const size_t max_bytes_;
    const Counter dropped_;
    UniqueFd socket_;
    std::array<Datagram, kMostDatagrams> datagrams_;
    size_t used_ = 0;
};

}  // namespace

std::unique_ptr<LineWriter> make_datagram_writer(const shm::SocketAddress& to, size_t max_bytes, Counter dropped) {
    return std::make_unique<DatagramWriter>(to, max_bytes, dropped);
}

}  // namespace heirloom::stats
