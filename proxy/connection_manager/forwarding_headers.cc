// SPDX-License-Identifier: Apache-2.0
#include "proxy/connection_manager/forwarding_headers.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <memory>

#include "proxy/connection_manager/internal_address.h"

namespace heirloom::connection_manager {
namespace {

using http::HeaderField;
using http::HeaderId;
using http::HeaderMap;

constexpr std::string_view kHttp = "http";
constexpr std::string_view kHttps = "https";

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool equal_ignoring_case(std::string_view a, std::string_view b) {
    return a.size() == b.size() &&
           std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view trim(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

// Calls `use` with each element of a comma list; stops when it returns false and returns that.
template <class Use>
bool each_token(std::string_view list, Use use) {
    while (!list.empty()) {
        const size_t comma = list.find(',');
        const std::string_view token = trim(list.substr(0, comma));
        list = comma == std::string_view::npos ? std::string_view() : list.substr(comma + 1);
        if (!token.empty() && !use(token)) return false;
    }
    return true;
}

// Several lines of one field become one, as Envoy holds them.
void join_lines(HeaderMap& headers, HeaderId id) {
    if (!headers.has(id)) return;
    std::string joined;
    int lines = 0;
    for (const HeaderField& field : headers.fields()) {
        if (field.id != id || field.removed) continue;
        if (lines++ > 0) joined += ',';
        joined += field.value;
    }
    if (lines > 1) headers.set(id, joined);
}

bool has_several_lines(const HeaderMap& headers, HeaderId id) {
    return headers.has(id) && std::ranges::count_if(headers.fields(), [id](const HeaderField& field) {
                                  return field.id == id && !field.removed;
                              }) > 1;
}

// A URI without fragment and user, or a relative reference.
bool is_referer(std::string_view value) {
    if (value.find('#') != std::string_view::npos) return false;
    if (const size_t authority = value.find("://"); authority != std::string_view::npos) {
        const std::string_view rest = value.substr(authority + 3);
        return rest.substr(0, rest.find('/')).find('@') == std::string_view::npos;
    }
    return value.substr(0, value.find('/')).find(':') == std::string_view::npos;
}

// Fields named by `connection` belong to the hop before. False: it names one that the proxy itself answers for.
bool remove_nominated(HeaderMap& headers) {
    const std::string_view list = headers.get(HeaderId::connection);
    if (list.data() == nullptr || equal_ignoring_case(list, "close") || equal_ignoring_case(list, "keep-alive")) {
        return true;
    }
    bool sound = true;
    std::string name;
    for (const HeaderField& field : headers.fields()) {
        if (field.id != HeaderId::connection || field.removed) continue;
        sound = sound && each_token(field.value, [&](std::string_view token) {
                    name.assign(token);
                    std::ranges::transform(name, name.begin(), lower);
                    if (name == "close" || name == "te" || name == "upgrade") return true;
                    if (name.starts_with(':') || name.starts_with("x-forwarded-") || name == "host") return false;
                    headers.remove(name);
                    return true;
                });
    }
    return sound;
}

void keep_te_trailers(HeaderMap& headers) {
    if (!headers.has(HeaderId::te)) return;
    bool trailers = false;
    for (const HeaderField& field : headers.fields()) {
        if (trailers || field.id != HeaderId::te || field.removed) continue;
        trailers = field.value == "trailers" || has_token(field.value, "trailers");
    }
    headers.remove(HeaderId::te);
    if (trailers) headers.add_view(HeaderId::te, http::name_of(HeaderId::te), "trailers");
}

// Only insiders may send these.
constexpr std::string_view kInternalOnly[] = {
    "x-envoy-retriable-status-codes",
    "x-envoy-retriable-header-names",
    "x-envoy-retry-on",
    "x-envoy-retry-grpc-on",
    "x-envoy-max-retries",
    "x-envoy-upstream-alt-stat-name",
    "x-envoy-upstream-rq-timeout-ms",
    "x-envoy-upstream-rq-per-try-timeout-ms",
    "x-envoy-upstream-rq-timeout-alt-response",
    "x-envoy-expected-rq-timeout-ms",
    "x-envoy-force-trace",
    "x-envoy-ip-tags",
    "x-envoy-original-url",
    "x-envoy-hedge-on-per-try-timeout",
};
constexpr std::string_view kNotAtTheEdge[] = {
    "x-envoy-decorator-operation",     "x-envoy-downstream-service-cluster",
    "x-envoy-downstream-service-node", "x-envoy-original-path",
    "x-envoy-original-host",
};

void remove_insider_fields(HeaderMap& headers, bool edge) {
    constexpr std::string_view prefix = "x-envoy-";
    auto& fields = headers.fields();
    for (size_t i = 0; i < fields.size(); ++i) {
        if (fields[i].removed || !fields[i].name.starts_with(prefix)) continue;
        const std::string_view name = fields[i].name;
        if (std::ranges::find(kInternalOnly, name) != std::end(kInternalOnly) ||
            (edge && std::ranges::find(kNotAtTheEdge, name) != std::end(kNotAtTheEdge))) {
            headers.remove(name);
        }
    }
}

// The Nth address from the right (0: the last); empty when there is none, or it is no address.
std::string_view address_from_right(std::string_view list, uint32_t skip) {
    for (;;) {
        const size_t comma = list.rfind(',');
        const std::string_view last = trim(comma == std::string_view::npos ? list : list.substr(comma + 1));
        if (skip == 0) return shm::make_ip_address(last, 0).ok() ? last : std::string_view();
        if (comma == std::string_view::npos) return {};
        list = list.substr(0, comma);
        --skip;
    }
}

void set_client(std::string& client, std::string_view ip) {
    const auto address = shm::make_ip_address(ip, 0);
    if (address.ok()) client = address->to_string();
}

void append_to_forwarded_for(HeaderMap& headers, std::string_view address) {
    const std::string_view before = headers.get(HeaderId::x_forwarded_for);
    if (before.empty()) {
        headers.set(HeaderId::x_forwarded_for, address);
    } else {
        std::string list;
        list.reserve(before.size() + 1 + address.size());
        list.append(before).append(1, ',').append(address);
        headers.set(HeaderId::x_forwarded_for, list);
    }
}

bool is_loopback(const shm::SocketAddress& address) {
    if (address.family() == AF_INET) {
        const auto& v4 = reinterpret_cast<const sockaddr_in&>(address.storage);
        return (ntohl(v4.sin_addr.s_addr) >> 24) == 127;
    }
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address.storage);
    return IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr);
}

// A v4 client of a socket that serves both families is shown by its v4 address.
std::string plain_ip(const shm::SocketAddress& address) {
    std::string ip = address.ip();
    constexpr std::string_view mapped = "::ffff:";
    if (address.family() == AF_INET6 && ip.starts_with(mapped) && ip.find('.') != std::string::npos) {
        ip.erase(0, mapped.size());
    }
    return ip;
}

// Behind what the hops before have said of themselves.
void append_via(HeaderMap& headers, std::string_view via) {
    if (!headers.has(HeaderId::via)) return headers.add_view(HeaderId::via, http::name_of(HeaderId::via), via);
    join_lines(headers, HeaderId::via);
    headers.set(HeaderId::via, std::string(headers.get(HeaderId::via)).append(", ").append(via));
}

// By the same rule as x-forwarded-proto: what came counts where it can be believed.
void note_port(HeaderMap& headers, const ForwardingRules& rules) {
    constexpr std::string_view name = "x-forwarded-port";
    const bool overwrite = rules.config.use_remote_address && rules.config.xff_num_trusted_hops == 0;
    if (rules.port == 0 || (!overwrite && headers.find(name))) return;
    char digits[5];
    const auto end = std::to_chars(digits, digits + sizeof digits, rules.port).ptr;
    headers.set(name, {digits, static_cast<size_t>(end - digits)});
}

// Is it one that an insider sent? Envoy's rule: `client` is internal, and the only one who has forwarded it so far.
bool is_from_inside(const config::HttpConnectionManagerConfig& config, const shm::SocketAddress* peer,
                    std::string_view client, bool only_one) {
    if (!config.internal || !only_one) return false;
    if (client.empty()) return peer && is_internal(*config.internal, *peer);
    const auto address = shm::make_ip_address(client, 0);
    return address.ok() && is_internal(*config.internal, *address);
}

// Steps 4 and 5 of Envoy's treatment: who asked, and by which scheme. Returns whether the request is internal.
bool note_origin(HeaderMap& headers, const ForwardingRules& rules, const shm::SocketAddress* peer,
                 std::string& client) {
    const config::HttpConnectionManagerConfig& config = rules.config;
    const uint32_t hops = config.xff_num_trusted_hops;
    const std::string_view scheme = rules.secure ? kHttps : kHttp;
    if (has_several_lines(headers, HeaderId::x_forwarded_for)) join_lines(headers, HeaderId::x_forwarded_for);
    const std::string_view list = headers.get(HeaderId::x_forwarded_for);
    if (!config.use_remote_address) {
        std::string_view told = list.empty() ? list : address_from_right(list, hops);
        bool only_one = list.find(',') == std::string_view::npos;
        if (rules.detected) {
            told = rules.detected->address;
            only_one = rules.detected->may_be_inside;
        }
        if (!told.empty()) set_client(client, told);
        if (!headers.has(HeaderId::x_forwarded_proto)) {
            headers.add_view(HeaderId::x_forwarded_proto, http::name_of(HeaderId::x_forwarded_proto), scheme);
        }
        return !told.empty() && is_from_inside(config, nullptr, told, only_one);
    }
    std::string_view trusted;
    if (hops > 0 && !list.empty()) trusted = address_from_right(list, hops - 1);
    if (!trusted.empty()) set_client(client, trusted);
    const bool inside = is_from_inside(config, peer, trusted, list.empty());
    const bool has_ip = peer && peer->family() != AF_UNIX && peer->length > 0;
    std::string peer_ip = has_ip ? plain_ip(*peer) : std::string();
    const std::string external = trusted.empty() ? peer_ip : std::string(trusted);
    if (!external.empty() && !inside) headers.set(HeaderId::x_envoy_external_address, external);
    if (!config.skip_xff_append && has_ip) {
        append_to_forwarded_for(headers, is_loopback(*peer) ? rules.own_address : std::string_view(peer_ip));
    }
    if (hops == 0 || !headers.has(HeaderId::x_forwarded_proto)) headers.set(HeaderId::x_forwarded_proto, scheme);
    return inside;
}

}  // namespace

bool has_token(std::string_view list, std::string_view token) {
    return !each_token(list, [token](std::string_view one) { return !equal_ignoring_case(one, token); });
}

DetectedClient detect_client(const HeaderMap& headers, const std::vector<config::OriginalIp>& ways) {
    DetectedClient client;
    for (const config::OriginalIp& way : ways) {
        if (way.header.empty()) {
            std::string list;
            for (const HeaderField& field : headers.fields()) {
                if (field.id != HeaderId::x_forwarded_for || field.removed) continue;
                if (!list.empty()) list += ',';
                list += field.value;
            }
            client.address = address_from_right(list, way.hops);
            client.may_be_inside = list.find(',') == std::string::npos;
        } else {
            const HeaderField* const field = headers.find(way.header);
            if (field && shm::make_ip_address(field->value, 0).ok()) client.address = field->value;
            client.may_be_inside = way.trusted;
            if (client.address.empty()) client.refuse_with = way.refuse_with;
        }
        if (!client.address.empty() || client.refuse_with != 0) break;
    }
    return client;
}

Refusal check_target(const HeaderMap& headers) {
    if (headers.get(HeaderId::authority).empty()) return {400, "", "missing_host_header"};
    const std::string_view path = headers.get(HeaderId::path);
    if (headers.get(HeaderId::method) == "CONNECT") return {};  // has no path
    if (path.empty()) return {404, "", "missing_path_rejected"};
    if (path.front() != '/') return {404, "", "absolute_path_rejected"};
    if (path.find('#') != std::string_view::npos) return {400, "", "path_normalization_failed"};
    return {};
}

bool prepare_request(HeaderMap& headers, const ForwardingRules& rules, const shm::SocketAddress* peer, Random& random,
                     std::string& client) {
    if (!remove_nominated(headers)) return false;
    headers.remove(HeaderId::connection);
    keep_te_trailers(headers);
    headers.remove(HeaderId::keep_alive);
    headers.remove(HeaderId::proxy_connection);
    headers.remove(HeaderId::transfer_encoding);
    headers.remove(HeaderId::x_envoy_internal);
    if (headers.has(HeaderId::referer)) {
        join_lines(headers, HeaderId::referer);
        if (!is_referer(headers.get(HeaderId::referer))) headers.remove(HeaderId::referer);
    }

    const config::HttpConnectionManagerConfig& config = rules.config;
    const bool inside = note_origin(headers, rules, peer, client);
    const bool edge = config.use_remote_address && !inside;
    if (config.append_x_forwarded_port) note_port(headers, rules);
    if (!config.scheme.empty()) {
        headers.set(HeaderId::scheme, config.scheme);
        headers.set(HeaderId::x_forwarded_proto, config.scheme);
    }
    if (inside) {
        headers.add_view(HeaderId::x_envoy_internal, http::name_of(HeaderId::x_envoy_internal), "true");
    } else {
        remove_insider_fields(headers, edge);
    }
    if (!headers.has(HeaderId::scheme)) {
        const std::string_view told = headers.get(HeaderId::x_forwarded_proto);
        const bool secure = told == kHttps || (told != kHttp && rules.secure);
        headers.add_view(HeaderId::scheme, http::name_of(HeaderId::scheme), secure ? kHttps : kHttp);
    }
    if (!config.via.empty()) append_via(headers, config.via);
    const bool renew = edge && !config.preserve_external_request_id;
    if (config.generate_request_id && (renew || headers.get(HeaderId::x_request_id).empty())) {
        headers.set(HeaderId::x_request_id, random.uuid());
    }
    return true;
}

void prepare_response(HeaderMap& headers, const config::HttpConnectionManagerConfig& config, std::string_view date,
                      std::string_view request_id, bool local) {
    using ServerHeader = config::HttpConnectionManagerConfig::ServerHeader;
    headers.remove(HeaderId::connection);
    headers.remove(HeaderId::keep_alive);
    headers.remove(HeaderId::proxy_connection);
    headers.remove(HeaderId::transfer_encoding);
    switch (config.server_header) {
        case ServerHeader::overwrite:
            // The name lives as long as the configuration: no copy.
            headers.remove(HeaderId::server);
            headers.add_view(HeaderId::server, http::name_of(HeaderId::server), config.server_name);
            break;
        case ServerHeader::append_if_absent:
            if (!headers.has(HeaderId::server)) {
                headers.add_view(HeaderId::server, http::name_of(HeaderId::server), config.server_name);
            }
            break;
        case ServerHeader::pass_through:
            if (local) headers.remove(HeaderId::server);
            break;
    }
    if (!config.via.empty()) append_via(headers, config.via);
    if (!headers.has(HeaderId::date)) headers.add_copy(HeaderId::date, date);
    if (!request_id.empty() && !headers.has(HeaderId::x_request_id)) {
        headers.add_copy(HeaderId::x_request_id, request_id);
    }
}

std::string find_own_address(bool v6) {
    ifaddrs* list = nullptr;
    std::string found;
    if (::getifaddrs(&list) == 0) {
        const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner(list, &::freeifaddrs);
        for (const ifaddrs* one = list; one && found.empty(); one = one->ifa_next) {
            if (!one->ifa_addr || one->ifa_addr->sa_family != (v6 ? AF_INET6 : AF_INET)) continue;
            const auto address = shm::from_sockaddr(one->ifa_addr, v6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in));
            const bool link_local =
                v6 && IN6_IS_ADDR_LINKLOCAL(&reinterpret_cast<const sockaddr_in6*>(one->ifa_addr)->sin6_addr);
            if (!is_loopback(address) && !link_local) found = address.ip();
        }
    }
    if (!found.empty()) return found;
    return v6 ? "::1" : "127.0.0.1";
}

}  // namespace heirloom::connection_manager
