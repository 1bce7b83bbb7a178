// SPDX-License-Identifier: Apache-2.0
// Streams that an HTTP/2 upstream refuses: it has not looked at them, so they are asked once more.
#include "tests/unit/router/router_fixture.h"

namespace heirloom::router {

using http::ResponseFlag;
using http::StreamReset;

namespace {

// A cluster whose streams are in the test's hands.
struct ScriptedCluster final : upstream::WorkerCluster, upstream::WorkerClusters {
    struct Stream final : http::RequestEncoder, http::BodyFlow, upstream::UpstreamTransport {
        explicit Stream(http::ResponseDecoder& to) : decoder(to) {}
        void encode_headers(const http::HeaderMap&, bool end_stream) override { ended = end_stream; }
        void encode_body(network::Buffer& data, bool end_stream) override {
            body += data.to_string();
            data.clear();
            ended = end_stream;
        }
        void encode_trailers(const http::HeaderMap&) override { ended = true; }
        void reset(StreamReset) override {}
        http::BodyFlow& response_flow() override { return *this; }
        void pause_reading() override {}
        void resume_reading() override {}
        const shm::SocketAddress& local_address() override { return address; }
        std::optional<http::Protocol> protocol() const override { return http::Protocol::http2; }
        const network::TlsSession* tls() const override { return nullptr; }
        bool reused() const override { return false; }
        bool nothing_sent() const override { return false; }
        bool nothing_received() const override { return false; }
        http::ResponseDecoder& decoder;
        shm::SocketAddress address;
        std::string body;
        bool ended = false;
    };

