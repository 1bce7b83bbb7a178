// SPDX-License-Identifier: Apache-2.0
#include "proxy/options.h"

#include <charconv>
#include <map>

#include "proxy/options_table.h"
#include "shm/channel.h"
#include "shm/layout.h"
#include "shm/version.h"

namespace heirloom::server {

const char* const kDefaultLogFormat = "[%Y-%m-%d %T.%e][%t][%l][%n] [%g:%#] %v";

namespace {

constexpr struct {
    const char* name;
    spdlog::level::level_enum level;
} kLevels[] = {
    {"trace", spdlog::level::trace},       {"debug", spdlog::level::debug}, {"info", spdlog::level::info},
    {"warning", spdlog::level::warn},      {"warn", spdlog::level::warn},   {"error", spdlog::level::err},
    {"critical", spdlog::level::critical}, {"off", spdlog::level::off},
};

// Envoy's parser: an argument is either the name, or name, separator and value in one.
struct Argument {
    std::string name;                  // "--mode", "-c"
    std::optional<std::string> value;  // after the first blank or '='
};

Argument split_argument(std::string_view text) {
    const size_t separator = text.find_first_of(" =");
    Argument argument;
    argument.name = text.substr(0, separator);
    if (separator != std::string_view::npos) argument.value = std::string(text.substr(separator + 1));
    return argument;
}

class Parser {
  public:
    explicit Parser(std::string program) : program_(std::move(program)) {}

    std::variant<Options, Exit> parse(const std::vector<std::string>& arguments) {
        for (size_t i = 0; i < arguments.size() && !exit_; ++i) {
            if (arguments[i] == "--" || arguments[i] == "--ignore_rest") break;
            take(arguments, i);
        }
        if (!exit_ && !given_.contains(OptionName::version) && !given_.contains(OptionName::help)) apply();
        if (exit_) return *exit_;
        if (given_.contains(OptionName::help)) return Exit{0, usage_text(program_), ""};
        if (given_.contains(OptionName::version)) {
            return Exit{0, "\n" + program_ + "  version: " + version_string() + "\n\n", ""};
        }
        if (given_.contains(OptionName::hot_restart_version)) {
            return Exit{0, "", hot_restart_version(options_.disable_hot_restart)};
        }
        return std::move(options_);
    }

  private:
    void parse_error(const std::string& argument, const std::string& what) {
        exit_ = Exit{1, "",
                     "PARSE ERROR: Argument: " + argument + "\n             " + what + "\n\n" + "Brief USAGE: \n" +
                         brief_usage_text(program_) + "\nFor complete USAGE and HELP type: \n   " + program_ +
                         " --help\n\n"};
    }
    void fail(const std::string& what) { exit_ = Exit{1, "", "error: " + what + "\n"}; }

    // Takes the argument at `i`, and the next one as its value where it needs one.
    void take(const std::vector<std::string>& arguments, size_t& i) {
        const Argument argument = split_argument(arguments[i]);
        const OptionRow* row = find_option(argument.name);
        if (row == nullptr) {
            if (argument.name.starts_with("--") && is_unsupported_option(argument.name.substr(2))) {
                return fail("option " + argument.name + " of Envoy is not supported");
            }
            return parse_error(arguments[i], "Couldn't find match for argument");
        }
        if (given_.contains(row->id)) return parse_error(display_name(*row), "Argument already set!");
        std::string value;
        if (row->kind == OptionKind::flag) {
            if (argument.value) return parse_error(arguments[i], "Couldn't find match for argument");
        } else if (argument.value) {
            value = *argument.value;
        } else if (i + 1 < arguments.size()) {
            value = arguments[++i];
        } else {
            return parse_error(display_name(*row), "Missing a value for this argument!");
        }
        if (row->kind == OptionKind::number) {
            uint32_t number = 0;
            const auto [end, problem] = std::from_chars(value.data(), value.data() + value.size(), number);
            if (problem != std::errc() || end != value.data() + value.size()) {
                return parse_error(display_name(*row), "Couldn't read argument value from string '" + value + "'");
            }
            numbers_[row->id] = number;
        }
        given_[row->id] = std::move(value);
    }

    bool has(OptionName id) const { return given_.contains(id); }
    void text(OptionName id, std::string& target) {
        if (has(id)) target = given_[id];
    }
    template <class Number>
    void number(OptionName id, Number& target) {
        if (has(id)) target = Number(numbers_[id]);
    }
    // One of a few words.
    template <class Value>
    void choice(OptionName id, std::initializer_list<std::pair<const char*, Value>> choices, Value& target) {
        if (!has(id)) return;
        for (const auto& [word, value] : choices) {
            if (given_[id] != word) continue;
            target = value;
            return;
        }
        const bool is_ip = id == OptionName::local_address_ip_version;  // Envoy's words
        fail("unknown " + std::string(is_ip ? "IP address version" : find_option(id).name) + " '" + given_[id] + "'");
    }

