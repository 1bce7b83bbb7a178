// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/http1_request_line.h"

#include <algorithm>

#include "proxy/http/http1_chars.h"

namespace heirloom::http {
namespace {

constexpr CodecError kFine{0, {}};
constexpr CodecError kSyntax{400, "http1.codec_error"};
constexpr CodecError kInvalidUrl{400, "http1.invalid_url"};
constexpr CodecError kInvalidScheme{400, "http1.invalid_scheme"};
constexpr CodecError kInvalidCharacters{400, "http1.invalid_characters"};
constexpr CodecError kLowVersion{426, "low_version"};

// Envoy refuses methods it does not know.
constexpr std::string_view kMethods[] = {
    "GET",    "POST",   "HEAD",      "PUT",    "DELETE",   "OPTIONS",   "PATCH",      "CONNECT",    "TRACE",
    "ACL",    "BIND",   "CHECKOUT",  "COPY",   "LINK",     "LOCK",      "MERGE",      "MKACTIVITY", "MKCALENDAR",
    "MKCOL",  "MOVE",   "M-SEARCH",  "NOTIFY", "PROPFIND", "PROPPATCH", "PURGE",      "REBIND",     "REPORT",
    "SEARCH", "SOURCE", "SUBSCRIBE", "UNBIND", "UNLINK",   "UNLOCK",    "UNSUBSCRIBE"};

bool is_known_method(std::string_view method) {
    if (method == "GET") return true;
    return std::ranges::find(kMethods, method) != std::end(kMethods);
}

bool is_http_version(std::string_view text) {
    return text.size() == 8 && std::memcmp(text.data(), "HTTP/", 5) == 0 && is_digit(text[5]) && text[6] == '.' &&
           is_digit(text[7]);
}

// HTTP/0.9: the target ends the line.
bool is_without_version(std::string_view rest) {
    if (rest.ends_with(' ')) rest.remove_suffix(1);
    return rest.starts_with('/') && is_target(rest);
}

// "host:port" of CONNECT: both parts are there.
bool is_host_and_port(std::string_view authority) {
    const size_t colon = authority.rfind(':');
    if (colon == std::string_view::npos || colon == 0 || colon + 1 == authority.size()) return false;
    return std::ranges::all_of(authority.substr(colon + 1), is_digit) && is_valid_authority(authority);
}

CodecError split_absolute(std::string_view target, RequestLine& out) {
    const size_t mark = target.find("://");
    if (mark == std::string_view::npos) return target == "*" ? kInvalidUrl : kSyntax;
    const std::string_view scheme = target.substr(0, mark);
    if (equals_ignoring_case(scheme, "http")) {
        out.scheme = "http";
    } else if (equals_ignoring_case(scheme, "https")) {
        out.scheme = "https";
    } else {
        return kInvalidScheme;
    }
    const std::string_view rest = target.substr(mark + 3);
    const size_t end = std::min(rest.find_first_of("/?#"), rest.size());
    out.authority = rest.substr(0, end);
    out.path = end == rest.size() ? std::string_view("/") : rest.substr(end);
    return !out.authority.empty() && is_valid_authority(out.authority) ? kFine : kInvalidUrl;
}

}  // namespace

bool is_valid_authority(std::string_view authority) {
    return std::ranges::all_of(authority, [](char c) { return kAuthorityChar[static_cast<uint8_t>(c)]; });
}

CodecError parse_request_line(std::string_view line, bool accept_http10, bool allow_absolute_url, RequestLine& out) {
    const size_t method_end = line.find(' ');
    if (method_end == std::string_view::npos) return kSyntax;
    out.method = line.substr(0, method_end);
    if (!is_known_method(out.method)) return kSyntax;

    // "METHOD SP target SP HTTP/d.d": single blanks, nothing else.
    const std::string_view rest = line.substr(method_end + 1);
    if (rest.size() < 10 || rest[rest.size() - 9] != ' ') return is_without_version(rest) ? kLowVersion : kSyntax;
    const std::string_view version = rest.substr(rest.size() - 8);
    const std::string_view target = rest.substr(0, rest.size() - 9);
    if (!is_http_version(version)) return kSyntax;
    if (!is_target(target)) return has_control(target) ? kInvalidCharacters : kSyntax;
    if (std::memcmp(version.data(), "HTTP/1.1", 8) == 0) {
        out.protocol = Protocol::http11;
    } else if (version == "HTTP/1.0" && accept_http10) {
        out.protocol = Protocol::http10;
    } else {
        return kLowVersion;
    }

    if (target.front() == '/' && out.method.size() < 7) {  // no CONNECT: the usual case
        out.path = target;
        return kFine;
    }
    if (out.method == "CONNECT") {
        out.connect = true;
        out.authority = target;
        return is_host_and_port(target) ? kFine : kInvalidUrl;
    }
    if (target.front() == '/' || (target == "*" && out.method == "OPTIONS")) {
        out.path = target;
        return kFine;
    }
    if (const CodecError error = split_absolute(target, out); error.status != 0) return error;
    if (!allow_absolute_url) {
        out.path = target;
        out.authority = {};
        out.scheme = {};
    }
    return kFine;
}

bool parse_status_line(std::string_view line, StatusLine& out) {
    // "HTTP/1.x SP 3DIGIT [SP reason]"; a missing blank before an empty reason is common and harmless.
    if (line.size() < 12 || !is_http_version(line.substr(0, 8)) || line[5] != '1' || line[8] != ' ') return false;
    if (line.size() > 12 && line[12] != ' ') return false;
    out.digits = line.substr(9, 3);
    out.reason = line.substr(std::min<size_t>(line.size(), 13));
    if (!is_digit(line[9]) || !is_digit(line[10]) || !is_digit(line[11]) || has_control(line)) return false;
    out.status = static_cast<uint16_t>((line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0'));
    out.protocol = line[7] == '0' ? Protocol::http10 : Protocol::http11;
    return out.status >= 100;
}

}  // namespace heirloom::http
