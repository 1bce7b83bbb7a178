// SPDX-License-Identifier: Apache-2.0
#include "supervisor/options.h"

#include <doctest/doctest.h>

#include <cstdlib>

using namespace heirloom::supervisor;
using namespace std::chrono_literals;

namespace {

auto parse(std::vector<const char*> arguments) { return parse_options(arguments); }
std::string error_of(std::vector<const char*> arguments) {
    const auto options = parse_options(arguments);
    return options.ok() ? "" : options.error().text;
}

}  // namespace

TEST_CASE("without arguments the defaults hold") {
    unsetenv("RUNTIME_DIRECTORY");
    const auto options = parse({});
    REQUIRE(options.ok());
    CHECK(options.value().run_dir == "/run/heirloom");
    CHECK(options.value().command == std::vector<std::string>{"heirloom-proxy", "-c", "/etc/envoy/envoy.yaml"});
    CHECK(options.value().initialize_timeout == 60s);
    CHECK_FALSE(options.value().kill_unresponsive);
    CHECK(options.value().ticket_key_rotation == 8h);
    CHECK(parse({"--ticket-key-rotation-s=0"}).value().ticket_key_rotation == 0s);
}

TEST_CASE("the run directory is systemd's when it gives one, the first of several") {
    setenv("RUNTIME_DIRECTORY", "/run/a:/run/b", 1);
    CHECK(parse({}).value().run_dir == "/run/a");
    CHECK(parse({"--run-dir", "/x"}).value().run_dir == "/x");
    unsetenv("RUNTIME_DIRECTORY");
}

TEST_CASE("options take their value both ways; what follows -- is the command, options included") {
    const auto options =
        parse({"--run-dir=/r", "--initialize-timeout-s", "5", "--kill-unresponsive", "--", "proxy", "--run-dir"});
    REQUIRE(options.ok());
    CHECK(options.value().run_dir == "/r");
    CHECK(options.value().initialize_timeout == 5s);
    CHECK(options.value().kill_unresponsive);
    CHECK(options.value().command == std::vector<std::string>{"proxy", "--run-dir"});
}

TEST_CASE("errors name the option and what it must be") {
    CHECK(error_of({"--nope"}) == "unknown option --nope (see --help)");
    CHECK(error_of({"proxy"}) == "unexpected argument proxy (the command comes after --)");
    CHECK(error_of({"--run-dir"}) == "--run-dir needs a value: DIR");
    CHECK(error_of({"--kill-unresponsive=1"}) == "--kill-unresponsive takes no value");
    CHECK(error_of({"--initialize-timeout-s", "0"}) ==
          "--initialize-timeout-s 0: must be a number of seconds, at least 1");
    CHECK(error_of({"--initialize-timeout-s", "5x"}) != "");
    CHECK(error_of({"--log-level", "loud"}).ends_with("must be one of trace, debug, info, warning, error, off"));
}

TEST_CASE("--help lists every option, --version the version; both win over what follows") {
    CHECK(parse({"--help", "--nope"}).value().print == help_text());
    CHECK(help_text().find("--kill-unresponsive") != std::string::npos);
    CHECK(parse({"--version"}).value().print.starts_with("heirloomd "));
}

TEST_CASE("the bound of draining is read from the generation's own command line") {
    using Command = std::vector<std::string>;
    CHECK(parent_shutdown_time(Command{"proxy"}) == 900s);
    CHECK(parent_shutdown_time(Command{"proxy", "--parent-shutdown-time-s", "20"}) == 20s);
    CHECK(parent_shutdown_time(Command{"proxy", "--parent-shutdown-time-s=21"}) == 21s);
    CHECK(parent_shutdown_time(Command{"proxy", "--parent-shutdown-time-s 22"}) == 22s);
    CHECK(parent_shutdown_time(Command{"proxy", "--parent-shutdown-time-s"}) == 900s);
    CHECK(parent_shutdown_time(Command{"proxy", "--parent-shutdown-time-s="}) == 900s);
    CHECK(parent_shutdown_time(Command{"proxy", "--parent-shutdown-time-sx", "1"}) == 900s);
}
