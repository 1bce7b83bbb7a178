// SPDX-License-Identifier: Apache-2.0
#include "proxy/stats/tags.h"

#include <doctest/doctest.h>

namespace heirloom::stats {

namespace {
std::string tagged(std::string_view name) {
    const TaggedName result = extract_tags(name);
    std::string text = result.name;
    for (const Tag& tag : result.tags) text += " " + std::string(tag.label) + "=" + tag.value;
    return text;
}
}  // namespace

TEST_CASE("codes and classes at the end of a name") {
    CHECK(tagged("cluster.blue.upstream_rq_503") ==
          "cluster.upstream_rq envoy_response_code=503 envoy_cluster_name=blue");
    CHECK(tagged("cluster.blue.external.upstream_rq_2xx") ==
          "cluster.external.upstream_rq_xx envoy_response_code_class=2 envoy_cluster_name=blue");
    CHECK(tagged("http.edge.downstream_rq_5xx") ==
          "http.downstream_rq_xx envoy_response_code_class=5 envoy_http_conn_manager_prefix=edge");
    CHECK(tagged("tcp.db.downstream_cx_total") == "tcp.downstream_cx_total envoy_tcp_prefix=db");
    CHECK(tagged("cluster.blue.upstream_rq_total") == "cluster.upstream_rq_total envoy_cluster_name=blue");
}

TEST_CASE("listeners by address, by stat prefix and by path") {
    CHECK(tagged("listener.0.0.0.0_443.downstream_cx_total") ==
          "listener.downstream_cx_total envoy_listener_address=0.0.0.0_443");
    CHECK(tagged("listener.[__]_443.http.edge.downstream_rq_2xx") ==
          "listener.http.downstream_rq_xx envoy_response_code_class=2 envoy_http_conn_manager_prefix=edge "
          "envoy_listener_address=[__]_443");
    CHECK(tagged("listener.127.0.0.1_80.worker_12.downstream_cx_active") ==
          "listener.worker.downstream_cx_active envoy_worker_id=12 envoy_listener_address=127.0.0.1_80");
    CHECK(tagged("listener./run/edge.sock.downstream_cx_total") ==
          "listener.downstream_cx_total envoy_listener_address=/run/edge.sock");
    CHECK(tagged("listener.front.door.no_filter_chain_match") ==
          "listener.no_filter_chain_match envoy_listener_address=front.door");
}

TEST_CASE("what was agreed on in TLS") {
    CHECK(tagged("listener.0.0.0.0_443.ssl.ciphers.TLS_AES_128_GCM_SHA256") ==
          "listener.ssl.ciphers envoy_ssl_cipher=TLS_AES_128_GCM_SHA256 envoy_listener_address=0.0.0.0_443");
    CHECK(tagged("cluster.blue.ssl.ciphers.ECDHE-RSA-AES128-GCM-SHA256") ==
          "cluster.ssl.ciphers envoy_ssl_cipher_suite=ECDHE-RSA-AES128-GCM-SHA256 envoy_cluster_name=blue");
    CHECK(tagged("cluster.blue.ssl.versions.TLSv1.2") ==
          "cluster.ssl.versions envoy_ssl_version=TLSv1.2 envoy_cluster_name=blue");
    CHECK(tagged("cluster.blue.ssl.curves.X25519") ==
          "cluster.ssl.curves envoy_ssl_curve=X25519 envoy_cluster_name=blue");
    CHECK(tagged("cluster.blue.ssl.sigalgs.rsa_pss_rsae_sha256") ==
          "cluster.ssl.sigalgs envoy_ssl_sigalg=rsa_pss_rsae_sha256 envoy_cluster_name=blue");
    CHECK(tagged("listener.0.0.0.0_443.ssl.certificate.a.b:c.expiration_unix_time_seconds") ==
          "listener.ssl.certificate.expiration_unix_time_seconds envoy_tls_certificate=a.b:c "
          "envoy_listener_address=0.0.0.0_443");
    CHECK(tagged("cluster.blue.ssl.certificate.roots.expiration_unix_time_seconds") ==
          "cluster.ssl.certificate.expiration_unix_time_seconds envoy_tls_certificate=roots envoy_cluster_name=blue");
    CHECK(tagged("cluster.blue.ssl.handshake") == "cluster.ssl.handshake envoy_cluster_name=blue");
    CHECK(tagged("listener.0.0.0.0_443.server_ssl_socket_factory.ssl_context_update_by_sds") ==
          "listener.server_ssl_socket_factory.ssl_context_update_by_sds envoy_listener_address=0.0.0.0_443");
}

TEST_CASE("the PROXY protocol by version and prefix, which may be none and may have dots") {
    CHECK(tagged("proxy_proto.edge.versions.v1.found") ==
          "proxy_proto.found envoy_proxy_protocol_version=1 envoy_proxy_protocol_prefix=edge");
    CHECK(tagged("proxy_proto.versions.v2.error") == "proxy_proto.error envoy_proxy_protocol_version=2");
    CHECK(tagged("proxy_proto.front.door.not_found_allowed") ==
          "proxy_proto.not_found_allowed envoy_proxy_protocol_prefix=front.door");
    CHECK(tagged("proxy_proto.not_found_disallowed") == "proxy_proto.not_found_disallowed");
}

TEST_CASE("the admin listener is no tag") {
    CHECK(tagged("listener.admin.downstream_cx_total") == "listener.admin.downstream_cx_total");
    CHECK(tagged("listener.admin.main_thread.downstream_cx_total") == "listener.admin.main_thread.downstream_cx_total");
    CHECK(tagged("listener.admin.http.admin.downstream_rq_completed") ==
          "listener.admin.http.downstream_rq_completed envoy_http_conn_manager_prefix=admin");
}

TEST_CASE("workers of the server") {
    CHECK(tagged("server.worker_0.watchdog_miss") == "server.worker.watchdog_miss envoy_worker_id=0");
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

}  // namespace heirloom::stats