    explicit ScriptedCluster(upstream::WorkerClusters& around) : real(*around.find("up")) {}
    upstream::WorkerCluster* find(std::string_view) override { return this; }
    void close_idle() override {}
    const config::ClusterConfig& config() const override { return real.config(); }
    const upstream::ClusterStats& stats() const override { return real.stats(); }
    upstream::EndpointLease choose(std::optional<uint64_t> hash) override { return real.choose(hash); }
    upstream::Acquired acquire(const upstream::EndpointLease&, http::ResponseDecoder& decoder, upstream::PoolCallbacks&,
                               const upstream::StreamNeeds& needs) override {
        fresh = needs.fresh;
        streams.push_back(std::make_unique<Stream>(decoder));
        upstream::Acquired acquired;
        acquired.encoder = streams.back().get();
        acquired.transport = streams.back().get();
        return acquired;
    }
    upstream::TcpAcquired connect_tcp(upstream::EndpointLease endpoint, upstream::TcpCallbacks& callbacks,
                                      const upstream::StreamNeeds& needs) override {
        return real.connect_tcp(std::move(endpoint), callbacks, needs);
    }
    void report_status(const upstream::EndpointLease&, uint16_t) override {}
    void report_local_origin(const upstream::EndpointLease&, upstream::LocalOrigin) override {}
    void report_told_to_leave(const upstream::EndpointLease&) override {}
    bool take_retry() override { return real.take_retry(); }
    void give_back_retry() override { real.give_back_retry(); }
    upstream::WorkerCluster& real;
    std::vector<std::unique_ptr<Stream>> streams;
    bool fresh = false;
};

struct RefusedFixture : RouterFixture {
    RefusedFixture() {
        forward();
        open();
        scripted = std::make_unique<ScriptedCluster>(*worker);
        auto with = std::make_shared<config::HttpConnectionManagerConfig>();
        config::VirtualHostConfig host;
        host.name = "all";
        host.domains = {"*"};
        host.routes.push_back(route);
        with->routes.virtual_hosts.push_back(host);
        factory = make_router(with, RouteTable::compile(with), make_router_stats(*registrar, "in"), *scripted);
    }
    ~RefusedFixture() {
        streams.clear();
        factory.reset();
    }
    void refuse(size_t index, StreamReset how = StreamReset::remote_refused) {
        scripted->streams.at(index)->decoder.on_stream_reset(how);
    }
    std::unique_ptr<ScriptedCluster> scripted;
};

}  // namespace

TEST_CASE_FIXTURE(RefusedFixture, "a refused stream is asked once more, whatever the method, with its body") {
    RecordedStream& client = stream();
    client.request("POST", "/", false);
    client.body("one", false);
    refuse(0);
    REQUIRE(scripted->streams.size() == 2);
    CHECK_FALSE(scripted->fresh);  // nothing is wrong with the connection
    CHECK(scripted->streams[1]->body == "one");
    client.body("two", true);
    CHECK(scripted->streams[1]->body == "onetwo");
    CHECK(scripted->streams[1]->ended);
    http::HeaderMap answer;
    answer.add_copy(http::HeaderId::status, "200");
    scripted->streams[1]->decoder.on_response_headers(answer, true);
    CHECK(client.status == "200");
    CHECK(client.info().upstream_attempts == 2);
    CHECK(stat("upstream_rq_retry_success") == 1);
}

TEST_CASE_FIXTURE(RefusedFixture, "refused again") {
    RecordedStream& client = stream();
    client.request("GET", "/");
    refuse(0);
    refuse(1);
    CHECK(scripted->streams.size() == 2);
    CHECK(client.status == "503");
    CHECK(client.text.ends_with("retried and the latest reset reason: remote refused stream reset"));
    CHECK(client.flag(ResponseFlag::upstream_remote_reset));
    CHECK(client.details() == "upstream_reset_before_response_started{remote_refused_stream_reset}");
}

TEST_CASE_FIXTURE(RefusedFixture,
                  "requests that cross the end of a connection are all moved, whatever max_retries is") {
    std::vector<RecordedStream*> clients;
    for (int i = 0; i < 20; ++i) {
        clients.push_back(&stream());
        clients.back()->request("POST", "/", false);
        clients.back()->body("text", true);
    }
    for (size_t i = 0; i < 60; ++i) refuse(i, StreamReset::unprocessed);
    REQUIRE(scripted->streams.size() == 80);
    CHECK(scripted->fresh);
    http::HeaderMap answer;
    answer.add_copy(http::HeaderId::status, "200");
    for (size_t i = 60; i < 80; ++i) {
        CHECK(scripted->streams[i]->body == "text");
        CHECK(scripted->streams[i]->ended);
        scripted->streams[i]->decoder.on_response_headers(answer, true);
    }
    for (RecordedStream* client : clients) CHECK(client->status == "200");
    CHECK(stat("upstream_rq_retry") == 60);
    CHECK(stat("upstream_rq_retry_success") == 20);
    CHECK(stat("upstream_rq_retry_overflow") == 0);
}

TEST_CASE_FIXTURE(RefusedFixture, "not moved for ever") {
    RecordedStream& client = stream();
    client.request("GET", "/");
    for (size_t i = 0; i < 11; ++i) refuse(i, StreamReset::unprocessed);
    CHECK(scripted->streams.size() == 11);
    CHECK(client.status == "503");
}

TEST_CASE_FIXTURE(RefusedFixture, "not when too much of the body is gone") {
    RecordedStream& client = stream();
    client.request("POST", "/", false);
    SUBCASE("more than the listener may buffer") {
        client.buffered = 32 * 1024;
        client.body(std::string(20'000, 'x'), false);
        client.body(std::string(20'000, 'y'), false);
    }
    SUBCASE("more than 1 MiB, whatever the listener may") {
        client.buffered = UINT32_MAX;
        for (int i = 0; i < 40; ++i) client.body(std::string(30'000, 'x'), false);
    }
    SUBCASE("more memory than that, as it came in pieces that hold a block each") {
        client.buffered = 32 * 1024;
        for (int i = 0; i < 10; ++i) client.body(std::string(3'000, 'x'), false);
    }
    refuse(0);
    CHECK(scripted->streams.size() == 1);
    CHECK(client.status == "503");
}

TEST_CASE_FIXTURE(RefusedFixture, "a body within the buffer limit goes with it, each time anew, and what still comes") {
    RecordedStream& client = stream();
    client.request("POST", "/", false);
    std::string sent;
    const auto send = [&](std::string piece, bool end_stream) {
        client.body(piece, end_stream);
        sent += piece;
    };
    send(std::string(400'000, 'a'), false);
    for (int i = 0; i < 3'000; ++i) send(std::to_string(i), false);  // small ones hold no block each
    refuse(0, StreamReset::unprocessed);
    send(std::string(300'000, 'b'), false);
    for (size_t i = 1; i < 5; ++i) refuse(i, StreamReset::unprocessed);
    send(std::string(100'000, 'c'), true);
    REQUIRE(scripted->streams.size() == 6);
    CHECK(scripted->streams[5]->body == sent);
    CHECK(scripted->streams[5]->ended);
}

TEST_CASE_FIXTURE(RefusedFixture, "another reset is not repeated: the upstream may have done something") {
    RecordedStream& client = stream();
    client.request("GET", "/");
    scripted->streams[0]->decoder.on_stream_reset(StreamReset::remote);
    CHECK(scripted->streams.size() == 1);
    CHECK(client.status == "503");
    CHECK(client.flag(ResponseFlag::upstream_remote_reset));
}

}  // namespace heirloom::router
