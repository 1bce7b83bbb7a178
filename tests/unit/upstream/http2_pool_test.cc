// SPDX-License-Identifier: Apache-2.0
// Pools that multiplex, against a server of HTTP/2 that does what the test says.
#include "proxy/http/http2_codec.h"
#include "tests/unit/upstream/pool_fixture.h"

namespace heirloom::upstream {

namespace {

// Holds each request until the test answers it.
class Http2Upstream : public network::IoHandler {
  public:
    struct Peer;
    struct Stream : http::RequestDecoder {
        Stream(Peer& of, http::ResponseEncoder& with) : peer(of), encoder(&with) {}
        void on_request_headers(http::HeaderMap& headers, http::Protocol, bool) override {
            path = headers.get(http::HeaderId::path);
        }
        void on_request_body(network::Buffer& data, bool) override { data.clear(); }
        void on_request_trailers(http::HeaderMap&) override {}
        void on_stream_reset(http::StreamReset) override { encoder = nullptr; }
        void on_stream_complete() override { encoder = nullptr; }
        void answer() {
            http::HeaderMap headers;
            headers.add_copy(http::HeaderId::status, "200");
            encoder->encode_headers(headers, true, false);
        }
        Peer& peer;
        http::ResponseEncoder* encoder;
        std::string path;
    };
    struct Peer : network::ConnectionCallbacks, http::ServerCallbacks {
        Peer(Http2Upstream& in, UniqueFd fd) : upstream(in), connection(in.loop_, std::move(fd), *this) {
            codec = http::make_http2_server(connection, *this, in.settings);
        }
        void on_data() override { codec->dispatch(); }
        void on_end_of_stream() override { connection.close(network::CloseReason::remote); }
        void on_closed(network::CloseReason) override {
            closed = true;
            codec->on_connection_closed();
        }
        http::RequestDecoder& on_new_stream(http::ResponseEncoder& encoder) override {
            streams.push_back(std::make_unique<Stream>(*this, encoder));
            ++upstream.requests;
            return *streams.back();
        }
        void on_stream_complete(bool) override {}
        void on_codec_error(const http::CodecError&) override {}
        void on_connection_error(std::string_view) override {
            connection.close_after_flush(std::chrono::milliseconds(0));
        }
        Http2Upstream& upstream;
        network::Connection connection;
        std::unique_ptr<http::ServerCodec> codec;
        std::vector<std::unique_ptr<Stream>> streams;
        bool closed = false;
    };

