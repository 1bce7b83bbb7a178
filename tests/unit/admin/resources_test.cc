// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/admin/fixture.h"

namespace heirloom::admin {

namespace {

struct ResourcesFixture : AdminFixture {
    config::ClusterConfig blue;

    ResourcesFixture() {
        blue.name = "blue";
        blue.high_max_retries = 9;
        upstream::ClusterStatus status{};
        status.config = &blue;
        status.endpoints.push_back({});
        auto& endpoint = status.endpoints.back();
        endpoint.address = *shm::make_ip_address("192.0.2.7", 8080);
        endpoint.hostname = "blue.example";
        endpoint.weight = 1;
        endpoint.numbers.cx_total = 6;
        endpoint.numbers.rq_active = 2;
        server.running.push_back(status);
        server.bound.push_back({"front", *shm::make_ip_address("127.0.0.1", 8443)});
        server.bound.push_back({"side", *shm::make_unix_address("/run/side.sock")});

        auto& dump = server.config.dump;
        dump.bootstrap = R"({"node":{"id":"node-9"}})";
        dump.clusters = {{"blue", R"({"name":"blue"})"}, {"green", R"({"name":"green"})"}};
        dump.listeners = {{"front", R"({"name":"front"})"}};
        dump.loaded = std::chrono::system_clock::time_point(std::chrono::milliseconds(1700000000123));
    }
};

}  // namespace

TEST_CASE_FIXTURE(ResourcesFixture, "clusters as text") {
    const std::string expected = R"(blue::observability_name::blue
blue::default_priority::max_connections::1024
blue::default_priority::max_pending_requests::1024
blue::default_priority::max_requests::1024
blue::default_priority::max_retries::3
blue::high_priority::max_connections::1024
blue::high_priority::max_pending_requests::1024
blue::high_priority::max_requests::1024
blue::high_priority::max_retries::9
blue::added_via_api::false
blue::192.0.2.7:8080::cx_active::0
blue::192.0.2.7:8080::cx_connect_fail::0
blue::192.0.2.7:8080::cx_total::6
blue::192.0.2.7:8080::rq_active::2
blue::192.0.2.7:8080::rq_error::0
blue::192.0.2.7:8080::rq_pending_active::0
blue::192.0.2.7:8080::rq_success::0
blue::192.0.2.7:8080::rq_timeout::0
blue::192.0.2.7:8080::rq_total::0
blue::192.0.2.7:8080::hostname::blue.example
blue::192.0.2.7:8080::health_flags::healthy
blue::192.0.2.7:8080::weight::1
blue::192.0.2.7:8080::region::
blue::192.0.2.7:8080::zone::
blue::192.0.2.7:8080::sub_zone::
blue::192.0.2.7:8080::canary::false
blue::192.0.2.7:8080::priority::0
blue::192.0.2.7:8080::success_rate::-1
blue::192.0.2.7:8080::local_origin_success_rate::-1
)";
    CHECK(ask("/clusters") == expected);
    CHECK(ask("/clusters?filter=green") == "");
    CHECK(ask("/clusters?filter=[") == "Invalid re2 regex");
}

TEST_CASE_FIXTURE(ResourcesFixture, "clusters as JSON") {
    const std::string expected_begin = R"({
 "cluster_statuses": [
  {
   "name": "blue",
   "host_statuses": [
    {
     "address": {
      "socket_address": {
       "address": "192.0.2.7",
       "port_value": 8080
      }
     },
     "stats": [
      {
       "name": "cx_connect_fail"
      },
      {
       "value": "6",
       "name": "cx_total"
      },
)";
    const std::string expected_end = R"(      {
       "type": "GAUGE",
       "value": "2",
       "name": "rq_active"
      },
      {
       "type": "GAUGE",
       "name": "rq_pending_active"
      }
     ],
     "health_status": {
      "eds_health_status": "HEALTHY"
     },
     "weight": 1,
     "hostname": "blue.example",
     "locality": {}
    }
   ],
   "circuit_breakers": {
    "thresholds": [
     {
      "max_connections": 1024,
      "max_pending_requests": 1024,
      "max_requests": 1024,
      "max_retries": 3
     },
     {
      "priority": "HIGH",
      "max_connections": 1024,
      "max_pending_requests": 1024,
      "max_requests": 1024,
      "max_retries": 9
     }
    ]
   },
   "observability_name": "blue"
  }
 ]
}
)";
    const std::string json = ask("/clusters?format=json");
    CHECK(json.starts_with(expected_begin));
    CHECK(json.ends_with(expected_end));
    server.running.clear();
    CHECK(ask("/clusters?format=json") == "{}\n");
}