    void apply() {
        Options& o = options_;
        text(OptionName::config_path, o.config_path);
        text(OptionName::config_yaml, o.config_yaml);
        choice(OptionName::mode, {{"serve", Mode::serve}, {"validate", Mode::validate}, {"init_only", Mode::init_only}},
               o.mode);
        text(OptionName::log_path, o.log_path);
        text(OptionName::log_format, o.log_format);
        text(OptionName::service_node, o.service_node);
        text(OptionName::service_cluster, o.service_cluster);
        text(OptionName::service_zone, o.service_zone);
        number(OptionName::restart_epoch, o.restart_epoch);
        number(OptionName::drain_time_s, o.drain_time);
        choice(OptionName::drain_strategy,
               {{"gradual", DrainStrategy::gradual}, {"immediate", DrainStrategy::immediate}}, o.drain_strategy);
        number(OptionName::parent_shutdown_time_s, o.parent_shutdown_time);
        text(OptionName::admin_address_path, o.admin_address_path);
        number(OptionName::file_flush_interval_msec, o.file_flush_interval);
        choice(OptionName::local_address_ip_version, {{"v4", IpVersion::v4}, {"v6", IpVersion::v6}},
               o.local_address_ip_version);
        o.allow_unknown_static_fields =
            has(OptionName::allow_unknown_static_fields) || has(OptionName::allow_unknown_fields);
        o.disable_hot_restart = has(OptionName::disable_hot_restart);
        o.cpuset_threads = has(OptionName::cpuset_threads);
        if (has(OptionName::allow_unknown_fields)) {
            o.warnings.push_back("--allow-unknown-fields is deprecated, use --allow-unknown-static-fields instead.");
        }
        if (o.cpuset_threads)
            o.warnings.push_back("--cpuset-threads has no effect: the CPUs of the cpuset are the default");
        apply_levels();
        apply_concurrency();
        if (exit_ || !o.config_path.empty() || !o.config_yaml.empty() || has(OptionName::hot_restart_version)) return;
        exit_ = Exit{1, "", "At least one of --config-path or --config-yaml should be non-empty\n"};
    }

    void apply_concurrency() {
        if (has(OptionName::concurrency)) {
            options_.concurrency = std::max(1u, numbers_[OptionName::concurrency]);
            if (options_.concurrency > kMaxConcurrency) {
                fail("--concurrency must be at most " + std::to_string(kMaxConcurrency));
            }
        } else if (!has(OptionName::hot_restart_version)) {
            options_.concurrency = std::min(kMaxConcurrency, default_concurrency());
        }
    }

    void apply_levels() {
        if (has(OptionName::log_level)) {
            const auto level = parse_log_level(given_[OptionName::log_level]);
            if (!level) return fail(level.error().text.substr(std::string_view("error: ").size()));
            options_.log_level = *level;
        }
        text(OptionName::component_log_level, options_.component_log_level);
        std::string_view rest = options_.component_log_level;
        while (!rest.empty()) {
            const size_t comma = rest.find(',');
            const std::string_view item = rest.substr(0, comma);
            rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
            const size_t colon = item.find(':');
            if (colon == std::string_view::npos || colon == 0 || item.find(':', colon + 1) != std::string_view::npos) {
                return fail("component log level not correctly specified '" + std::string(item) + "'");
            }
            const auto level = parse_log_level(item.substr(colon + 1));
            if (!level) return fail("invalid log level specified '" + std::string(item.substr(colon + 1)) + "'");
            options_.component_log_levels.emplace_back(item.substr(0, colon), *level);
        }
    }

    std::string program_;
    Options options_;
    std::map<OptionName, std::string> given_;
    std::map<OptionName, uint32_t> numbers_;
    std::optional<Exit> exit_;
};

}  // namespace

std::variant<Options, Exit> parse_options(int argc, const char* const* argv) {
    const std::string program = argc > 0 ? argv[0] : "heirloom-proxy";
    return Parser(program).parse(std::vector<std::string>(argv + std::min(argc, 1), argv + argc));
}

Result<spdlog::level::level_enum> parse_log_level(std::string_view text) {
    for (const auto& row : kLevels) {
        if (text == row.name) return row.level;
    }
    return Error{"error: invalid log level specified '" + std::string(text) + "'"};
}

std::string_view name_of(spdlog::level::level_enum level) {
    for (const auto& row : kLevels) {
        if (level == row.level) return row.name;
    }
    return "off";
}

std::string hot_restart_version(bool disabled) {
    if (disabled) return "disabled";
    return std::to_string(shm::kProtocolVersion) + "." + std::to_string(shm::layout::kLayoutVersion);
}

}  // namespace heirloom::server
