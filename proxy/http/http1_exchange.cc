// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/http1_exchange.h"

#include <utility>
#include <vector>

namespace heirloom::http {
namespace {

constexpr size_t kPoolLimit = 256;

struct Pool {
    std::vector<Http1Exchange*> free;
    ~Pool();
};
thread_local Pool pool;
// Trivial, so it outlives `pool`: an exchange returned at the very end of the thread is deleted.
thread_local bool pool_gone = false;

Pool::~Pool() {
    pool_gone = true;
    for (Http1Exchange* exchange : free) delete exchange;
}

}  // namespace

ExchangePtr acquire_exchange() {
    if (pool_gone || pool.free.empty()) return ExchangePtr(new Http1Exchange());
    Http1Exchange* exchange = pool.free.back();
    pool.free.pop_back();
    return ExchangePtr(exchange);
}

void ReturnExchange::operator()(Http1Exchange* exchange) const {
    exchange->headers.clear();
    exchange->trailers.clear();
    exchange->body.clear();
    if (pool_gone || pool.free.size() >= kPoolLimit) {
        delete exchange;
    } else {
        pool.free.push_back(exchange);
    }
}

}  // namespace heirloom::http
