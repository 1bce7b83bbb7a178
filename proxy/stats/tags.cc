// SPDX-License-Identifier: Apache-2.0
#include "proxy/stats/tags.h"

#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <optional>

namespace heirloom::stats {

namespace {

// A tag as a piece of the full name, and the piece that is taken out for it (the value and maybe a dot or an
// underscore).
struct Found {
    std::string_view name;
    std::string_view value;
    std::string_view removed;
};

// The names of Envoy's default tags, after "envoy.". Those behind the line break belong to stats that do not exist
// here; a configuration may ask for them all the same.
constexpr std::string_view kStandardTags[] = {"response_code",
                                              "response_code_class",
                                              "worker_id",
                                              "http_conn_manager_prefix",
                                              "tcp_prefix",
                                              "cluster_name",
                                              "listener_address",
                                              "ssl_cipher",
                                              "ssl_cipher_suite",
                                              "ssl_curve",
                                              "ssl_sigalg",
                                              "ssl_version",
                                              "tls_certificate",
                                              "proxy_protocol_prefix",
                                              "proxy_protocol_version",

                                              "virtual_host",
                                              "virtual_cluster",
                                              "route",
                                              "rds_route_config",
                                              "scoped_rds_config",
                                              "udp_prefix",
                                              "redis_prefix",
                                              "mongo_prefix",
                                              "mongo_cmd",
                                              "mongo_collection",
                                              "mongo_callsite",
                                              "thrift_prefix",
                                              "ratelimit_prefix",
                                              "grpc_bridge_service",
                                              "grpc_bridge_method",
                                              "http_user_agent",
                                              "fault_downstream_cluster",
                                              "ext_authz_prefix",
                                              "rbac_prefix",
                                              "rbac_http_prefix",
                                              "rbac_policy_name",
                                              "local_http_ratelimit_prefix",
                                              "local_network_ratelimit_prefix",
                                              "local_listener_ratelimit_prefix",
                                              "connection_limit_prefix",
                                              "dns_filter_prefix",
                                              "clientssl_prefix",
                                              "google_grpc_client_prefix",
                                              "dynamo_operation",
                                              "dynamo_table",
                                              "dynamo_partition_id"};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// The text up to and with the next dot is taken off the front of `rest`. False: there is no dot.
bool take_element(std::string_view& rest, std::string_view& element, std::string_view& with_dot) {
    const size_t dot = rest.find('.');
    if (dot == std::string_view::npos) return false;
    element = rest.substr(0, dot);
    with_dot = rest.substr(0, dot + 1);
    rest.remove_prefix(dot + 1);
    return true;
}

bool take_prefix(std::string_view& rest, std::string_view prefix) {
    if (!rest.starts_with(prefix)) return false;
    rest.remove_prefix(prefix.size());
    return true;
}

// `..._rq_503` -> `..._rq`, `..._rq_5xx` -> `..._rq_xx`
void take_code(std::string_view& rest, std::vector<Found>& found) {
    if (rest.size() < 7 || rest.substr(rest.size() - 7, 4) != "_rq_") return;
    const std::string_view last = rest.substr(rest.size() - 3);
    if (!is_digit(last[0])) return;
    if (is_digit(last[1]) && is_digit(last[2])) {
        found.push_back({"envoy.response_code", last, rest.substr(rest.size() - 4)});
    } else if (last.substr(1) == "xx") {
        found.push_back({"envoy.response_code_class", last.substr(0, 1), last.substr(0, 1)});
    }
}

// `worker_3.x` -> `worker.x`
void take_worker(std::string_view& rest, std::vector<Found>& found) {
    std::string_view after = rest, worker, with_dot;
    if (!take_prefix(after, "worker_") || !take_element(after, worker, with_dot)) return;
    if (worker.empty() || !std::all_of(worker.begin(), worker.end(), is_digit)) return;
    found.push_back({"envoy.worker_id", worker, rest.substr(6, worker.size() + 1)});
    rest = after;
}

void take_http_prefix(std::string_view& rest, std::vector<Found>& found) {
    std::string_view after = rest, prefix, with_dot;
    if (!take_prefix(after, "http.") || !take_element(after, prefix, with_dot)) return;
    found.push_back({"envoy.http_conn_manager_prefix", prefix, with_dot});
    rest = after;
}

// `ssl.versions.TLSv1.2` -> `ssl.versions`
void take_tls_value(std::string_view& rest, std::string_view cipher_tag, std::vector<Found>& found) {
    const std::array<std::pair<std::string_view, std::string_view>, 4> kinds = {
        {{"ssl.ciphers.", cipher_tag},
         {"ssl.curves.", "envoy.ssl_curve"},
         {"ssl.sigalgs.", "envoy.ssl_sigalg"},
         {"ssl.versions.", "envoy.ssl_version"}}};
    for (const auto& [begin, tag] : kinds) {
        if (!rest.starts_with(begin)) continue;
        found.push_back({tag, rest.substr(begin.size()), rest.substr(begin.size() - 1)});
        return;
    }
}

// `ssl.certificate.<name>.expiration_unix_time_seconds` -> the same without the name, which may have dots of its own
void take_certificate(std::string_view& rest, std::vector<Found>& found) {
    constexpr std::string_view kBegin = "ssl.certificate.", kEnd = ".expiration_unix_time_seconds";
    if (rest.size() <= kBegin.size() + kEnd.size() || !rest.starts_with(kBegin) || !rest.ends_with(kEnd)) return;
    const size_t length = rest.size() - kBegin.size() - kEnd.size();
    found.push_back(
        {"envoy.tls_certificate", rest.substr(kBegin.size(), length), rest.substr(kBegin.size(), length + 1)});
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

void take_listener(std::string_view rest, std::vector<Found>& found) {
    std::vector<Found> address;
    if (!take_prefix(rest, "admin.")) {
        const size_t length = listener_key_length(rest);
        if (length != std::string_view::npos) {
            address.push_back({"envoy.listener_address", rest.substr(0, length), rest.substr(0, length + 1)});
            rest.remove_prefix(length + 1);
        }
    }
    take_certificate(rest, found);
    take_tls_value(rest, "envoy.ssl_cipher", found);
    take_http_prefix(rest, found);
    take_worker(rest, found);
    found.insert(found.end(), address.begin(), address.end());
}

// `proxy_proto.<prefix>.versions.v1.found` -> `proxy_proto.found`. The prefix may have dots of its own, or be none.
void take_proxy_protocol(std::string_view rest, std::vector<Found>& found) {
    size_t length = std::string_view::npos;
    for (const std::string_view begin : {".versions.v", ".not_found_"}) length = std::min(length, rest.find(begin));
    std::optional<Found> prefix;
    if (length != std::string_view::npos) {
        prefix = Found{"envoy.proxy_protocol_prefix", rest.substr(0, length), rest.substr(0, length + 1)};
        rest.remove_prefix(length + 1);
    }
    std::string_view after = rest, version, with_dot;
    if (take_prefix(after, "versions.v") && take_element(after, version, with_dot)) {
        const std::string_view whole = rest.substr(0, rest.size() - after.size());
        found.push_back({"envoy.proxy_protocol_version", version, whole});
    }
    if (prefix) found.push_back(*prefix);
}

// Tags that belong to the first element of the name.
void take_by_first_element(std::string_view rest, std::vector<Found>& found) {
    std::string_view element, with_dot;
    if (take_prefix(rest, "cluster.")) {
        std::string_view after = rest;
        if (!take_element(after, element, with_dot)) return;
        take_certificate(after, found);
        take_tls_value(after, "envoy.ssl_cipher_suite", found);
        found.push_back({"envoy.cluster_name", element, with_dot});
    } else if (rest.starts_with("http.")) {
        take_http_prefix(rest, found);
    } else if (take_prefix(rest, "tcp.")) {
        if (take_element(rest, element, with_dot)) found.push_back({"envoy.tcp_prefix", element, with_dot});
    } else if (take_prefix(rest, "listener.")) {
        take_listener(rest, found);
    } else if (take_prefix(rest, "proxy_proto.")) {
        take_proxy_protocol(rest, found);
    } else {
        for (const std::string_view root : {"server.", "listener_manager.", "thread_local_cluster_manager."}) {
            if (take_prefix(rest, root)) return take_worker(rest, found);
        }
    }
}

// Collects what counts. Of several that would give the same tag the first that finds one wins.
class Collector {
  public:
    Collector(std::string_view full_name, const Rules& rules) : full_name_(full_name), rules_(rules) {}

    void add_standard(const std::vector<Found>& all) {
        for (const Found& found : all) {
            if (is_wanted(found.name)) add(std::string(found.name), found.value, found.removed);
        }
    }
    // Those of stats_tags that look at every name, or only at names with a certain beginning.
    void add_configured(bool by_first_element) {
        for (const TagRule& rule : rules_.tags) {
            if (rule.first_element.empty() == by_first_element) continue;
            switch (rule.kind) {
                case TagRule::Kind::standard:
                    break;
                case TagRule::Kind::fixed:
                    add(rule.name, rule.value, {});
                    break;
                case TagRule::Kind::regex:
                    add_match(rule);
                    break;
            }
        }
    }
    TaggedName take() {
        for (size_t i = 0; i < full_name_.size(); ++i) {
            const char* const at = full_name_.data() + i;
            const bool is_removed = std::any_of(removed_.begin(), removed_.end(), [at](std::string_view piece) {
                return at >= piece.data() && at < piece.data() + piece.size();
            });
            if (!is_removed) result_.name.push_back(*at);
        }
        return std::move(result_);
    }

  private:
    bool is_wanted(std::string_view name) const {
        if (rules_.all_standard_tags) return true;
        return std::any_of(rules_.tags.begin(), rules_.tags.end(), [name](const TagRule& rule) {
            return rule.kind == TagRule::Kind::standard && rule.name == name;
        });
    }
    void add_match(const TagRule& rule) {
        if (!rule.first_element.empty() &&
            (!full_name_.starts_with(rule.first_element) || full_name_.substr(rule.first_element.size(), 1) != "."))
            return;
        const int groups = rule.regex->NumberOfCapturingGroups();
        if (groups < 1) return;
        std::array<re2::StringPiece, 3> match;
        const re2::StringPiece text(full_name_.data(), full_name_.size());
        const int wanted = std::min(groups, 2) + 1;
        if (!rule.regex->Match(text, 0, text.size(), re2::RE2::UNANCHORED, match.data(), wanted)) return;
        const auto piece = [](const re2::StringPiece& group) { return std::string_view(group.data(), group.size()); };
        if (match[1].data() == nullptr) return;  // the group had no part in the match
        const re2::StringPiece& value = groups > 1 ? match[2] : match[1];
        add(rule.name, value.data() == nullptr ? std::string_view() : piece(value), piece(match[1]));
    }
    void add(std::string name, std::string_view value, std::string_view removed) {
        const auto same = [&](const Tag& tag) { return tag.name == name; };
        if (std::any_of(result_.tags.begin(), result_.tags.end(), same)) return;
        result_.tags.push_back({std::move(name), std::string(value)});
        if (!removed.empty()) removed_.push_back(removed);
    }

    const std::string_view full_name_;
    const Rules& rules_;
    TaggedName result_;
    std::vector<std::string_view> removed_;
};

}  // namespace

bool is_standard_tag(std::string_view name) {
    constexpr std::string_view kBegin = "envoy.";
    return name.starts_with(kBegin) && std::find(std::begin(kStandardTags), std::end(kStandardTags),
                                                 name.substr(kBegin.size())) != std::end(kStandardTags);
}

TaggedName extract_tags(std::string_view full_name, const Rules& rules) {
    std::vector<Found> codes, by_first_element;
    take_code(full_name, codes);
    take_by_first_element(full_name, by_first_element);
    Collector collector(full_name, rules);
    collector.add_standard(codes);
    collector.add_configured(false);
    collector.add_standard(by_first_element);
    collector.add_configured(true);
    return collector.take();
}

}  // namespace heirloom::stats
