// SPDX-License-Identifier: Apache-2.0
// What libnghttp2 calls while it reads and writes: turns frames into events of the session's streams.
#pragma once

#include "proxy/http/http2_session.h"

namespace heirloom::http {

struct Http2Session::Callbacks {
    // The same for every session.
    static const nghttp2_session_callbacks* table();

    static Http2Session& of(void* user_data) { return *static_cast<Http2Session*>(user_data); }
    static Http2Stream* find(nghttp2_session* library, int32_t id) {
        return static_cast<Http2Stream*>(nghttp2_session_get_stream_user_data(library, id));
    }

    static int on_begin_frame(nghttp2_session* library, const nghttp2_frame_hd* head, void* user_data);
    static int on_begin_headers(nghttp2_session* library, const nghttp2_frame* frame, void* user_data);
    static int on_header(nghttp2_session* library, const nghttp2_frame* frame, const uint8_t* name, size_t name_length,
                         const uint8_t* value, size_t value_length, uint8_t flags, void* user_data);
    static int on_invalid_header(nghttp2_session* library, const nghttp2_frame* frame, const uint8_t* name,
                                 size_t name_length, const uint8_t* value, size_t value_length, uint8_t flags,
                                 void* user_data);
    static int on_frame(nghttp2_session* library, const nghttp2_frame* frame, void* user_data);
    static int on_data_chunk(nghttp2_session* library, uint8_t flags, int32_t id, const uint8_t* data, size_t length,
                             void* user_data);
    static int on_frame_not_sent(nghttp2_session* library, const nghttp2_frame* frame, int error, void* user_data);
    static int on_stream_close(nghttp2_session* library, int32_t id, uint32_t error_code, void* user_data);
    static ssize_t read_body(nghttp2_session* library, int32_t id, uint8_t* buffer, size_t length, uint32_t* flags,
                             nghttp2_data_source* source, void* user_data);
    static int send_data(nghttp2_session* library, nghttp2_frame* frame, const uint8_t* head, size_t length,
                         nghttp2_data_source* source, void* user_data);

    static int on_head_complete(Http2Session& session, Http2Stream& stream, bool end_stream);
};

}  // namespace heirloom::http
