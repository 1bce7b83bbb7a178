// SPDX-License-Identifier: Apache-2.0
// The hashes that a stock Envoy 1.36.4 made are known by the endpoint of a ring that it chose (see
// load_balancers_test): here by the same ring.
#include "proxy/router/hash_policy.h"

#include <doctest/doctest.h>

#include "proxy/network/xxhash64.h"

namespace heirloom::router {

namespace {

using Policy = config::HashPolicyConfig;
using network::xxhash64;

struct Asked {
    std::optional<uint64_t> hash(std::vector<Policy::Policy> policies) {
        Policy policy;
        policy.policies = std::move(policies);
        cookies.clear();
        return hash_of(policy, {headers, &client, &local}, cookies);
    }
    http::HeaderMap headers;
    shm::SocketAddress client = *shm::make_ip_address("127.0.0.9", 34567);
    shm::SocketAddress local = *shm::make_ip_address("127.0.0.1", 7890);
    std::vector<std::string> cookies;
};

const Policy::Policy kHeader{Policy::Header{"x-h"}, false};
const Policy::Policy kQuery{Policy::QueryParameter{"k"}, false};

}  // namespace

TEST_CASE("by header: its value, several in any order; by query parameter; by the client's address") {
    Asked asked;
    CHECK_FALSE(asked.hash({kHeader}));
    CHECK_FALSE(asked.hash({kQuery}));
    asked.headers.add_copy(http::HeaderId::path, "/q?a=1&k=v1&k=v2");
    asked.headers.add_copy("x-h", "v2");
    CHECK(asked.hash({kHeader}) == xxhash64("v2"));
    CHECK(asked.hash({kQuery}) == xxhash64("v1"));
    asked.headers.add_copy("x-h", "a");
    CHECK(asked.hash({kHeader}) == xxhash64("v2", xxhash64("a")));
    CHECK(asked.hash({{Policy::SourceIp{}, false}}) == xxhash64("127.0.0.9"));
    CHECK_FALSE(asked.hash({{Policy::QueryParameter{"v"}, false}}));
}

TEST_CASE("several are combined until a terminal one has given a hash") {
    Asked asked;
    asked.headers.add_copy(http::HeaderId::path, "/?k=v");
    const uint64_t query = xxhash64("v");
    const Policy::Policy terminal{Policy::Header{"x-h"}, true};
    CHECK(asked.hash({terminal, kQuery}) == query);
    asked.headers.add_copy("x-h", "v");
    CHECK(asked.hash({terminal, kQuery}) == query);
    CHECK(asked.hash({kHeader, kQuery}) == (((query << 1) | (query >> 63)) ^ query));
}

TEST_CASE("by cookie: the one that came, else a new one where there is a ttl") {
    Asked asked;
    const Policy::Policy cookie{Policy::Cookie{"c", "/p", std::chrono::minutes(1)}, false};
    CHECK(asked.hash({cookie}) == xxhash64("b3d89b519b0e275f"));
    REQUIRE(asked.cookies.size() == 1);
    CHECK(asked.cookies[0] == "c=\"b3d89b519b0e275f\"; Max-Age=60; Path=/p; HttpOnly");
    CHECK(asked.hash({{Policy::Cookie{"c", "", std::chrono::seconds(0)}, false}}));
    CHECK(asked.cookies.at(0) == "c=\"b3d89b519b0e275f\"; HttpOnly");
    CHECK_FALSE(asked.hash({{Policy::Cookie{"c", "", std::nullopt}, false}}));
    CHECK(asked.cookies.empty());
    asked.headers.add_copy("cookie", "cc=x; c=\"v1\";d=e");
    CHECK(asked.hash({cookie}) == xxhash64("v1"));
    CHECK(asked.cookies.empty());
}

}  // namespace heirloom::router
