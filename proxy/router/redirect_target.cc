// SPDX-License-Identifier: Apache-2.0
#include "proxy/router/redirect_target.h"

#include <strings.h>

#include <algorithm>
#include <cctype>
#include <charconv>

namespace heirloom::router {

using http::HeaderId;

namespace {

bool takes(std::string_view& text, std::string_view prefix) {
    if (text.size() < prefix.size() || ::strncasecmp(text.data(), prefix.data(), prefix.size()) != 0) return false;
    text.remove_prefix(prefix.size());
    return true;
}

bool is_port(std::string_view text) {
    uint32_t port = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    return !text.empty() && error == std::errc() && end == text.data() + text.size() && port <= 65535;
}

// What others might read as the end of the host is no part of it.
bool is_host(std::string_view text) {
    const bool address = text.starts_with('[');
    if (address) {
        if (!text.ends_with(']')) return false;
        text = text.substr(1, text.size() - 2);
    }
    const auto fits = [address](unsigned char c) {
        return std::isalnum(c) || c == '.' || (address ? c == ':' : c == '-');
    };
    return !text.empty() && std::all_of(text.begin(), text.end(), fits);
}

// "": it is none. Who says it is nobody's business.
std::string_view read_authority(std::string_view text) {
    if (text.find('\\') != std::string_view::npos) return {};  // which others read as a slash
    if (const size_t at = text.rfind('@'); at != std::string_view::npos) text.remove_prefix(at + 1);
    const size_t bracket = text.rfind(']');
    const size_t colon = text.find(':', bracket == std::string_view::npos ? 0 : bracket);
    if (colon != std::string_view::npos && !is_port(text.substr(colon + 1))) return {};
    return is_host(text.substr(0, colon)) ? text : std::string_view();
}

void copy_fields(http::HeaderMap& request, const std::vector<std::string>& names, const http::HeaderMap& response) {
    for (const std::string& name : names) {
        request.remove(name);
        for (const http::HeaderField& field : response.fields()) {
            if (!field.removed && field.name == name) request.add_copy(name, field.value);
        }
    }
}

}  // namespace

std::optional<RedirectTarget> parse_redirect_target(std::string_view location) {
    const auto is_odd = [](char c) {
        return static_cast<unsigned char>(c) <= 0x20 || static_cast<unsigned char>(c) >= 0x7F;
    };
    if (std::any_of(location.begin(), location.end(), is_odd)) return std::nullopt;
    RedirectTarget target;
    target.to_http = takes(location, "http://");
    if (!target.to_http && !takes(location, "https://")) return std::nullopt;
    const size_t end = std::min(location.find_first_of("/?#"), location.size());
    target.authority = read_authority(location.substr(0, end));
    if (target.authority.empty()) return std::nullopt;
    std::string_view path = location.substr(end);
    path = path.substr(0, path.find('#'));
    if (!path.starts_with('/')) target.path = "/";
    target.path += path;
    return target;
}

bool drops_body(uint16_t status, std::string_view method) {
    return status == 303 && method != "GET" && method != "HEAD";
}

void apply_redirect(http::HeaderMap& request, const RedirectTarget& target, bool from_http, uint16_t status,
                    const config::InternalRedirectConfig& policy, const http::HeaderMap& response) {
    std::string original = from_http ? "http://" : "https://";
    original.append(request.get(HeaderId::authority)).append(request.get(HeaderId::path));
    copy_fields(request, policy.headers_to_copy, response);
    request.set(HeaderId::scheme, target.to_http ? "http" : "https");
    request.set(HeaderId::authority, target.authority);
    request.set(HeaderId::path, target.path);
    if (drops_body(status, request.get(HeaderId::method))) {
        request.set(HeaderId::method, "GET");
        request.remove(HeaderId::content_length);
    }
    request.set("x-envoy-original-url", original);
}

}  // namespace heirloom::router
