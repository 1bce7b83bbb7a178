// SPDX-License-Identifier: Apache-2.0
// The head of an answer made here, not upstream: text/plain, or trailers-only for gRPC, as Envoy shapes it.
#pragma once

#include <cstdint>
#include <string_view>

#include "proxy/http/headers.h"

namespace heirloom::connection_manager {

// Fills `reply` (cleared before). Returns the body to send, which is empty for gRPC: there the text is in the head.
// `grpc_status`: instead of what `status` stands for; "": that.
std::string_view make_local_reply(http::HeaderMap& reply, const http::HeaderMap& request, uint16_t status,
                                  std::string_view body, const http::HeaderMap* add, std::string_view grpc_status = {});

// Writes a whole answer that says `connection: close`, for a request that the codec does not know of.
void write_local_reply(network::Buffer& out, const http::HeaderMap& reply, std::string_view body);

// The text of the answer to unusable input: "Bad Request" for 400 ...
std::string_view text_of_refusal(uint16_t status);

}  // namespace heirloom::connection_manager
