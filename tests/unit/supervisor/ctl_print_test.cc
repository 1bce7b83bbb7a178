// SPDX-License-Identifier: Apache-2.0
#include "supervisor/ctl_print.h"

#include <doctest/doctest.h>

#include <boost/json/parse.hpp>

using namespace heirloom::supervisor;
namespace json = boost::json;

TEST_CASE("a phase is shown with its time and details") {
    const json::object line{
        {"event", "phase"}, {"phase", "ready"}, {"ms", 12}, {"epoch", 3}, {"active_connections", 2}};
    CHECK(print_event(line) == "   0.012 s  ready         epoch 3, active connections 2\n");
    CHECK(print_event({{"event", "waiting"}, {"text", "a reload is under way"}}) == "a reload is under way\n");
}

TEST_CASE("ages are short") {
    CHECK(print_age(1500) == "1.5 s");
    CHECK(print_age(125'000) == "2 m 05 s");
    CHECK(print_age(11'520'000) == "3 h 12 m");
    CHECK(print_age(349'200'000) == "4 d 1 h");
}

TEST_CASE("the status of a failed reload says why") {
    const json::object status =
        json::parse(R"({"supervisor":{"version":"0.1.0","pid":7,"uptime_ms":1000,"run_dir":"/r"},
            "generations":[{"epoch":2,"pid":9,"state":"live","age_ms":5000,"active_connections":4,"shards":16,"version":"v"}],
            "last_transaction":{"kind":"reload","result":"error","reason":"no such file"}})")
            .as_object();
    const std::string text = print_status(status);
    CHECK(text.find("heirloomd 0.1.0 (pid 7), up 1.0 s, /r") != std::string::npos);
    CHECK(text.find("    2         9  live               5.0 s            4      16  v\n") != std::string::npos);
    CHECK(text.find("The last reload failed: no such file\n") != std::string::npos);
}

TEST_CASE("a supervisor that answers something else is shown as far as it goes") {
    CHECK_FALSE(print_status({{"generations", "none"}, {"supervisor", 3}}).empty());
    CHECK_FALSE(print_event({{"event", 3}}).empty());
}
