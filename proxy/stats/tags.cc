// SPDX-License-Identifier: Apache-2.0
#include "proxy/stats/tags.h"

#include <algorithm>
#include <array>
#include <optional>

namespace heirloom::stats {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Takes the text up to the next dot, and the dot, off the front of `rest`. False: there is no dot.
bool take_element(std::string_view& rest, std::string_view& element) {
    const size_t dot = rest.find('.');
    if (dot == std::string_view::npos) return false;
    element = rest.substr(0, dot);
    rest.remove_prefix(dot + 1);
    return true;
}

bool take_prefix(std::string_view& rest, std::string_view prefix) {
    if (!rest.starts_with(prefix)) return false;
    rest.remove_prefix(prefix.size());
    return true;
}

// `..._rq_503` -> `..._rq`, `..._rq_5xx` -> `..._rq_xx`
void take_code(std::string_view& rest, std::string& ending, std::vector<Tag>& tags) {
    if (rest.size() < 7 || rest.substr(rest.size() - 7, 4) != "_rq_") return;
    const std::string_view last = rest.substr(rest.size() - 3);
    if (!is_digit(last[0])) return;
    if (is_digit(last[1]) && is_digit(last[2])) {
        tags.push_back({"envoy_response_code", std::string(last)});
        rest.remove_suffix(4);
    } else if (last.substr(1) == "xx") {
        tags.push_back({"envoy_response_code_class", std::string(last.substr(0, 1))});
        rest.remove_suffix(3);
        ending = "xx";
    }
}

// `worker_3.x` -> `worker.x`
void take_worker(std::string_view& rest, std::string& name, std::vector<Tag>& tags) {
    std::string_view after = rest, worker;
    if (!take_prefix(after, "worker_") || !take_element(after, worker)) return;
    if (worker.empty() || !std::all_of(worker.begin(), worker.end(), is_digit)) return;
    tags.push_back({"envoy_worker_id", std::string(worker)});
    name += "worker.";
    rest = after;
}

void take_http_prefix(std::string_view& rest, std::string& name, std::vector<Tag>& tags) {
    std::string_view after = rest, prefix;
    if (!take_prefix(after, "http.") || !take_element(after, prefix)) return;
    tags.push_back({"envoy_http_conn_manager_prefix", std::string(prefix)});
    name += "http.";
    rest = after;
}

// `ssl.versions.TLSv1.2` -> `ssl.versions`
void take_tls_value(std::string_view& rest, std::string_view cipher_label, std::vector<Tag>& tags) {
    const std::array<std::pair<std::string_view, std::string_view>, 4> kinds = {
        {{"ssl.ciphers.", cipher_label},
         {"ssl.curves.", "envoy_ssl_curve"},
         {"ssl.sigalgs.", "envoy_ssl_sigalg"},
         {"ssl.versions.", "envoy_ssl_version"}}};
    for (const auto& [begin, label] : kinds) {
        if (!rest.starts_with(begin)) continue;
        tags.push_back({label, std::string(rest.substr(begin.size()))});
        rest = rest.substr(0, begin.size() - 1);
    }
}

// `ssl.certificate.<name>.expiration_unix_time_seconds` -> the same without the name, which may have dots of its own
void take_certificate(std::string_view& rest, std::vector<Tag>& tags) {
    constexpr std::string_view kBegin = "ssl.certificate.", kEnd = ".expiration_unix_time_seconds";
    if (rest.size() <= kBegin.size() + kEnd.size() || !rest.starts_with(kBegin) || !rest.ends_with(kEnd)) return;
    const size_t length = rest.size() - kBegin.size() - kEnd.size();
    tags.push_back({"envoy_tls_certificate", std::string(rest.substr(kBegin.size(), length))});
    rest = "ssl.certificate.expiration_unix_time_seconds";
}

// The address of a listener has dots of its own, and its stat prefix may have: it ends where a listener's stats begin.
size_t listener_key_length(std::string_view rest) {
    constexpr std::array<std::string_view, 10> kBegin = {".downstream_",
                                                         ".http.",
                                                         ".worker_",
                                                         ".main_thread.",
                                                         ".ssl.",
                                                         ".server_ssl_socket_factory.",
                                                         ".no_filter_chain_match",
                                                         ".connections_accepted_per_socket_event",
                                                         ".extension_config_missing",
                                                         ".network_extension_config_missing"};
    size_t length = std::string_view::npos;
    for (const std::string_view begin : kBegin) length = std::min(length, rest.find(begin));
    return length;
}

void take_listener(std::string_view& rest, std::string& name, std::vector<Tag>& tags) {
    std::vector<Tag> address;
    if (rest.starts_with("admin.")) {
        name += "admin.";
        rest.remove_prefix(6);
    } else if (const size_t length = listener_key_length(rest); length != std::string_view::npos) {
        address.push_back({"envoy_listener_address", std::string(rest.substr(0, length))});
        rest.remove_prefix(length + 1);
    }
    take_certificate(rest, tags);
    take_tls_value(rest, "envoy_ssl_cipher", tags);
    take_http_prefix(rest, name, tags);
    take_worker(rest, name, tags);
    std::move(address.begin(), address.end(), std::back_inserter(tags));
}

// `proxy_proto.<prefix>.versions.v1.found` -> `proxy_proto.found`. The prefix may have dots of its own, or be none.
void take_proxy_protocol(std::string_view& rest, std::vector<Tag>& tags) {
    size_t length = std::string_view::npos;
    for (const std::string_view begin : {".versions.v", ".not_found_"}) length = std::min(length, rest.find(begin));
    std::optional<Tag> prefix;
    if (length != std::string_view::npos) {
        prefix = Tag{"envoy_proxy_protocol_prefix", std::string(rest.substr(0, length))};
        rest.remove_prefix(length + 1);
    }
    std::string_view after = rest, version;
    if (take_prefix(after, "versions.v") && take_element(after, version)) {
        tags.push_back({"envoy_proxy_protocol_version", std::string(version)});
        rest = after;
    }
    if (prefix) tags.push_back(std::move(*prefix));
}

}  // namespace

TaggedName extract_tags(std::string_view full_name) {
    TaggedName result;
    std::string_view rest = full_name;
    std::string ending;
    take_code(rest, ending, result.tags);
    std::string_view element;
    if (take_prefix(rest, "cluster.")) {
        result.name = "cluster.";
        if (take_element(rest, element)) {
            take_certificate(rest, result.tags);
            take_tls_value(rest, "envoy_ssl_cipher_suite", result.tags);
            result.tags.push_back({"envoy_cluster_name", std::string(element)});
        }
    } else if (rest.starts_with("http.")) {
        take_http_prefix(rest, result.name, result.tags);
    } else if (take_prefix(rest, "tcp.")) {
        result.name = "tcp.";
        if (take_element(rest, element)) result.tags.push_back({"envoy_tcp_prefix", std::string(element)});
    } else if (take_prefix(rest, "listener.")) {
        result.name = "listener.";
        take_listener(rest, result.name, result.tags);
    } else if (take_prefix(rest, "proxy_proto.")) {
        result.name = "proxy_proto.";
        take_proxy_protocol(rest, result.tags);
    } else {
        for (const std::string_view root : {"server.", "listener_manager.", "thread_local_cluster_manager."}) {
            if (!take_prefix(rest, root)) continue;
            result.name = root;
            take_worker(rest, result.name, result.tags);
            break;
        }
    }
    result.name += rest;
    result.name += ending;
    return result;
}

}  // namespace heirloom::stats