    explicit Http2Upstream(network::EventLoop& loop) : loop_(loop), socket_(SOCK_STREAM) {
        REQUIRE(::listen(socket_.fd.get(), 64) == 0);
        REQUIRE(loop_.add(socket_.fd.get(), EPOLLIN, this));
    }
    ~Http2Upstream() override { loop_.remove(socket_.fd.get(), this); }
    const shm::SocketAddress& address() const { return socket_.address; }
    void on_io(uint32_t) override {
        UniqueFd fd(::accept4(socket_.fd.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
        if (!fd) return;
        peers.push_back(std::make_unique<Peer>(*this, std::move(fd)));
        peers.back()->connection.start();
    }
    Peer& peer(size_t index = 0) { return *peers.at(index); }

    http::Http2Settings settings;
    std::vector<std::unique_ptr<Peer>> peers;
    size_t requests = 0;

  private:
    friend struct Peer;
    network::EventLoop& loop_;
    BoundSocket socket_;
};

struct Http2PoolFixture : PoolFixture {
    Http2PoolFixture() : upstream(*loop) {}
    ~Http2PoolFixture() { view.reset(); }
    config::ClusterConfig http2_cluster() {
        auto with = cluster_of("up", {upstream.address()});
        with.protocol = config::ClusterConfig::Protocol::http2;
        return with;
    }
    void wait_requests(size_t count) {
        REQUIRE(run_until([&] { return upstream.requests == count; }));
    }
    uint64_t active() { return gauge("cluster.up.upstream_rq_active"); }

    Http2Upstream upstream;
};

}  // namespace

TEST_CASE_FIXTURE(Http2PoolFixture, "HTTP/2: requests share one connection") {
    WorkerCluster& up = open(http2_cluster());
    Request one, two, three;
    one.ask(up);
    two.ask(up);
    wait_requests(2);
    three.ask(up);
    CHECK(three.encoder != nullptr);
    wait_requests(3);
    CHECK(active() == 3);
    CHECK(upstream.peers.size() == 1);
    for (const auto& stream : upstream.peer().streams) stream->answer();
    finish(one);
    finish(two);
    finish(three);
    CHECK(one.status == "200");
    CHECK(active() == 0);
    CHECK(stat("upstream_cx_total") == 1);
    CHECK(stat("upstream_cx_http2_total") == 1);
    CHECK(stat("upstream_cx_http1_total") == 0);
    CHECK(stat("upstream_rq_pending_total") == 2);
    CHECK(gauge("cluster.up.upstream_cx_active") == 1);
}

TEST_CASE_FIXTURE(Http2PoolFixture, "HTTP/2: another connection when the peer allows no more streams") {
    upstream.settings.max_concurrent_streams = 2;
    WorkerCluster& up = open(http2_cluster());
    Request first;
    first.ask(up);
    wait_requests(1);
    REQUIRE(run_until([&] { return first.encoder != nullptr; }));
    run_for(std::chrono::milliseconds(20));  // the peer's SETTINGS arrive
    Request second, third;
    second.ask(up);
    CHECK(second.ticket == nullptr);
    third.ask(up);
    CHECK(third.ticket != nullptr);
    wait_requests(3);
    CHECK(upstream.peers.size() == 2);
    CHECK(upstream.peer(0).streams.size() == 2);
    upstream.peer(0).streams[0]->answer();
    finish(first);
    Request fourth;
    fourth.ask(up);
    CHECK(fourth.ticket == nullptr);
    wait_requests(4);
    CHECK(upstream.peers.size() == 2);
}

TEST_CASE_FIXTURE(Http2PoolFixture, "HTTP/2: a crowd waits for what the peer allows before more connections are made") {
    size_t connections = 0;
    SUBCASE("much") {
        upstream.settings.max_concurrent_streams = 1000;
        connections = 1;
    }
    SUBCASE("little") {
        upstream.settings.max_concurrent_streams = 100;
        connections = 2;
    }
    WorkerCluster& up = open(http2_cluster());
    std::vector<std::unique_ptr<Request>> crowd;
    for (int i = 0; i < 180; ++i) {
        crowd.push_back(std::make_unique<Request>());
        crowd.back()->ask(up);
    }
    wait_requests(180);
    CHECK(upstream.peers.size() == connections);
    CHECK(stat("http2.stream_refused_errors") == 0);
}

TEST_CASE_FIXTURE(Http2PoolFixture,
                  "HTTP/2: a repetition waits for a new connection, and where there can be none takes what is there") {
    auto with = http2_cluster();
    SUBCASE("room for one more") {
        WorkerCluster& up = open(with);
        Request first, repetition, next;
        first.ask(up);
        wait_requests(1);
        repetition.ask(up, {.fresh = true});
        CHECK(repetition.ticket != nullptr);
        next.ask(up);
        CHECK(next.ticket == nullptr);
        wait_requests(3);
        CHECK(upstream.peers.size() == 2);
        CHECK(upstream.peer(0).streams.size() == 2);
    }
    SUBCASE("no room") {
        with.max_connections = 1;
        WorkerCluster& up = open(with);
        Request first, repetition;
        first.ask(up);
        wait_requests(1);
        run_for(std::chrono::milliseconds(20));  // the peer's SETTINGS arrive
        repetition.ask(up, {.fresh = true});
        CHECK(repetition.ticket == nullptr);
        wait_requests(2);
        CHECK(upstream.peers.size() == 1);
    }
    CHECK(gauge("cluster.up.upstream_rq_pending_active") == 0);
}

TEST_CASE_FIXTURE(Http2PoolFixture,
                  "HTTP/2: a repetition does not wait for a connection that takes its last request meanwhile") {
    BoundSocket silent{SOCK_STREAM};  // says nothing, not even how much it allows
    REQUIRE(::listen(silent.fd.get(), 16) == 0);
    auto with = cluster_of("up", {silent.address});
    with.protocol = config::ClusterConfig::Protocol::http2;
    with.max_requests_per_connection = 2;
    WorkerCluster& up = open(with);
    Request first, repetition, last;
    first.ask(up);
    REQUIRE(run_until([&] { return first.encoder != nullptr; }));
    repetition.ask(up, {.fresh = true});
    CHECK(repetition.ticket != nullptr);
    CHECK(stat("upstream_cx_total") == 1);
    last.ask(up);
    CHECK(last.encoder != nullptr);
    CHECK(stat("upstream_cx_total") == 2);
    CHECK(run_until([&] { return repetition.encoder != nullptr; }));
}

TEST_CASE_FIXTURE(Http2PoolFixture, "HTTP/2: our own limit of streams holds too") {
    auto with = http2_cluster();
    with.http2.max_concurrent_streams = 1;
    WorkerCluster& up = open(with);
    Request one, two;
    one.ask(up);
    two.ask(up);
    wait_requests(2);
    CHECK(upstream.peers.size() == 2);
}

TEST_CASE_FIXTURE(Http2PoolFixture, "HTTP/2: GOAWAY drains the connection, the next request gets another") {
    WorkerCluster& up = open(http2_cluster());
    Request one;
    one.ask(up);
    wait_requests(1);
    upstream.peer().codec->start_draining();
    REQUIRE(run_until([&] { return stat("upstream_cx_close_notify") == 1; }));
    Request two;
    two.ask(up);
    CHECK(two.ticket != nullptr);
    wait_requests(2);
    CHECK(upstream.peers.size() == 2);
    upstream.peer(0).streams[0]->answer();
    finish(one);
    CHECK(one.status == "200");
    CHECK(run_until([&] { return gauge("cluster.up.upstream_cx_active") == 1; }));
    CHECK(stat("upstream_cx_close_notify") == 1);
    CHECK(stat("upstream_cx_destroy_with_active_rq") == 0);
}

TEST_CASE_FIXTURE(Http2PoolFixture, "HTTP/2: max_requests_per_connection counts streams") {
    auto with = http2_cluster();
    with.max_requests_per_connection = 2;
    WorkerCluster& up = open(with);
    Request one, two, three;
    one.ask(up);
    two.ask(up);
    wait_requests(2);
    CHECK(stat("upstream_cx_max_requests") == 1);
    three.ask(up);
    CHECK(three.ticket != nullptr);
    for (const auto& stream : upstream.peer().streams) stream->answer();
    finish(one);
    finish(two);
    wait_requests(3);
    CHECK(upstream.peers.size() == 2);
    CHECK(run_until([&] { return upstream.peer(0).closed; }));
}

TEST_CASE_FIXTURE(Http2PoolFixture, "HTTP/2: a stream taken back leaves the others alone") {
    WorkerCluster& up = open(http2_cluster());
    Request one, two;
    one.ask(up);
    two.ask(up);
    wait_requests(2);
    one.give_up();
    REQUIRE(run_until([&] { return active() == 1; }));
    upstream.peer().streams[1]->answer();
    finish(two);
    CHECK(two.status == "200");
    CHECK(counter("cluster.up.http2.tx_reset") == 1);
    CHECK(upstream.peers.size() == 1);
}

TEST_CASE_FIXTURE(Http2PoolFixture, "HTTP/2: a lost connection ends all its streams") {
    WorkerCluster& up = open(http2_cluster());
    Request one, two;
    one.ask(up);
    two.ask(up);
    wait_requests(2);
    upstream.peer().connection.close();
    finish(one);
    finish(two);
    CHECK(one.reset == http::StreamReset::connection_terminated);
    CHECK(two.reset == http::StreamReset::connection_terminated);
    CHECK(active() == 0);
    CHECK(stat("upstream_cx_destroy_remote_with_active_rq") == 1);
}

TEST_CASE_FIXTURE(Http2PoolFixture, "HTTP/2: a connection without a stream is closed after its time") {
    auto with = http2_cluster();
    with.idle_timeout = std::chrono::milliseconds(20);
    WorkerCluster& up = open(with);
    Request one;
    one.ask(up);
    wait_requests(1);
    run_for(std::chrono::milliseconds(50));
    CHECK_FALSE(upstream.peer().closed);
    upstream.peer().streams[0]->answer();
    finish(one);
    CHECK(run_until([&] { return upstream.peer().closed; }));
    CHECK(stat("upstream_cx_idle_timeout") == 1);
}

TEST_CASE_FIXTURE(Http2PoolFixture, "a connection is drained after max_connection_duration") {
    auto with = http2_cluster();
    with.max_connection_duration = std::chrono::milliseconds(20);
    WorkerCluster& up = open(with);
    Request one;
    one.ask(up);
    wait_requests(1);
    REQUIRE(run_until([&] { return stat("upstream_cx_max_duration_reached") == 1; }));
    CHECK_FALSE(upstream.peer().closed);
    upstream.peer().streams[0]->answer();
    finish(one);
    CHECK(run_until([&] { return upstream.peer().closed; }));
}

TEST_CASE_FIXTURE(Http2PoolFixture, "by_downstream: a request goes on by the version it came with") {
    auto with = http2_cluster();
    with.protocol = config::ClusterConfig::Protocol::by_downstream;
    WorkerCluster& up = open(with);
    Request two, one;
    two.ask(up, {.downstream = http::Protocol::http2});
    wait_requests(1);
    one.ask(up, {.downstream = http::Protocol::http11});
    finish(one);  // the server cannot read it
    CHECK(stat("upstream_cx_http2_total") == 1);
    CHECK(stat("upstream_cx_http1_total") == 1);
}

TEST_CASE_FIXTURE(Http2PoolFixture, "HTTP/2: nonsense from upstream is a protocol error") {
    auto with = cluster_of("up", {server.address()});
    with.protocol = config::ClusterConfig::Protocol::http2;
    server.on_bytes = [](auto& peer) { peer.send("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n"); };
    WorkerCluster& up = open(with);
    Request request, next;
    request.when_reset = [&] {
        next.ask(up);
        CHECK(next.ticket != nullptr);  // not on the connection that is lost
    };
    request.ask(up);
    finish(request);
    CHECK(request.reset == http::StreamReset::protocol_error);
    finish(next);
    CHECK(next.reset == http::StreamReset::protocol_error);
    CHECK(stat("upstream_cx_protocol_error") == 2);
    CHECK(run_until([&] { return stat("upstream_cx_destroy_local") == 2; }));
    CHECK(stat("upstream_cx_destroy_with_active_rq") == 0);
    CHECK(active() == 0);
}

}  // namespace heirloom::upstream
