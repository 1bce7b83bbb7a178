// SPDX-License-Identifier: Apache-2.0
#include "proxy/connection_manager/local_reply.h"

#include <charconv>
#include <string>

#include "proxy/connection_manager/local_reply_mapper.h"
#include "proxy/http/http1_encode.h"
#include "proxy/http/status.h"

namespace heirloom::connection_manager {
namespace {

using http::HeaderId;
using http::HeaderMap;

constexpr std::string_view kPlain = "text/plain";
constexpr std::string_view kJson = "application/json";

void set_number(HeaderMap& headers, HeaderId id, size_t number) {
    char digits[20];
    const auto end = std::to_chars(digits, digits + sizeof(digits), number).ptr;
    headers.set(id, {digits, static_cast<size_t>(end - digits)});
}

bool asks_for_grpc(const HeaderMap& request) {
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

// Trailers only: there is no body, the text is in the head.
void become_grpc(HeaderMap& head, MappedReply reply, std::string_view grpc_status) {
    head.set(HeaderId::status, "200");
    head.set(HeaderId::content_type, "application/grpc");
    head.remove(HeaderId::content_length);
    const auto is_told = [&head](std::string_view name) {
        const http::HeaderField* const field = head.find(name);
        return field && !field->value.empty();
    };
    if (!is_told("grpc-status"))
        head.set("grpc-status", grpc_status.empty() ? grpc_status_of(reply.status) : grpc_status);
    if (reply.body.empty() || is_told("grpc-message")) return;
    if (reply.content_type == kJson && reply.body.ends_with('\n')) reply.body.remove_suffix(1);
    head.set("grpc-message", percent_encode(reply.body));
}

}  // namespace

std::string_view make_local_reply(HeaderMap& head, const HeaderMap& request, const LocalReply& reply,
                                  ReplyContext context) {
    head.clear();
    set_number(head, HeaderId::status, reply.status);
    if (reply.add) {
        for (const http::HeaderField& field : reply.add->fields()) {
            if (!field.removed && !field.name.starts_with(':')) head.add_copy(field.name, field.value);
        }
    }
    MappedReply mapped{reply.status, reply.body, kPlain};
    const std::string_view told_type = head.get(HeaderId::content_type);
    if (context.mapper) context.mapper->apply(mapped, head, request, *context.info);
    if (mapped.status == 204 || mapped.status == 304) mapped.body = {};  // they have none, whatever a mapper says
    if (asks_for_grpc(request)) {
        become_grpc(head, mapped, reply.grpc_status);
        return {};
    }
    if (mapped.body.empty()) {
        head.remove(HeaderId::content_length);
        head.remove(HeaderId::content_type);
        return {};
    }
    set_number(head, HeaderId::content_length, mapped.body.size());
    // A type that was told belongs to the text that it was told of.
    const bool mapper_told = head.get(HeaderId::content_type) != told_type;
    if (!head.has(HeaderId::content_type) || (mapped.body != reply.body && !mapper_told))
        head.set(HeaderId::content_type, mapped.content_type);
    return mapped.body;
}

void write_local_reply(network::Buffer& out, const HeaderMap& head, std::string_view body, bool proper_case_names) {
    constexpr size_t extra = 160;  // first line and framing
    uint16_t status = 0;
    const std::string_view digits = head.get(HeaderId::status);
    std::from_chars(digits.data(), digits.data() + digits.size(), status);
    http::HeadWriter writer(out, head, extra);
    writer.put("HTTP/1.1 ");
    writer.put_status(status);
    writer.put(" ");
    writer.put(http::reason_phrase(status));
    writer.put("\r\n");
    writer.put_fields(head);
    if (status == 204 || status == 304) body = {};
    if (status != 204) writer.put_line("content-length", body.empty() ? "0" : head.get(HeaderId::content_length));
    writer.put_line("connection", "close");
    if (proper_case_names) writer.capitalize_names(http::HeadWriter::FirstLine::apart);
    writer.finish();
    out.append(body);
}

std::string_view text_of_refusal(uint16_t status) { return http::reason_phrase(status); }

}  // namespace heirloom::connection_manager
