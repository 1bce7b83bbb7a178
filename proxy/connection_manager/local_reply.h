// SPDX-License-Identifier: Apache-2.0
// The head of an answer made here, not upstream: text/plain, or trailers-only for gRPC, as Envoy shapes it.
#pragma once

#include <cstdint>
#include <string_view>

#include "proxy/http/headers.h"
#include "proxy/http/stream_info.h"

namespace heirloom::connection_manager {

class LocalReplyMapper;

struct LocalReply {
    uint16_t status = 0;
    std::string_view body{};
    const http::HeaderMap* add = nullptr;  // further fields
    std::string_view grpc_status{};        // instead of what `status` stands for; "": that
};

// What the configuration makes of it; not looked at without a mapper.
struct ReplyContext {
    LocalReplyMapper* mapper = nullptr;
    http::StreamInfo* info = nullptr;  // null only without a mapper
};

// Fills `head` (cleared before). Returns the body to send, which is empty for gRPC: there the text is in the head. It
// may lie in the mapper: valid until its next reply.
std::string_view make_local_reply(http::HeaderMap& head, const http::HeaderMap& request, const LocalReply& reply,
                                  ReplyContext context = {});

// Writes a whole answer that says `connection: close`, for a request that the codec does not know of.
void write_local_reply(network::Buffer& out, const http::HeaderMap& head, std::string_view body,
                       bool proper_case_names);

// The text of the answer to unusable input: "Bad Request" for 400 ...
std::string_view text_of_refusal(uint16_t status);

}  // namespace heirloom::connection_manager
