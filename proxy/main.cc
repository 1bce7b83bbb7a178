// SPDX-License-Identifier: Apache-2.0
// heirloom-proxy: options, then one of validate, init_only, serve.
#include <cstdio>

#include "proxy/config/bootstrap_loader.h"
#include "proxy/logging.h"
#include "proxy/options.h"
#include "proxy/runtime_owner.h"
#include "proxy/server.h"

namespace {

using heirloom::server::Mode;
using heirloom::server::Options;

// Loads everything a configuration names; opens no port and creates no file.
int validate(const Options& options) {
    const auto snapshot =
        heirloom::config::load_bootstrap({.path = options.config_path,
                                          .inline_yaml = options.config_yaml,
                                          .allow_unknown_static_fields = options.allow_unknown_static_fields,
                                          .service_node = options.service_node,
                                          .service_cluster = options.service_cluster,
                                          .service_zone = options.service_zone});
    if (!snapshot) {
        SPDLOG_CRITICAL("error initializing configuration '{}': {}", options.config_path, snapshot.error().text);
        return 1;
    }
    if (const heirloom::Status usable = heirloom::server::TlsContexts::check(**snapshot); !usable) {
        SPDLOG_CRITICAL("error initializing configuration '{}': {}", options.config_path, usable.error().text);
        return 1;
    }
    if ((*snapshot)->runtime) {
        if (const heirloom::Status there = heirloom::server::RuntimeOwner::check(*(*snapshot)->runtime); !there) {
            SPDLOG_CRITICAL("error initializing configuration '{}': {}", options.config_path, there.error().text);
            return 1;
        }
    }
    for (const std::string& warning : (*snapshot)->warnings) SPDLOG_WARN("{}", warning);
    std::printf("configuration '%s' OK\n", options.config_path.c_str());
    return 0;
}

int serve(const Options& options) {
    heirloom::server::Server server(options);
    const heirloom::Status initialized = server.initialize();
    if (!initialized) {
        const std::string& reason = initialized.error().text;
        SPDLOG_CRITICAL("error `{}` initializing config '{} {}'", reason, options.config_yaml, options.config_path);
        std::fprintf(stderr, "%s\n", reason.c_str());
        return 1;
    }
    return server.run();
}

}  // namespace

int main(int argc, char** argv) {
    const auto parsed = heirloom::server::parse_options(argc, argv);
    if (const auto* exit = std::get_if<heirloom::server::Exit>(&parsed)) {
        std::fputs(exit->out.c_str(), stdout);
        std::fputs(exit->err.c_str(), stderr);
        return exit->code;
    }
    const Options& options = std::get<Options>(parsed);
    if (const heirloom::Status logging = heirloom::server::set_up_logging(options); !logging) {
        std::fprintf(stderr, "%s\n", logging.error().text.c_str());
        return 1;
    }
    for (const std::string& warning : options.warnings) SPDLOG_WARN("{}", warning);
    return options.mode == Mode::validate ? validate(options) : serve(options);
}
