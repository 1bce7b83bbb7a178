// SPDX-License-Identifier: Apache-2.0
#include "proxy/options.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "proxy/options_table.h"
#include "shm/version.h"

using namespace heirloom;
using namespace heirloom::server;
using namespace std::chrono_literals;

namespace {

std::variant<Options, Exit> parse(std::vector<const char*> arguments) {
    arguments.insert(arguments.begin(), "/opt/bin/heirloom-proxy");
    return parse_options(static_cast<int>(arguments.size()), arguments.data());
}

Options options_of(std::vector<const char*> arguments) {
    auto result = parse(std::move(arguments));
    const Exit* exit = std::get_if<Exit>(&result);
    REQUIRE_MESSAGE(exit == nullptr, exit->err);
    return std::get<Options>(result);
}

Exit exit_of(std::vector<const char*> arguments) {
    auto result = parse(std::move(arguments));
    REQUIRE(std::holds_alternative<Exit>(result));
    return std::get<Exit>(result);
}

std::string error_of(std::vector<const char*> arguments) {
    const Exit exit = exit_of(std::move(arguments));
    CHECK(exit.code == 1);
    CHECK(exit.out.empty());
    return exit.err;
}

}  // namespace

TEST_CASE("the usual start line of a unit") {
    const Options options =
        options_of({"-c", "/etc/envoy/envoy.yaml", "--restart-epoch", "3", "--service-zone", "z", "--service-cluster",
                    "c", "--service-node", "n", "--drain-time-s", "20", "--drain-strategy", "immediate",
                    "--parent-shutdown-time-s", "30", "-l", "debug"});
    CHECK(options.config_path == "/etc/envoy/envoy.yaml");
    CHECK(options.restart_epoch == 3);
    CHECK(options.service_zone == "z");
    CHECK(options.service_cluster == "c");
    CHECK(options.service_node == "n");
    CHECK(options.drain_time == 20s);
    CHECK(options.drain_strategy == DrainStrategy::immediate);
    CHECK(options.parent_shutdown_time == 30s);
    CHECK(options.log_level == spdlog::level::debug);
    CHECK(options.mode == Mode::serve);
    CHECK(options.concurrency >= 1);
    CHECK(options.warnings.empty());
}

TEST_CASE("defaults are Envoy's") {
    const Options options = options_of({"--config-yaml", "{}"});
    CHECK(options.drain_time == 600s);
    CHECK(options.parent_shutdown_time == 900s);
    CHECK(options.file_flush_interval == 10s);
    CHECK(options.drain_strategy == DrainStrategy::gradual);
    CHECK(options.local_address_ip_version == IpVersion::v4);
    CHECK(options.log_level == spdlog::level::info);
    CHECK(options.log_format == "[%Y-%m-%d %T.%e][%t][%l][%n] [%g:%#] %v");
}

TEST_CASE("one argument may hold name and value") {
    CHECK(options_of({"-c", "x", "--mode validate"}).mode == Mode::validate);
    CHECK(options_of({"-c", "x", "--mode=init_only"}).mode == Mode::init_only);
    CHECK(options_of({"-c x", "--config-yaml", "a: b=c d"}).config_yaml == "a: b=c d");
    CHECK(options_of({"-c x"}).config_path == "x");
    CHECK(options_of({"-c", "x", "--", "--nonsense"}).config_path == "x");
    CHECK(options_of({"-c", "x", "--concurrency", "0"}).concurrency == 1);
    CHECK(options_of({"-c", "x", "--concurrency", "7"}).concurrency == 7);
}

TEST_CASE("levels of components") {
    const Options options = options_of({"-c", "x", "--component-log-level", "upstream:debug,config:warn"});
    REQUIRE(options.component_log_levels.size() == 2);
    CHECK(options.component_log_levels[0] == std::pair(std::string("upstream"), spdlog::level::debug));
    CHECK(options.component_log_levels[1] == std::pair(std::string("config"), spdlog::level::warn));
    CHECK(error_of({"-c", "x", "--component-log-level", "upstream"}) ==
          "error: component log level not correctly specified 'upstream'\n");
    CHECK(error_of({"-c", "x", "--component-log-level", "a:b:c"}).find("not correctly specified") != std::string::npos);
    CHECK(error_of({"-c", "x", "--component-log-level", "a:loud"}) == "error: invalid log level specified 'loud'\n");
    CHECK(error_of({"-c", "x", "-l", "loud"}) == "error: invalid log level specified 'loud'\n");
    CHECK(name_of(spdlog::level::warn) == "warning");
}

