// SPDX-License-Identifier: Apache-2.0
#include "proxy/access_log/filter.h"

#include "proxy/runtime/table.h"
#include "tests/unit/access_log/fixture.h"

namespace heirloom::access_log {

namespace {

using config::LogFilter;

struct FilterFixture : RequestFixture {
    bool passes(const LogFilter& filter) { return Filter(filter).passes(record()); }
    static LogFilter status(LogFilter::Compare compare, uint32_t value) {
        LogFilter filter;
        filter.kind = LogFilter::Kind::status_code;
        filter.compare = compare;
        filter.value = value;
        return filter;
    }
    static LogFilter both(LogFilter::Kind kind, LogFilter a, LogFilter b) {
        LogFilter filter;
        filter.kind = kind;
        filter.parts = {std::move(a), std::move(b)};
        return filter;
    }
    static LogFilter sample(uint32_t numerator, uint32_t denominator) {
        LogFilter filter;
        filter.kind = LogFilter::Kind::sample;
        filter.numerator = numerator;
        filter.denominator = denominator;
        return filter;
    }
};

}  // namespace

TEST_CASE_FIXTURE(FilterFixture, "no filter lets everything through") { CHECK(passes(LogFilter())); }

TEST_CASE_FIXTURE(FilterFixture, "status and duration") {
    using Compare = LogFilter::Compare;
    CHECK(passes(status(Compare::equal, 200)));
    CHECK_FALSE(passes(status(Compare::equal, 201)));
    CHECK(passes(status(Compare::at_least, 200)));
    CHECK_FALSE(passes(status(Compare::at_least, 201)));
    CHECK(passes(status(Compare::at_most, 200)));
    CHECK_FALSE(passes(status(Compare::at_most, 199)));
    LogFilter took = status(Compare::at_least, 5);
    took.kind = LogFilter::Kind::duration;
    CHECK(passes(took));  // 5.9 ms
    took.value = 6;
    CHECK_FALSE(passes(took));
    info.end.reset();  // under way: so far
    info.start = std::chrono::steady_clock::now();
    took.value = 600'000;
    CHECK_FALSE(passes(took));
    info.start -= std::chrono::seconds(601);
    CHECK(passes(took));
}

TEST_CASE_FIXTURE(FilterFixture, "a runtime value takes the place of the configured one") {
    LogFilter at_least_500 = status(LogFilter::Compare::at_least, 500);
    at_least_500.key = config::RuntimeKey::of("filter_test.low");
    LogFilter none = sample(0, 10000);
    none.key = config::RuntimeKey::of("filter_test.sample");
    request.add_copy(http::HeaderId::x_request_id, "0000001e-ffff-4fff-bfff-ffffffffffff");  // 30
    CHECK_FALSE(passes(at_least_500));
    CHECK_FALSE(passes(none));
    const runtime::Table table({{"filter_test.low", config::parse_runtime_value("200")},
                                {"filter_test.sample", config::parse_runtime_value("31")}});
    runtime::set_thread_table(&table);
    CHECK(passes(at_least_500));
    CHECK(passes(none));
    request.set(http::HeaderId::x_request_id, "0000001f-ffff-4fff-bfff-ffffffffffff");  // 31 of 10000
    CHECK_FALSE(passes(none));
    const runtime::Table words({{"filter_test.low", config::parse_runtime_value("low")}});
    runtime::set_thread_table(&words);
    CHECK_FALSE(passes(at_least_500));
    runtime::set_thread_table(nullptr);
}

TEST_CASE_FIXTURE(FilterFixture, "all and any") {
    const LogFilter yes = status(LogFilter::Compare::equal, 200), no = status(LogFilter::Compare::equal, 0);
    CHECK(passes(both(LogFilter::Kind::all_of, yes, yes)));
    CHECK_FALSE(passes(both(LogFilter::Kind::all_of, yes, no)));
    CHECK(passes(both(LogFilter::Kind::any_of, no, yes)));
    CHECK_FALSE(passes(both(LogFilter::Kind::any_of, no, no)));
    CHECK(passes(both(LogFilter::Kind::any_of, no, both(LogFilter::Kind::all_of, yes, yes))));
}

TEST_CASE_FIXTURE(FilterFixture, "a sample is chosen by the request's id") {
    request.add_copy(http::HeaderId::x_request_id, "0000001e-ffff-4fff-bfff-ffffffffffff");  // 30
    CHECK(passes(sample(31, 100)));
    CHECK_FALSE(passes(sample(30, 100)));
    CHECK_FALSE(passes(sample(0, 100)));
    request.set(http::HeaderId::x_request_id, "0001e240-ffff-4fff-bfff-ffffffffffff");  // 123456
    CHECK(passes(sample(57, 100)));
    CHECK_FALSE(passes(sample(56, 100)));
    CHECK(passes(sample(3457, 10000)));
    CHECK_FALSE(passes(sample(3456, 10000)));
    CHECK(passes(sample(123457, 1000000)));
    CHECK_FALSE(passes(sample(123456, 1000000)));
}

TEST_CASE_FIXTURE(FilterFixture, "without a usable id a sample is chosen by chance") {
    LogFilter independent = sample(50, 100);
    independent.by_request_id = false;
    for (const char* id : {"zebra-0001", "1234567", "00000000-1"}) {
        request.set(http::HeaderId::x_request_id, id);
        const bool has_number = id[0] == '0';
        Filter filter(has_number ? independent : sample(50, 100));
        int passed = 0;
        for (int i = 0; i < 1000; ++i) passed += filter.passes(record()) ? 1 : 0;
        CHECK(passed > 350);
        CHECK(passed < 650);
    }
    CHECK(passes(sample(100, 100)));
    CHECK_FALSE(passes(sample(0, 100)));
}

TEST_CASE_FIXTURE(FilterFixture, "response flags") {
    LogFilter any, some;
    any.kind = some.kind = LogFilter::Kind::response_flag;
    some.flags = {"UF", "RL"};
    CHECK_FALSE(passes(any));
    info.set_flag(http::ResponseFlag::no_route_found);
    CHECK(passes(any));
    CHECK_FALSE(passes(some));
    info.set_flag(http::ResponseFlag::upstream_connection_failure);
    CHECK(passes(some));
}

TEST_CASE_FIXTURE(FilterFixture, "the status of gRPC, said or made of the HTTP status") {
    LogFilter filter;
    filter.kind = LogFilter::Kind::grpc_status;
    const auto passes_with = [&](uint32_t code) {
        filter.chosen = 1u << code;
        return passes(filter);
    };
    info.response_code = 503;
    CHECK(passes_with(14));
    info.response_code = 200;
    CHECK(passes_with(2));
    response.add_copy("grpc-status", "0");
    CHECK(passes_with(0));
    CHECK_FALSE(passes_with(2));
    filter.exclude = true;
    CHECK_FALSE(passes_with(0));
    CHECK(passes_with(2));
    filter.exclude = false;
    trailers.add_copy("grpc-status", "7");
    filter.chosen = 1u << 7;
    CHECK(Filter(filter).passes({info, request, &response, &trailers}));
    for (const char* odd : {"17", "x", "-1"}) {
        trailers.set("grpc-status", odd);
        filter.chosen = 0x1ffff;
        CHECK_FALSE(Filter(filter).passes({info, request, &response, &trailers}));
    }
}

TEST_CASE_FIXTURE(FilterFixture, "a field of the request") {
    LogFilter filter;
    filter.kind = LogFilter::Kind::header;
    filter.header.name = "x-tint";
    filter.header.kind = config::HeaderMatch::Kind::text;
    filter.header.text.value = "red";
    CHECK(passes(filter));
    filter.header.text.value = "green";
    CHECK_FALSE(passes(filter));
}

TEST_CASE_FIXTURE(FilterFixture, "who writes") {
    LogFilter filter;
    filter.kind = LogFilter::Kind::log_type;
    CHECK_FALSE(passes(filter));
    filter.chosen = 1u << 6;
    CHECK(passes(filter));
    filter.exclude = true;
    CHECK_FALSE(passes(filter));
    info.protocol.reset();
    CHECK(passes(filter));
    CHECK(type_of(record()) == config::LogType::tcp_connection_end);
    const Record other{info, request, nullptr, nullptr, config::LogType::not_set};
    CHECK(type_of(other) == config::LogType::not_set);
}

}  // namespace heirloom::access_log
