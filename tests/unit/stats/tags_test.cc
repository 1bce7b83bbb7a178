// SPDX-License-Identifier: Apache-2.0
#include "proxy/stats/tags.h"

#include <doctest/doctest.h>
#include <re2/re2.h>

namespace heirloom::stats {

namespace {
std::string tagged(std::string_view name, const Rules& rules = default_rules()) {
    const TaggedName result = extract_tags(name, rules);
    std::string text = result.name;
    for (const Tag& tag : result.tags) text += " " + tag.name + "=" + tag.value;
    return text;
}

TagRule by_regex(const char* name, const char* regex, const char* first_element = "") {
    return {name, TagRule::Kind::regex, std::make_shared<const re2::RE2>(regex), first_element, ""};
}
}  // namespace

TEST_CASE("codes and classes at the end of a name") {
    CHECK(tagged("cluster.blue.upstream_rq_503") ==
          "cluster.upstream_rq envoy.response_code=503 envoy.cluster_name=blue");
    CHECK(tagged("cluster.blue.external.upstream_rq_2xx") ==
          "cluster.external.upstream_rq_xx envoy.response_code_class=2 envoy.cluster_name=blue");
    CHECK(tagged("http.edge.downstream_rq_5xx") ==
          "http.downstream_rq_xx envoy.response_code_class=5 envoy.http_conn_manager_prefix=edge");
    CHECK(tagged("tcp.db.downstream_cx_total") == "tcp.downstream_cx_total envoy.tcp_prefix=db");
    CHECK(tagged("cluster.blue.upstream_rq_total") == "cluster.upstream_rq_total envoy.cluster_name=blue");
}

TEST_CASE("listeners by address, by stat prefix and by path") {
    CHECK(tagged("listener.0.0.0.0_443.downstream_cx_total") ==
          "listener.downstream_cx_total envoy.listener_address=0.0.0.0_443");
    CHECK(tagged("listener.[__]_443.http.edge.downstream_rq_2xx") ==
          "listener.http.downstream_rq_xx envoy.response_code_class=2 envoy.http_conn_manager_prefix=edge "
          "envoy.listener_address=[__]_443");
    CHECK(tagged("listener.127.0.0.1_80.worker_12.downstream_cx_active") ==
          "listener.worker.downstream_cx_active envoy.worker_id=12 envoy.listener_address=127.0.0.1_80");
    CHECK(tagged("listener./run/edge.sock.downstream_cx_total") ==
          "listener.downstream_cx_total envoy.listener_address=/run/edge.sock");
    CHECK(tagged("listener.front.door.no_filter_chain_match") ==
          "listener.no_filter_chain_match envoy.listener_address=front.door");
}

TEST_CASE("what was agreed on in TLS") {
    CHECK(tagged("listener.0.0.0.0_443.ssl.ciphers.TLS_AES_128_GCM_SHA256") ==
          "listener.ssl.ciphers envoy.ssl_cipher=TLS_AES_128_GCM_SHA256 envoy.listener_address=0.0.0.0_443");
    CHECK(tagged("cluster.blue.ssl.ciphers.ECDHE-RSA-AES128-GCM-SHA256") ==
          "cluster.ssl.ciphers envoy.ssl_cipher_suite=ECDHE-RSA-AES128-GCM-SHA256 envoy.cluster_name=blue");
    CHECK(tagged("cluster.blue.ssl.versions.TLSv1.2") ==
          "cluster.ssl.versions envoy.ssl_version=TLSv1.2 envoy.cluster_name=blue");
    CHECK(tagged("cluster.blue.ssl.curves.X25519") ==
          "cluster.ssl.curves envoy.ssl_curve=X25519 envoy.cluster_name=blue");
    CHECK(tagged("cluster.blue.ssl.sigalgs.rsa_pss_rsae_sha256") ==
          "cluster.ssl.sigalgs envoy.ssl_sigalg=rsa_pss_rsae_sha256 envoy.cluster_name=blue");
    CHECK(tagged("listener.0.0.0.0_443.ssl.certificate.a.b:c.expiration_unix_time_seconds") ==
          "listener.ssl.certificate.expiration_unix_time_seconds envoy.tls_certificate=a.b:c "
          "envoy.listener_address=0.0.0.0_443");
    CHECK(tagged("cluster.blue.ssl.certificate.roots.expiration_unix_time_seconds") ==
          "cluster.ssl.certificate.expiration_unix_time_seconds envoy.tls_certificate=roots envoy.cluster_name=blue");
    CHECK(tagged("cluster.blue.ssl.handshake") == "cluster.ssl.handshake envoy.cluster_name=blue");
    CHECK(tagged("listener.0.0.0.0_443.server_ssl_socket_factory.ssl_context_update_by_sds") ==
          "listener.server_ssl_socket_factory.ssl_context_update_by_sds envoy.listener_address=0.0.0.0_443");
}

TEST_CASE("the PROXY protocol by version and prefix, which may be none and may have dots") {
    CHECK(tagged("proxy_proto.edge.versions.v1.found") ==
          "proxy_proto.found envoy.proxy_protocol_version=1 envoy.proxy_protocol_prefix=edge");
    CHECK(tagged("proxy_proto.versions.v2.error") == "proxy_proto.error envoy.proxy_protocol_version=2");
    CHECK(tagged("proxy_proto.front.door.not_found_allowed") ==
          "proxy_proto.not_found_allowed envoy.proxy_protocol_prefix=front.door");
    CHECK(tagged("proxy_proto.not_found_disallowed") == "proxy_proto.not_found_disallowed");
}

TEST_CASE("the admin listener is no tag") {
    CHECK(tagged("listener.admin.downstream_cx_total") == "listener.admin.downstream_cx_total");
    CHECK(tagged("listener.admin.main_thread.downstream_cx_total") == "listener.admin.main_thread.downstream_cx_total");
    CHECK(tagged("listener.admin.http.admin.downstream_rq_completed") ==
          "listener.admin.http.downstream_rq_completed envoy.http_conn_manager_prefix=admin");
}

TEST_CASE("workers of the server") {
    CHECK(tagged("server.worker_0.watchdog_miss") == "server.worker.watchdog_miss envoy.worker_id=0");
    CHECK(tagged("server.main_thread.watchdog_miss") == "server.main_thread.watchdog_miss");
    CHECK(tagged("server.worker_x.watchdog_miss") == "server.worker_x.watchdog_miss");
}

TEST_CASE("names that have no tag stay as they are") {
    for (const char* name :
         {"cluster_manager.cluster_added", "filesystem.write_completed", "cluster.", "http.", "", "_rq_200"}) {
        CAPTURE(name);
        CHECK(extract_tags(name).name.size() <= std::string_view(name).size());
    }
    CHECK(tagged("cluster_manager.cluster_added") == "cluster_manager.cluster_added");
}

TEST_CASE("configured tags stand between codes and the end of the name, and take out what they match") {
    Rules rules;
    rules.tags = {{"site", TagRule::Kind::fixed, nullptr, "", "eqiad"},
                  by_regex("kind", "\\.((up|down)stream)_"),
                  by_regex("late", "^cluster\\.(b(.))", "cluster"),
                  by_regex("other", "^listener\\.(x)", "listener")};
    CHECK(tagged("cluster.blue.upstream_rq_503", rules) ==
          "cluster._rq envoy.response_code=503 site=eqiad kind=up envoy.cluster_name=blue late=l");
    CHECK(tagged("server.live", rules) == "server.live site=eqiad");
}

TEST_CASE("of two tags of one name the first that finds one wins") {
    Rules rules;
    rules.tags = {by_regex("envoy.cluster_name", "^cluster\\.((.*?)_x\\.)"), by_regex("a", "(live)"),
                  by_regex("a", "(server)")};
    CHECK(tagged("cluster.blue_x.y", rules) == "cluster.y envoy.cluster_name=blue");
    CHECK(tagged("cluster.blue.y", rules) == "cluster.y envoy.cluster_name=blue");
    CHECK(tagged("server.live", rules) == "server. a=live");
}

TEST_CASE("without all default tags only those that are named are taken") {
    Rules rules;
    rules.all_standard_tags = false;
    CHECK(tagged("cluster.blue.upstream_rq_503", rules) == "cluster.blue.upstream_rq_503");
    rules.tags = {{"envoy.response_code", TagRule::Kind::standard, nullptr, "", ""}};
    CHECK(tagged("cluster.blue.upstream_rq_503", rules) == "cluster.blue.upstream_rq envoy.response_code=503");
    CHECK(is_standard_tag("envoy.cluster_name"));
    CHECK(is_standard_tag("envoy.virtual_host"));
    CHECK_FALSE(is_standard_tag("cluster_name"));
}

}  // namespace heirloom::stats