TEST_CASE_FIXTURE(ResourcesFixture, "the health and priority of an endpoint") {
    using namespace upstream::health_flag;
    server.running[0].endpoints[0].priority = 2;
    server.running[0].endpoints[0].health = failed_active_check | degraded_eds_health | active_check_timeout;
    const std::string text = ask("/clusters");
    CHECK(text.find("::health_flags::/failed_active_hc/degraded_eds_health/active_hc_timeout\n") != std::string::npos);
    CHECK(text.find("::priority::2\n") != std::string::npos);
    CHECK(ask("/clusters?format=json").find(R"(     "health_status": {
      "failed_active_health_check": true,
      "eds_health_status": "DEGRADED",
      "active_hc_timeout": true
     },
     "weight": 1,
     "hostname": "blue.example",
     "priority": 2,
)") != std::string::npos);
}

TEST_CASE_FIXTURE(ResourcesFixture, "listeners") {
    CHECK(ask("/listeners") == "front::127.0.0.1:8443\nside::/run/side.sock\n");
    CHECK(ask("/listeners?format=json") == R"({
 "listener_statuses": [
  {
   "name": "front",
   "local_address": {
    "socket_address": {
     "address": "127.0.0.1",
     "port_value": 8443
    }
   }
  },
  {
   "name": "side",
   "local_address": {
    "pipe": {
     "path": "/run/side.sock"
    }
   }
  }
 ]
}
)");
}

TEST_CASE_FIXTURE(ResourcesFixture, "config_dump") {
    server.config.dump.clusters.pop_back();
    CHECK(ask("/config_dump") == R"({
 "configs": [
  {
   "@type": "type.googleapis.com/envoy.admin.v3.BootstrapConfigDump",
   "bootstrap": {
    "node": {
     "id": "node-9"
    }
   },
   "last_updated": "2023-11-14T22:13:20.123Z"
  },
  {
   "@type": "type.googleapis.com/envoy.admin.v3.ClustersConfigDump",
   "static_clusters": [
    {
     "cluster": {
      "@type": "type.googleapis.com/envoy.config.cluster.v3.Cluster",
      "name": "blue"
     },
     "last_updated": "2023-11-14T22:13:20.123Z"
    }
   ]
  },
  {
   "@type": "type.googleapis.com/envoy.admin.v3.ListenersConfigDump",
   "static_listeners": [
    {
     "listener": {
      "@type": "type.googleapis.com/envoy.config.listener.v3.Listener",
      "name": "front"
     },
     "last_updated": "2023-11-14T22:13:20.123Z"
    }
   ]
  },
  {
   "@type": "type.googleapis.com/envoy.admin.v3.ScopedRoutesConfigDump"
  },
  {
   "@type": "type.googleapis.com/envoy.admin.v3.RoutesConfigDump"
  },
  {
   "@type": "type.googleapis.com/envoy.admin.v3.SecretsConfigDump"
  }
 ]
}
)");
}

TEST_CASE_FIXTURE(ResourcesFixture, "config_dump of one kind, and by name") {
    const std::string green = ask("/config_dump?resource=static_clusters&name_regex=gr.*");
    CHECK(green.starts_with(
        "{\n \"configs\": [\n  {\n   \"@type\": "
        "\"type.googleapis.com/envoy.admin.v3.ClustersConfigDump.StaticCluster\",\n   \"cluster\": {"));
    CHECK(has(green, "\"name\": \"green\""));
    CHECK_FALSE(has(green, "blue"));
    CHECK(ask("/config_dump?resource=dynamic_listeners") == "{}\n");
    CHECK(ask("/config_dump?resource=static_wheels") == "static_wheels not found in config dump");
    CHECK(last.status == 404);
    CHECK(ask("/config_dump?resource=bootstrap") ==
          "bootstrap is not a repeated field. Use ?mask=bootstrap to get only this field");
    CHECK(last.status == 400);
    ask("/config_dump?name_regex=(");
    CHECK(last.status == 400);
}

