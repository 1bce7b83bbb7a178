// SPDX-License-Identifier: Apache-2.0
// What an HTTP/1 codec needs while a message is under way and not in between. Taken from a per-thread pool, so that an
// idle connection holds nothing and a busy one allocates nothing.
#pragma once

#include <memory>

#include "proxy/http/headers.h"
#include "proxy/http/http1_body.h"
#include "proxy/http/http1_encode.h"
#include "proxy/http/http1_head.h"

namespace heirloom::http {

struct Http1Exchange {
    HeaderMap headers;
    HeaderMap trailers;
    network::Buffer body;  // decoded, on its way to the receiver
    HeadParser parser;
    BodyDecoder decoder;
    BodyEncoder encoder;
};

struct ReturnExchange {
    void operator()(Http1Exchange* exchange) const;  // clears it and keeps it for the next
};
using ExchangePtr = std::unique_ptr<Http1Exchange, ReturnExchange>;
ExchangePtr acquire_exchange();

}  // namespace heirloom::http
