// SPDX-License-Identifier: Apache-2.0
#include "proxy/router/stream_duration.h"

#include "tests/unit/router/router_fixture.h"

namespace heirloom::router {

using std::chrono::milliseconds;

TEST_CASE("grpc-timeout: digits and a unit") {
    CHECK(read_grpc_timeout("1H") == milliseconds(3'600'000));
    CHECK(read_grpc_timeout("2M") == milliseconds(120'000));
    CHECK(read_grpc_timeout("3S") == milliseconds(3000));
    CHECK(read_grpc_timeout("4m") == milliseconds(4));
    CHECK(read_grpc_timeout("1001u") == milliseconds(2));
    CHECK(read_grpc_timeout("1n") == milliseconds(1));
    CHECK(read_grpc_timeout("0S") == milliseconds(0));
    CHECK(read_grpc_timeout("99999999H").has_value());
    for (const char* bad : {"", "S", "1", "1s", "-1S", "+1S", "1.5S", " 1S", "1S ", "123456789S", "0x1S", "aS"}) {
        CHECK_FALSE(read_grpc_timeout(bad).has_value());
    }
}

namespace {

struct Asked {
    milliseconds limit;
    std::string sent;  // grpc-timeout that goes on
};

Asked limit(const config::ForwardAction& action, std::string_view asked, std::string_view type = "application/grpc",
            milliseconds otherwise = milliseconds(0)) {
    http::HeaderMap headers;
    headers.add_copy(http::HeaderId::content_type, type);
    if (!asked.empty()) headers.add_copy("grpc-timeout", asked);
    const milliseconds found = limit_stream(headers, action, otherwise);
    const http::HeaderField* const field = headers.find("grpc-timeout");
    return {found, field ? std::string(field->value) : ""};
}

}  // namespace

TEST_CASE("the limit of a stream") {
    config::ForwardAction action;
    SUBCASE("a route that does not look at grpc-timeout") {
        CHECK(limit(action, "1S").limit == milliseconds(0));
        CHECK(limit(action, "1S").sent == "1S");
        CHECK(limit(action, "1S", "application/grpc", milliseconds(7)).limit == milliseconds(7));
        CHECK(limit(action, "1S", "application/grpc", milliseconds(7)).sent == "7m");
    }
    SUBCASE("up to a maximum, which goes on") {
        action.grpc_timeout_max = milliseconds(2000);
        CHECK(limit(action, "1S").limit == milliseconds(1000));
        CHECK(limit(action, "1S").sent == "1000m");
        CHECK(limit(action, "5S").limit == milliseconds(2000));
        CHECK(limit(action, "5S", "application/grpc+proto").sent == "2000m");
        CHECK(limit(action, "5S", "text/plain").limit == milliseconds(2000));  // as in Envoy
        CHECK(limit(action, "5S", "text/plain").sent == "5S");
        CHECK(limit(action, "5S", "application/grpc-web").sent == "5S");
        CHECK(limit(action, "").limit == milliseconds(0));
        CHECK(limit(action, "nonsense").limit == milliseconds(0));
        CHECK(limit(action, "nonsense").sent == "nonsense");
    }
    SUBCASE("without a maximum") {
        action.grpc_timeout_max = milliseconds(0);
        CHECK(limit(action, "99999999H").limit == std::chrono::hours(99'999'999));
        CHECK(limit(action, "99999999H").sent == "99999999H");
        CHECK(limit(action, "100M").sent == "6000000m");
    }
    SUBCASE("with an offset") {
        action.grpc_timeout_max = milliseconds(2000);
        action.grpc_timeout_offset = milliseconds(100);
        CHECK(limit(action, "1S").limit == milliseconds(900));
        CHECK(limit(action, "50m").limit == milliseconds(1));
    }
    SUBCASE("the route's own, also none") {
        action.max_stream_duration = milliseconds(300);
        CHECK(limit(action, "1S", "application/grpc", milliseconds(7)).limit == milliseconds(300));
        CHECK(limit(action, "").sent == "300m");
        action.max_stream_duration = milliseconds(0);
        CHECK(limit(action, "1S", "application/grpc", milliseconds(7)).limit == milliseconds(0));
        CHECK(limit(action, "1S").sent == "1S");
    }
}

TEST_CASE("the route's timeout of a gRPC call") {
    config::ForwardAction action;
    const auto timeout = [&action](std::string_view asked, std::string_view type = "application/grpc") {
        http::HeaderMap headers;
        headers.add_copy(http::HeaderId::content_type, type);
        if (!asked.empty()) headers.add_copy("grpc-timeout", asked);
        return route_timeout(headers, action);
    };
    CHECK(timeout("1S") == milliseconds(15'000));
    action.max_grpc_timeout = milliseconds(2000);
    CHECK(timeout("1S") == milliseconds(1000));
    CHECK(timeout("5S") == milliseconds(2000));
    CHECK(timeout("") == milliseconds(2000));
    CHECK(timeout("nonsense") == milliseconds(2000));
    CHECK(timeout("1S", "text/plain") == milliseconds(15'000));
    action.max_grpc_timeout_offset = milliseconds(100);
    CHECK(timeout("1S") == milliseconds(900));
    CHECK(timeout("100m") == milliseconds(100));
    action.max_grpc_timeout = milliseconds(0);
    CHECK(timeout("99S") == milliseconds(98'900));
    CHECK(timeout("") == milliseconds(0));
}

TEST_CASE_FIXTURE(RouterFixture, "the router tells the stream") {
    forward();
    SUBCASE("nothing configured: nothing told") {
        RecordedStream& client = stream();
        client.request("GET", "/");
        CHECK_FALSE(client.max_duration.has_value());
    }
    SUBCASE("the route's") {
        route.forward->max_stream_duration = milliseconds(300);
        RecordedStream& client = stream();
        client.request("GET", "/");
        CHECK(client.max_duration == milliseconds(300));
    }
}

}  // namespace heirloom::router