TEST_CASE_FIXTURE(ResourcesFixture, "config_dump with a mask") {
    server.config.dump.bootstrap =
        R"({"node":{"id":"node-9","cluster":"a,}b"},"static_resources":{"clusters":[{"name":"blue"}]},"admin":{}})";
    CHECK(ask("/config_dump?mask=bootstrap.node.cluster,bootstrap.admin") == R"({
 "configs": [
  {
   "@type": "type.googleapis.com/envoy.admin.v3.BootstrapConfigDump",
   "bootstrap": {
    "node": {
     "cluster": "a,}b"
    },
    "admin": {}
   }
  }
 ]
}
)");
    // Lists stay as a whole; sections that the mask does not fit are left out.
    const std::string versions = ask("/config_dump?mask=version_info");
    CHECK(has(versions, "ClustersConfigDump"));
    CHECK(has(versions, "ListenersConfigDump"));
    CHECK_FALSE(has(versions, "static_"));
    CHECK_FALSE(has(versions, "RoutesConfigDump"));
    CHECK(has(ask("/config_dump?mask=static_listeners"), "\"name\": \"front\""));
    for (const char* mask :
         {"nothing", "static_listeners.listener", "bootstrap,static_listeners", "bootstrap.wheels"}) {
        CAPTURE(mask);
        CHECK(ask("/config_dump?mask=" + std::string(mask)) ==
              "FieldMask " + std::string(mask) + " could not be successfully applied to any configs.");
        CHECK(last.status == 400);
    }
}

TEST_CASE_FIXTURE(ResourcesFixture, "config_dump of one kind with a mask looks into each resource") {
    server.config.dump.clusters = {{"blue", R"({"name":"blue","alt_stat_name":"b","type":"STATIC"})"}};
    const std::string begin =
        "{\n \"configs\": [\n  {\n   \"@type\": "
        "\"type.googleapis.com/envoy.admin.v3.ClustersConfigDump.StaticCluster\"";
    CHECK(ask("/config_dump?resource=static_clusters&mask=cluster.name") == begin + R"(,
   "cluster": {
    "@type": "type.googleapis.com/envoy.config.cluster.v3.Cluster",
    "name": "blue"
   }
  }
 ]
}
)");
    CHECK(ask("/config_dump?resource=static_clusters&mask=last_updated") ==
          begin + ",\n   \"last_updated\": \"2023-11-14T22:13:20.123Z\"\n  }\n ]\n}\n");
    CHECK(ask("/config_dump?resource=static_clusters&mask=cluster.wheels") ==
          "FieldMask paths: \"cluster.wheels\"\n could not be successfully used.");
    CHECK(last.status == 400);
}

TEST_CASE_FIXTURE(ResourcesFixture, "config_dump with the endpoints as they are, and with secrets") {
    CHECK_FALSE(has(ask("/config_dump"), "EndpointsConfigDump"));
    server.running[0].endpoints.push_back(server.running[0].endpoints[0]);
    server.running[0].endpoints[1].zone = "z";
    server.running[0].endpoints[1].health = upstream::health_flag::failed_active_check;
    const std::string dump = ask("/config_dump?include_eds&resource=static_endpoint_configs");
    CHECK(
        has(dump,
            "EndpointsConfigDump.StaticEndpointConfig\",\n   \"endpoint_config\": {\n    \"@type\": "
            "\"type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment\",\n    \"cluster_name\": \"blue\""));
    CHECK(has(dump, "\"port_value\": 8080"));
    CHECK(has(dump, "\"zone\": \"z\""));
    CHECK(has(dump, "\"health_status\": \"UNHEALTHY\""));
    CHECK(has(dump, "\"overprovisioning_factor\": 140"));
    CHECK(has(ask("/config_dump?include_eds"), "EndpointsConfigDump\""));
    CHECK_FALSE(has(ask("/config_dump?include_eds&name_regex=green"), "cluster_name"));
    server.config.dump.secrets = {{"s", R"({"name":"s"})"}};
    CHECK(has(ask("/config_dump"), "\"static_secrets\": [\n    {\n     \"name\": \"s\",\n     \"secret\": {"));
}

TEST_CASE_FIXTURE(ResourcesFixture, "what waits, and what nobody traces") {
    CHECK(ask("/init_dump?mask=listener") == "{}\n");
    CHECK(has(last.headers, "application/json"));
    CHECK(ask("/contention").starts_with("Mutex contention tracing is not enabled."));
    CHECK(last.status == 200);
}

}  // namespace heirloom::admin