TEST_CASE("wrong command lines are answered as Envoy answers") {
    CHECK(error_of({}) == "At least one of --config-path or --config-yaml should be non-empty\n");
    CHECK(error_of({"--no-such-thing"})
              .starts_with("PARSE ERROR: Argument: --no-such-thing\n             Couldn't find match for argument\n\n"
                           "Brief USAGE: \n   /opt/bin/heirloom-proxy \n"));
    CHECK(error_of({"stray"}).starts_with("PARSE ERROR: Argument: stray\n"));
    CHECK(error_of({"-c", "x", "-c", "y"})
              .starts_with("PARSE ERROR: Argument: -c (--config-path)\n             Argument already set!\n"));
    CHECK(error_of({"-c"}).find("Missing a value for this argument!") != std::string::npos);
    for (const char* bad : {"-1", "x", "1x", "", "4294967296"}) {
        CHECK(error_of({"-c", "x", "--drain-time-s", bad}).find("Couldn't read argument value from string") !=
              std::string::npos);
    }
    CHECK(error_of({"-c", "x", "--disable-hot-restart=yes"}).find("Couldn't find match") != std::string::npos);
    CHECK(error_of({"-c", "x", "--mode", "play"}) == "error: unknown mode 'play'\n");
    CHECK(error_of({"-c", "x", "--drain-strategy", "now"}) == "error: unknown drain-strategy 'now'\n");
    CHECK(error_of({"-c", "x", "--local-address-ip-version", "v5"}) == "error: unknown IP address version 'v5'\n");
    CHECK(error_of({"-c", "x", "--concurrency", "1000"}) == "error: --concurrency must be at most 256\n");
}

TEST_CASE("Envoy's other options are refused by name") {
    CHECK(error_of({"-c", "x", "--base-id", "1"}) == "error: option --base-id of Envoy is not supported\n");
    CHECK(error_of({"-c", "x", "--stats-tag", "a:b"}) == "error: option --stats-tag of Envoy is not supported\n");
}

TEST_CASE("old and needless switches warn") {
    const Options options = options_of({"-c", "x", "--allow-unknown-fields", "--cpuset-threads"});
    CHECK(options.allow_unknown_static_fields);
    CHECK(options.warnings.size() == 2);
}

TEST_CASE("questions are answered and end the program") {
    const Exit version = exit_of({"--version"});
    CHECK(version.code == 0);
    CHECK(version.out == "\n/opt/bin/heirloom-proxy  version: " + version_string() + "\n\n");
    CHECK(exit_of({"--hot-restart-version"}).err == hot_restart_version(false));
    CHECK(exit_of({"--hot-restart-version", "--disable-hot-restart"}).err == "disabled");
    const Exit help = exit_of({"-h"});
    CHECK(help.code == 0);
    CHECK(help.err.empty());
    for (const char* line : {"USAGE:", "   -c <string>,  --config-path <string>", "   --drain-time-s <uint32_t>",
                             "   --disable-hot-restart\n"}) {
        CHECK_MESSAGE(help.out.find(line) != std::string::npos, line);
    }
}

TEST_CASE("the manual page tells of each option") {
    std::ifstream file("docs/man/heirloom-proxy.8");
    const std::string page{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    const std::string usage = brief_usage_text("x");
    for (size_t at = usage.find("[--"); at != std::string::npos; at = usage.find("[--", at + 1)) {
        std::string name = usage.substr(at + 3, usage.find_first_of(" ]\n", at + 3) - at - 3);
        std::string escaped;
        for (const char c : name) escaped += c == '-' ? "\\-" : std::string(1, c);
        CHECK_MESSAGE(page.find("\\-\\-" + escaped) != std::string::npos, name);
    }
}

TEST_CASE("the CPU limit is the least on the way up the cgroup") {
    namespace fs = std::filesystem;
    std::string pattern = (fs::temp_directory_path() / "cgroup-XXXXXX").string();
    const fs::path root = mkdtemp(pattern.data());
    const auto write = [&](const char* file, const char* text) {
        fs::create_directories((root / file).parent_path());
        std::ofstream(root / file) << text;
    };
    write("a/b/cpu.max", "max 100000\n");
    write("a/cpu.max", "150000 100000\n");
    write("c/cpu.max", "nonsense\n");
    write("cpu/d/cpu.cfs_quota_us", "-1\n");
    write("cpu/d/e/cpu.cfs_quota_us", "50000\n");
    write("cpu/d/e/cpu.cfs_period_us", "100000\n");
    CHECK(cgroup_cpu_limit(root, "0::/a/b\n") == doctest::Approx(1.5));
    CHECK(cgroup_cpu_limit(root, "0::/a/b/gone\n") == doctest::Approx(1.5));
    CHECK(cgroup_cpu_limit(root, "0::/c\n") == 0);
    CHECK(cgroup_cpu_limit(root, "0::/\n") == 0);
    CHECK(cgroup_cpu_limit(root, "") == 0);
    CHECK(cgroup_cpu_limit(root, "3:cpuset:/x\n4:cpu,cpuacct:/d/e\n0::/\n") == doctest::Approx(0.5));
    CHECK(cgroup_cpu_limit(root, "4:cpu,cpuacct:/d\n") == 0);
    fs::remove_all(root);
    CHECK(default_concurrency() >= 1);
}
