// SPDX-License-Identifier: Apache-2.0
#include "proxy/access_log/grpc_status.h"

#include <charconv>

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

bool is_grpc(const http::HeaderMap& request) {
    const std::string_view type = find(&request, "content-type");
    constexpr std::string_view kGrpc = "application/grpc";
    return type.starts_with(kGrpc) && (type.size() == kGrpc.size() || type[kGrpc.size()] == '+');
}

}  // namespace

bool append_grpc_status(std::string& out, const Record& record, std::string_view form) {
    std::string_view status;
    if (is_grpc(record.request)) {
        status = find(record.trailers, "grpc-status");
        if (status.empty()) status = find(record.response, "grpc-status");
    }
    if (status.empty()) return false;
    size_t code = 0;
    const auto parsed = std::from_chars(status.data(), status.data() + status.size(), code);
    const bool known =
        parsed.ec == std::errc() && parsed.ptr == status.data() + status.size() && code < std::size(kNames);
    if (form == "NUMBER" || !known) {
        out.append(status);
    } else {
        out.append(form == "SNAKE_STRING" ? kNames[code].snake : kNames[code].camel);
    }
    return true;
}

}  // namespace heirloom::access_log
