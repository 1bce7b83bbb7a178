// SPDX-License-Identifier: Apache-2.0
#include "proxy/access_log/grpc_status.h"

#include <charconv>

#include "proxy/access_log/append.h"
#include "proxy/http/message_match.h"

namespace heirloom::access_log {
namespace {

struct Name {
    std::string_view camel, snake;
};

constexpr Name kNames[] = {
    {"OK", "OK"},
    {"Canceled", "CANCELLED"},
    {"Unknown", "UNKNOWN"},
    {"InvalidArgument", "INVALID_ARGUMENT"},
    {"DeadlineExceeded", "DEADLINE_EXCEEDED"},
    {"NotFound", "NOT_FOUND"},
    {"AlreadyExists", "ALREADY_EXISTS"},
    {"PermissionDenied", "PERMISSION_DENIED"},
    {"ResourceExhausted", "RESOURCE_EXHAUSTED"},
    {"FailedPrecondition", "FAILED_PRECONDITION"},
    {"Aborted", "ABORTED"},
    {"OutOfRange", "OUT_OF_RANGE"},
    {"Unimplemented", "UNIMPLEMENTED"},
    {"Internal", "INTERNAL"},
    {"Unavailable", "UNAVAILABLE"},
    {"DataLoss", "DATA_LOSS"},
    {"Unauthenticated", "UNAUTHENTICATED"},
};

std::string_view find(const http::HeaderMap* headers, std::string_view name) {
    if (!headers) return {};
    const http::HeaderId id = http::lookup_header(name);
    if (id != http::HeaderId::other) return headers->get(id);
    for (const http::HeaderField& field : headers->fields()) {
        if (!field.removed && field.name == name) return field.value;
    }
    return {};
}

// None: not a number.
std::optional<uint32_t> parse_code(std::string_view text) {
    uint32_t code = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), code);
    if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) return std::nullopt;
    return code;
}

// What a client of gRPC makes of an answer that says no status.
uint32_t code_of_http(uint16_t status) {
    switch (status) {
        case 400:
            return 13;
        case 401:
            return 16;
        case 403:
            return 7;
        case 404:
            return 12;
        case 429:
        case 502:
        case 503:
        case 504:
            return 14;
        default:
            return 2;
    }
}

std::string_view status_of(const Record& record) {
    const std::string_view status = find(record.trailers, "grpc-status");
    return status.empty() ? find(record.response, "grpc-status") : status;
}

}  // namespace

std::optional<uint32_t> grpc_status_code(const Record& record) {
    const std::string_view status = status_of(record);
    if (status.empty()) return code_of_http(record.info.response_code);
    const std::optional<uint32_t> code = parse_code(status);
    return code && *code < std::size(kNames) ? code : std::nullopt;
}

bool append_grpc_status(std::string& out, const Record& record, std::string_view form) {
    if (!http::is_grpc(record.request)) return false;
    const std::string_view status = status_of(record);
    if (status.empty() && record.info.response_code == 0) return false;
    const std::optional<uint32_t> code = status.empty() ? code_of_http(record.info.response_code) : parse_code(status);
    if (!code) {
        out.append("-1");
    } else if (form == "NUMBER" || *code >= std::size(kNames)) {
        append_number(out, *code);
    } else {
        out.append(form == "SNAKE_STRING" ? kNames[*code].snake : kNames[*code].camel);
    }
    return true;
}

}  // namespace heirloom::access_log
