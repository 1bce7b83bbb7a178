// SPDX-License-Identifier: Apache-2.0
#include "proxy/connection_manager/local_reply.h"

#include <charconv>
#include <string>

#include "proxy/http/status.h"

namespace heirloom::connection_manager {
namespace {

using http::HeaderId;
using http::HeaderMap;

void add_number(HeaderMap& headers, HeaderId id, size_t number) {
    char digits[20];
    const auto end = std::to_chars(digits, digits + sizeof(digits), number).ptr;
    headers.add_copy(id, {digits, static_cast<size_t>(end - digits)});
}

bool is_grpc(const HeaderMap& request) {
    const std::string_view type = request.get(HeaderId::content_type);
    constexpr std::string_view grpc = "application/grpc";
    return type.starts_with(grpc) &&
           (type.size() == grpc.size() || type[grpc.size()] == '+' || type[grpc.size()] == ';');
}

std::string_view grpc_status_of(uint16_t status) {
    switch (status) {
        case 400:
            return "13";  // INTERNAL
        case 401:
            return "16";  // UNAUTHENTICATED
        case 403:
            return "7";  // PERMISSION_DENIED
        case 404:
            return "12";  // UNIMPLEMENTED
        case 429:
        case 502:
        case 503:
        case 504:
            return "14";  // UNAVAILABLE
        default:
            return "2";  // UNKNOWN
    }
}

std::string percent_encode(std::string_view text) {
    constexpr const char* digits = "0123456789ABCDEF";
    std::string result;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte >= 0x20 && byte < 0x7f && c != '%') {
            result += c;
        } else {
            result.append({'%', digits[byte >> 4], digits[byte & 15]});
        }
    }
    return result;
}

}  // namespace

std::string_view make_local_reply(HeaderMap& reply, const HeaderMap& request, uint16_t status, std::string_view body,
                                  const HeaderMap* add, std::string_view grpc_status) {
    reply.clear();
    const bool grpc = is_grpc(request);
    add_number(reply, HeaderId::status, grpc ? 200 : status);
    if (grpc) {
        reply.add_copy(HeaderId::content_type, "application/grpc");
        reply.add_copy("grpc-status", grpc_status.empty() ? grpc_status_of(status) : grpc_status);
        if (!body.empty()) reply.add_copy("grpc-message", percent_encode(body));
        body = {};
    } else if (!body.empty()) {
        add_number(reply, HeaderId::content_length, body.size());
        reply.add_copy(HeaderId::content_type, "text/plain");
    }
    if (add) {
        for (const http::HeaderField& field : add->fields()) {
            if (field.removed || field.name.starts_with(':')) continue;
            if (field.id == HeaderId::content_type) {
                if (!body.empty()) reply.set(field.id, field.value);
            } else {
                reply.add_copy(field.name, field.value);
            }
        }
    }
    return body;
}

void write_local_reply(network::Buffer& out, const HeaderMap& reply, std::string_view body) {
    uint16_t status = 0;
    const std::string_view digits = reply.get(HeaderId::status);
    std::from_chars(digits.data(), digits.data() + digits.size(), status);
    std::string text = "HTTP/1.1 ";
    text.append(digits).append(" ").append(http::reason_phrase(status)).append("\r\n");
    for (const http::HeaderField& field : reply.fields()) {
        if (field.removed || field.name.starts_with(':')) continue;
        text.append(field.name).append(": ").append(field.value).append("\r\n");
    }
    text.append("connection: close\r\n\r\n").append(body);
    out.append(text);
}

std::string_view text_of_refusal(uint16_t status) { return http::reason_phrase(status); }

}  // namespace heirloom::connection_manager
