// SPDX-License-Identifier: Apache-2.0
#include "proxy/tls/record_bio.h"

#include <algorithm>
#include <climits>
#include <cstring>

namespace heirloom::tls {
namespace {

constexpr size_t kRecordHeader = 5;
// TLS 1.2 allows 2 KiB more than the content. What claims to be longer is handed on at once: it gets its error.
constexpr size_t kMostRecordBytes = 16 * 1024 + 2 * 1024;

RecordBio& self(BIO* bio) { return *static_cast<RecordBio*>(BIO_get_data(bio)); }

int bio_read(BIO* bio, char* to, int size) {
    BIO_clear_retry_flags(bio);
    const int got = size > 0 ? self(bio).read(to, static_cast<size_t>(size)) : 0;
    if (got > 0) return got;
    BIO_set_retry_read(bio);
    return -1;
}

int bio_write(BIO* bio, const char* from, int size) {
    BIO_clear_retry_flags(bio);
    if (size > 0) self(bio).write({from, static_cast<size_t>(size)});
    return size;
}

long bio_control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

// Made once and never freed: connections of any thread may use it until the process ends.
BIO_METHOD* method() {
    static BIO_METHOD* const made = [] {
        BIO_METHOD* const m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "buffers");
        BIO_meth_set_read(m, &bio_read);
        BIO_meth_set_write(m, &bio_write);
        BIO_meth_set_ctrl(m, &bio_control);
        return m;
    }();
    return made;
}

}  // namespace

BIO* RecordBio::make() {
    BIO* const bio = BIO_new(method());
    BIO_set_data(bio, this);
    BIO_set_init(bio, 1);
    return bio;
}

size_t RecordBio::next_record(const network::Buffer& in) {
    if (in.size() < kRecordHeader) return 0;
    unsigned char header[kRecordHeader];
    const std::string_view front = in.front();
    if (front.size() >= kRecordHeader) {
        std::memcpy(header, front.data(), kRecordHeader);
    } else {
        iovec pieces[kRecordHeader];
        const int count = in.fill_iovec(pieces, kRecordHeader);
        size_t filled = 0;
        for (int i = 0; i < count && filled < kRecordHeader; ++i) {
            const size_t take = std::min(pieces[i].iov_len, kRecordHeader - filled);
            std::memcpy(header + filled, pieces[i].iov_base, take);
            filled += take;
        }
    }
    if (header[0] < 20 || header[0] > 24 || header[1] != 3) return in.size();
    const size_t length = static_cast<size_t>(header[3]) << 8 | header[4];
    if (length > kMostRecordBytes) return in.size();
    return in.size() >= kRecordHeader + length ? kRecordHeader + length : 0;
}

int RecordBio::read(char* to, size_t size) {
    if (!in_) return 0;
    if (record_left_ == 0) record_left_ = next_record(*in_);
    size_t copied = 0;
    size = std::min(size, record_left_);
    while (copied < size) {
        const std::string_view front = in_->front();
        if (front.empty()) break;
        const size_t take = std::min(size - copied, front.size());
        std::memcpy(to + copied, front.data(), take);
        in_->consume(take);
        copied += take;
    }
    record_left_ -= copied;
    return static_cast<int>(copied);
}

}  // namespace heirloom::tls
