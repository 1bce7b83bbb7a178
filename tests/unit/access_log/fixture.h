// SPDX-License-Identifier: Apache-2.0
// An invented request, a segment for the counters and a directory for the files.
#pragma once

#include <doctest/doctest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "proxy/access_log/access_log.h"
#include "proxy/stats/store.h"

namespace heirloom::access_log {

struct RequestFixture {
    http::StreamInfo info;
    http::HeaderMap request, response, trailers;
    shm::SocketAddress client = *shm::make_ip_address("192.0.2.9", 40001);
    shm::SocketAddress local = *shm::make_ip_address("2001:db8::1", 8443);
    shm::SocketAddress endpoint = *shm::make_ip_address("198.51.100.3", 8080);

    RequestFixture() {
        using namespace std::chrono;
        info.start_wall = system_clock::time_point(milliseconds(1460751457310));  // 2016-04-15T20:17:37.310Z
        info.start = http::StreamInfo::Steady(seconds(100));
        info.end = info.start + microseconds(5900);
        info.response_code = 200;
        info.response_code_details = "via_upstream";
        info.bytes_sent = 6;
        info.downstream_direct_remote = &client;
        info.downstream_local = &local;
        info.upstream_host = &endpoint;
        request.add_copy(http::HeaderId::method, "GET");
        request.add_copy(http::HeaderId::path, "/things?q=1");
        request.add_copy(http::HeaderId::authority, "shop.example");
        request.add_copy(http::HeaderId::user_agent, "probe/1");
        request.add_copy("x-tint", "red");
        request.add_copy("x-tint", "blue");
        response.add_copy(http::HeaderId::x_envoy_upstream_service_time, "4");
    }
    Record record() const { return {info, request, &response, nullptr}; }
};

struct DirectoryFixture : RequestFixture {
    std::shared_ptr<shm::Segment> segment =
        *shm::Segment::create({.generation_slots = 2, .rows = 2, .stat_slots = 4096});
    uint32_t generation = *segment->claim_generation(0, 1);
    stats::Registrar registrar = stats::Registrar::for_owner(segment);
    std::filesystem::path directory = make_directory();
    network::EventLoop loop;

    DirectoryFixture() { stats::set_thread_row(segment->row(generation, 0)); }
    ~DirectoryFixture() {
        stats::set_thread_row(nullptr);
        std::filesystem::remove_all(directory);
    }
    static std::filesystem::path make_directory() {
        char name[] = "/tmp/heirloom-access-log-XXXXXX";
        REQUIRE(mkdtemp(name));
        return name;
    }
    std::string path(const char* name) const { return (directory / name).string(); }
    static std::string content(const std::string& path) {
        std::ifstream file(path);
        std::stringstream text;
        text << file.rdbuf();
        return text.str();
    }
    uint64_t counter(const char* name) { return segment->counter(registrar.counter(name).slot()); }
};

}  // namespace heirloom::access_log
