// SPDX-License-Identifier: Apache-2.0
#include "proxy/router/hash_policy.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "proxy/network/xxhash64.h"

namespace heirloom::router {

using http::HeaderId;
using network::xxhash64;

namespace {

using Policy = config::HashPolicyConfig;

// Several values of a header count in any order.
std::optional<uint64_t> hash_header(const http::HeaderMap& headers, const std::string& name) {
    std::optional<uint64_t> hash;
    const http::HeaderField* const first = headers.find(name);
    if (!first) return hash;
    hash = xxhash64(first->value);
    std::vector<std::string_view> values;
    for (const http::HeaderField& field : headers.fields()) {
        if (!field.removed && field.name == name && &field != first) values.push_back(field.value);
    }
    if (values.empty()) return hash;
    values.push_back(first->value);
    std::sort(values.begin(), values.end());
    hash = 0;
    for (const std::string_view value : values) hash = xxhash64(value, *hash);
    return hash;
}

std::string_view trim(std::string_view text) {
    while (text.starts_with(' ')) text.remove_prefix(1);
    while (text.ends_with(' ')) text.remove_suffix(1);
    return text;
}

std::string_view cookie_of(const http::HeaderMap& headers, const std::string& name) {
    for (const http::HeaderField& field : headers.fields()) {
        if (field.removed || field.name != "cookie") continue;
        std::string_view rest = field.value;
        while (!rest.empty()) {
            const std::string_view pair = trim(rest.substr(0, rest.find(';')));
            rest.remove_prefix(
                std::min(rest.size(), rest.find(';') == std::string_view::npos ? rest.size() : rest.find(';') + 1));
            const size_t equals = pair.find('=');
            if (equals == std::string_view::npos || pair.substr(0, equals) != name) continue;
            std::string_view value = pair.substr(equals + 1);
            if (value.size() >= 2 && value.front() == '"' && value.back() == '"')
                value = value.substr(1, value.size() - 2);
            return value;
        }
    }
    return {};
}

std::string text_of(const shm::SocketAddress* address) { return address ? address->to_string() : std::string(); }

// All streams of a connection get the same one, so that requests that race stay together.
std::optional<uint64_t> make_cookie(const Policy::Cookie& cookie, const HashedRequest& request,
                                    std::vector<std::string>& new_cookies) {
    const std::string value = fmt::format("{:016x}", xxhash64(text_of(request.client) + text_of(request.local)));
    std::string header = cookie.name + "=\"" + value + '"';
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(*cookie.ttl).count();
    if (seconds > 0) header += "; Max-Age=" + std::to_string(seconds);
    if (!cookie.path.empty()) header += "; Path=" + cookie.path;
    new_cookies.push_back(header + "; HttpOnly");
    return xxhash64(value);
}

std::optional<uint64_t> hash_query(std::string_view path, const std::string& name) {
    const size_t begin = path.find('?');
    if (begin == std::string_view::npos) return std::nullopt;
    std::string_view rest = path.substr(begin + 1);
    rest = rest.substr(0, rest.find('#'));
    while (!rest.empty()) {
        const size_t end = rest.find('&');
        const std::string_view pair = rest.substr(0, end);
        rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
        const size_t equals = pair.find('=');
        if (pair.substr(0, equals) != name) continue;
        return xxhash64(equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1));
    }
    return std::nullopt;
}

std::optional<uint64_t> hash_one(const Policy::Policy& policy, const HashedRequest& request,
                                 std::vector<std::string>& new_cookies) {
    if (const auto* const header = std::get_if<Policy::Header>(&policy.kind))
        return hash_header(request.headers, header->name);
    if (const auto* const cookie = std::get_if<Policy::Cookie>(&policy.kind)) {
        const std::string_view value = cookie_of(request.headers, cookie->name);
        if (!value.empty()) return xxhash64(value);
        return cookie->ttl ? make_cookie(*cookie, request, new_cookies) : std::nullopt;
    }
    if (const auto* const parameter = std::get_if<Policy::QueryParameter>(&policy.kind))
        return hash_query(request.headers.get(HeaderId::path), parameter->name);
    if (!request.client || request.client->ip().empty()) return std::nullopt;
    return xxhash64(request.client->ip());
}

}  // namespace

std::optional<uint64_t> hash_of(const Policy& policy, const HashedRequest& request,
                                std::vector<std::string>& new_cookies) {
    std::optional<uint64_t> hash;
    for (const Policy::Policy& one : policy.policies) {
        if (const auto other = hash_one(one, request, new_cookies))
            hash = (hash ? std::rotl(*hash, 1) : 0) ^ *other;  // turned, so that the same twice is not nothing
        if (one.terminal && hash) break;
    }
    return hash;
}

}  // namespace heirloom::router
