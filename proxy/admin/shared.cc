// SPDX-License-Identifier: Apache-2.0
// What several handlers need.
#include <fmt/format.h>
#include <re2/re2.h>

#include <ctime>
#include <memory>

#include "proxy/admin/paths.h"

namespace heirloom::admin {

std::string_view name_of(ServerState state) {
    switch (state) {
        case ServerState::live:
            return "LIVE";
        case ServerState::draining:
            return "DRAINING";
        case ServerState::pre_initializing:
            return "PRE_INITIALIZING";
        case ServerState::initializing:
            return "INITIALIZING";
    }
    return "INITIALIZING";
}

void write_address(stats::JsonWriter& json, const shm::SocketAddress& address) {
    json.begin_object();
    if (address.family() == AF_INET || address.family() == AF_INET6) {
        json.key("socket_address");
        json.begin_object();
        json.field("address", address.ip());
        json.field("port_value", uint64_t{address.port()});
        json.end_object();
    } else {
        json.key("pipe");
        json.begin_object();
        json.field("path", address.to_string());
        json.end_object();
    }
    json.end_object();
}

std::string timestamp(std::chrono::system_clock::time_point when) {
    using namespace std::chrono;
    const auto whole = floor<seconds>(when);
    const time_t second = system_clock::to_time_t(whole);
    tm broken{};
    gmtime_r(&second, &broken);
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", broken.tm_year + 1900, broken.tm_mon + 1,
                       broken.tm_mday, broken.tm_hour, broken.tm_min, broken.tm_sec,
                       duration_cast<milliseconds>(when - whole).count());
}

void refuse(Answer& answer, std::string text) {
    answer.status = 400;
    answer.content_type = kText;
    answer.body = std::move(text);
}

bool make_filter(const Request& request, Answer& answer, std::function<bool(std::string_view)>& filter) {
    const std::optional<std::string> text = request.query.get("filter");
    if (!text || text->empty()) return true;
    RE2::Options options;
    options.set_log_errors(false);
    const auto expression = std::make_shared<const RE2>(*text, options);
    if (!expression->ok()) {
        refuse(answer, "Invalid re2 regex");
        return false;
    }
    const bool inverted = request.query.has("invert_filter");
    filter = [expression, inverted](std::string_view name) {
        return RE2::PartialMatch(re2::StringPiece(name.data(), name.size()), *expression) != inverted;
    };
    return true;
}

}  // namespace heirloom::admin
