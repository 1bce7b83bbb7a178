// SPDX-License-Identifier: Apache-2.0
// The library's view of a connection: it reads from and writes to buffers of ours. It is given whole records only, so
// that between two calls it holds no byte of the stream, and is not asked where there is nothing to do. Worker's
// thread.
#pragma once

#include <cstddef>

#include "proxy/network/buffer.h"
#include "proxy/tls/openssl.h"

namespace heirloom::tls {

class RecordBio {
  public:
    // The buffers of the call that is under way.
    void bind(network::Buffer& in, network::Buffer& out) {
        in_ = &in;
        out_ = &out;
    }
    // For a call that shall only write: what there is to read is another's.
    void bind_output(network::Buffer& out) {
        in_ = nullptr;
        out_ = &out;
    }
    // Whether the library could make something of `in`: a whole record, or what is none.
    bool ready(const network::Buffer& in) const { return record_left_ != 0 || next_record(in) != 0; }
    // For SSL_set_bio(), which takes it over; this object must outlive it.
    BIO* make();

    int read(char* to, size_t size);
    void write(std::string_view bytes) { out_->append(bytes); }

  private:
    // Bytes of the first record with its header, 0 while it is not all there.
    static size_t next_record(const network::Buffer& in);

    network::Buffer* in_ = nullptr;
    network::Buffer* out_ = nullptr;
    size_t record_left_ = 0;  // of the record that is being handed out
};

}  // namespace heirloom::tls
