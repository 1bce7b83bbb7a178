// SPDX-License-Identifier: Apache-2.0
#include "proxy/access_log/request_values.h"

#include <algorithm>

#include "proxy/access_log/append.h"

namespace heirloom::access_log {
namespace {

using http::StreamInfo;

std::string_view take(std::string_view& text, char separator) {
    const size_t end = std::min(text.find(separator), text.size());
    const std::string_view taken = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return taken;
}

RequestValue::Point point(std::string_view name) {
    if (name == "DS_RX_END") return &StreamInfo::request_end;
    if (name == "US_TX_END") return &StreamInfo::upstream_request_end;
    if (name == "US_RX_BEG") return &StreamInfo::upstream_response_start;
    if (name == "US_RX_END") return &StreamInfo::upstream_response_end;
    if (name == "DS_TX_END") return &StreamInfo::end;
    return nullptr;
}

int digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// %41 -> A; what is no such form stays.
void append_decoded(std::string& out, std::string_view text) {
    for (size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '%' && i + 2 < text.size() && digit(text[i + 1]) >= 0 && digit(text[i + 2]) >= 0) {
            out.push_back(static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2])));
            i += 2;
        } else {
            out.push_back(text[i]);
        }
    }
}

}  // namespace

RequestValue make_duration(std::string_view arguments) {
    RequestValue value;
    value.from = point(take(arguments, ':'));
    value.to = point(take(arguments, ':'));
    if (arguments == "us") value.nanoseconds = 1000;
    if (arguments == "ns") value.nanoseconds = 1;
    return value;
}

RequestValue make_path(std::string_view arguments) {
    RequestValue value;
    value.with_query = take(arguments, ':') != "NQ";
    value.original = arguments != "PATH";
    value.current = arguments != "ORIG";
    return value;
}

bool append_duration(std::string& out, const RequestValue& value, const StreamInfo& info) {
    const auto from = value.from ? info.*value.from : info.start;
    const auto to = value.to ? info.*value.to : info.start;
    if (!from || !to || *to < *from) return false;
    const auto took = std::chrono::duration_cast<std::chrono::nanoseconds>(*to - *from).count();
    append_number(out, static_cast<uint64_t>(took / value.nanoseconds));
    return true;
}

bool append_path(std::string& out, const RequestValue& value, const http::HeaderMap& request) {
    std::string_view path;
    if (value.original) path = request.get(http::HeaderId::x_envoy_original_path);
    if (path.data() == nullptr && value.current) path = request.get(http::HeaderId::path);
    if (path.data() == nullptr) return false;
    out.append(value.with_query ? path : path.substr(0, path.find('?')));
    return true;
}

bool append_query_parameter(std::string& out, std::string_view name, const http::HeaderMap& request) {
    std::string_view rest = request.get(http::HeaderId::path);
    const size_t mark = rest.find('?');
    if (mark == std::string_view::npos) return false;
    rest = rest.substr(mark + 1, rest.find('#', mark) - mark - 1);
    while (!rest.empty()) {
        std::string_view parameter = take(rest, '&');
        const std::string_view key = take(parameter, '=');
        const size_t before = out.size();
        append_decoded(out, key);
        const bool found = std::string_view(out).substr(before) == name;
        out.resize(before);
        if (!found) continue;
        append_decoded(out, parameter);
        return true;
    }
    return false;
}

}  // namespace heirloom::access_log
