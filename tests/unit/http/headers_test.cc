// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/headers.h"

#include <doctest/doctest.h>

#include <string>

#include "proxy/http/date.h"
#include "proxy/http/status.h"
#include "proxy/http/stream_info.h"

using namespace heirloom::http;

TEST_CASE("every well-known name is found by its own id") {
    for (size_t i = 0; i < kWellKnownHeaders; ++i) {
        const auto id = static_cast<HeaderId>(i);
        CAPTURE(name_of(id));
        CHECK(lookup_header(name_of(id)) == id);
    }
    CHECK(lookup_header("") == HeaderId::other);
    CHECK(lookup_header("hosu") == HeaderId::other);
    CHECK(lookup_header("x-request-ie") == HeaderId::other);
    CHECK(lookup_header(std::string(300, 'a')) == HeaderId::other);
    CHECK(name_of(HeaderId::other).empty());
}

TEST_CASE("fields are added, found, replaced and removed") {
    HeaderMap map;
    map.add_copy("accept", "a");
    map.add_copy("x-custom", "1");
    map.add_copy("accept", "b");
    map.add_copy("x-custom", "2");
    CHECK(map.size() == 4);
    CHECK(map.byte_size() == 6 + 1 + 8 + 1 + 6 + 1 + 8 + 1);
    CHECK(map.get(HeaderId::accept) == "a");
    CHECK(map.find("x-custom")->value == "1");
    CHECK(map.find("accept")->value == "a");
    CHECK(map.find("x-other") == nullptr);

    map.set(HeaderId::accept, "c");
    map.set("x-custom", "3");
    CHECK(map.size() == 2);
    CHECK(map.get(HeaderId::accept) == "c");
    CHECK(map.find("x-custom")->value == "3");

    map.remove("accept");
    CHECK_FALSE(map.has(HeaderId::accept));
    CHECK(map.get(HeaderId::accept).data() == nullptr);
    map.remove("x-custom");
    CHECK(map.empty());
    map.set("x-custom", "4");
    map.set("accept", "d");
    CHECK(map.size() == 2);
    CHECK(map.get(HeaderId::accept) == "d");
}

TEST_CASE("an empty value is not an absent one") {
    HeaderMap map;
    map.add_copy("accept", "");
    CHECK(map.has(HeaderId::accept));
    CHECK(map.get(HeaderId::accept).data() != nullptr);
    map.set("x-empty", "");
    CHECK(map.find("x-empty")->value.data() != nullptr);
}

TEST_CASE("a cleared map forgets its fields and views stay valid until then") {
    HeaderMap map;
    for (int round = 0; round < 3; ++round) {
        std::vector<std::string_view> views;
        for (int i = 0; i < 300; ++i) views.push_back(map.copy("value number " + std::to_string(i)));
        for (int i = 0; i < 300; ++i) REQUIRE(views[i] == "value number " + std::to_string(i));
        const std::string large(50'000, 'x');
        map.add_copy("x-large", large);
        CHECK(map.find("x-large")->value == large);
        map.clear();
        CHECK(map.empty());
        CHECK(map.find("x-large") == nullptr);
    }
}

TEST_CASE("dates, reasons and flags are written as Envoy writes them") {
    using namespace std::chrono;
    const system_clock::time_point when{seconds(784111777)};
    CHECK(http_date(when) == "Sun, 06 Nov 1994 08:49:37 GMT");
    CHECK(http_date(when + milliseconds(999)) == "Sun, 06 Nov 1994 08:49:37 GMT");
    CHECK(http_date(when + seconds(1)) == "Sun, 06 Nov 1994 08:49:38 GMT");
    CHECK(http_date(system_clock::time_point{}) == "Thu, 01 Jan 1970 00:00:00 GMT");
    CHECK(reason_phrase(200) == "OK");
    CHECK(reason_phrase(431) == "Request Header Fields Too Large");
    CHECK(reason_phrase(299) == "Unknown");
    CHECK(reason_phrase(0) == "Unknown");
    CHECK(reason_phrase(999) == "Unknown");
    CHECK(short_name_of(ResponseFlag::downstream_protocol_error) == "DPE");
    CHECK(long_name_of(ResponseFlag::no_route_found) == "NoRouteFound");
    CHECK(name_of(Protocol::http11) == "HTTP/1.1");
    CHECK(name_of(StreamReset::connection_failed) == "remote connection failure");
}

TEST_CASE("stream info is as new after a reset") {
    StreamInfo info;
    info.response_code = 503;
    info.set_flag(ResponseFlag::no_healthy_upstream);
    info.details_storage = "because";
    info.response_code_details = info.details_storage;
    info.request_end = StreamInfo::Steady{};
    CHECK(info.has_flag(ResponseFlag::no_healthy_upstream));
    info.reset();
    CHECK(info.response_code == 0);
    CHECK_FALSE(info.has_flag(ResponseFlag::no_healthy_upstream));
    CHECK(info.response_code_details.empty());
    CHECK_FALSE(info.request_end);
}
