// SPDX-License-Identifier: Apache-2.0
// A connection manager between a client that speaks bytes and a handler that does what the test says.
#pragma once

#include <sys/socket.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "proxy/config/access_log_format.h"
#include "proxy/connection_manager/connection_set.h"
#include "tests/unit/upstream/fixture.h"

namespace heirloom::connection_manager {

using std::chrono::milliseconds;

class Client {
  public:
    explicit Client(UniqueFd fd) : fd_(std::move(fd)) {}
    void send(std::string_view bytes) {
        REQUIRE(::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()));
    }
    // Takes what is there; remembers the end.
    const std::string& receive() {
        char buffer[4096];
        for (;;) {
            const ssize_t got = ::recv(fd_.get(), buffer, sizeof(buffer), MSG_DONTWAIT);
            if (got > 0) received.append(buffer, static_cast<size_t>(got));
            if (got == 0 || (got < 0 && errno != EAGAIN)) ended = true;
            if (got <= 0) return received;
        }
    }
    void leave() { fd_.reset(); }
    void finish() { ::shutdown(fd_.get(), SHUT_WR); }
    bool has(std::string_view text) { return receive().find(text) != std::string::npos; }
    bool at_end() { return receive(), ended; }

    std::string received;
    bool ended = false;

  private:
    UniqueFd fd_;
};

struct Site : upstream::LoopFixture, http::StreamHandlerFactory {
    struct Handler : http::StreamHandler {
        Handler(Site& owner, http::DownstreamStream& on) : site(owner), stream(on) {}
        ~Handler() override { ++site.destroyed; }
        void on_request_headers(http::HeaderMap& headers, bool end_stream) override {
            site.seen.clear();
            for (const auto& field : headers.fields()) {
                if (!field.removed) site.seen.append(field.name).append("=").append(field.value).append(";");
            }
            site.stream = &stream;
            if (site.on_request) site.on_request(stream, headers, end_stream);
        }
        void on_request_body(network::Buffer& data, bool end_stream) override {
            site.body += data.to_string();
            data.clear();
            if (end_stream && site.on_request_end) site.on_request_end(stream);
        }
        void on_request_trailers(http::HeaderMap&) override {}
        void on_response_flow_high() override {}
        void on_response_flow_low() override {}
        void on_destroy() override {
            ++site.over;
            site.stream = nullptr;
        }
        Site& site;
        http::DownstreamStream& stream;
    };

    std::unique_ptr<http::StreamHandler> make_handler(http::DownstreamStream& on) override {
        return std::make_unique<Handler>(*this, on);
    }

    ~Site() override {
        if (set) set->close_now();
        run_for(milliseconds(2));
        set.reset();
        log.reset();
        logs.reset();
        if (!log_path.empty()) std::filesystem::remove(log_path);
    }

    void log_as(const std::string& format) {
        log_path = std::filesystem::temp_directory_path() / ("heirloom-cm-" + std::to_string(::getpid()));
        std::filesystem::remove(log_path);
        config::AccessLogConfig one;
        one.path = log_path;
        one.format.pieces = *config::parse_access_log_format(format);
        log_configs = {one};
    }
    std::string logged() {
        log->flush();
        logs->flush();
        std::stringstream text;
        text << std::ifstream(log_path).rdbuf();
        return text.str();
    }

    // Call after `http` is as the test wants it.
    void open() {
        logs = std::make_unique<access_log::AccessLogManager>(*registrar, milliseconds(10'000));
        std::vector<std::shared_ptr<access_log::File>> files;
        for (const auto& one : log_configs) files.push_back(*logs->open(one));
        log = std::make_unique<access_log::Logger>(*loop, log_configs, files);
        set = std::make_unique<ConnectionSet>(
            ConnectionManagerConfig{.loop = *loop,
                                    .http = std::make_shared<config::HttpConnectionManagerConfig>(http),
                                    .stats = make_connection_manager_stats(*registrar, "10.0.0.1:80", "in", "worker_0"),
                                    .handlers = *this,
                                    .access_log = *log,
                                    .drain = {drain},
                                    .random = random,
                                    .own_address = "192.0.2.9",
                                    .listen_address = *shm::make_ip_address("10.0.0.1", 80),
                                    .buffer_limit_bytes = 1024 * 1024,
                                    .filter_chain_name = ""});
    }
    // `peer`: where the client is said to be.
    Client connect(std::string_view peer = "10.1.2.3") {
        if (!set) open();
        int fds[2];
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
        const shm::SocketAddress from = *shm::make_ip_address(peer, 4711);
        set->accept({.fd = UniqueFd(fds[1]),
                     .peer = reinterpret_cast<const sockaddr*>(&from.storage),
                     .peer_length = from.length});
        return Client(UniqueFd(fds[0]));
    }
    // Answers every request at once.
    void answer_all(std::string text = "ok") {
        on_request = [this, text](http::DownstreamStream& to, http::HeaderMap&, bool) { answer(to, text); };
    }
    void answer(http::DownstreamStream& to, const std::string& text) {
        response.clear();
        response.add_copy(http::HeaderId::status, "200");
        response.add_copy(http::HeaderId::content_length, std::to_string(text.size()));
        to.send_headers(response, false);
        network::Buffer data;
        data.append(text);
        to.send_body(data, true);
    }
    uint64_t http_counter(const std::string& name) { return counter("http.in." + name); }

    config::HttpConnectionManagerConfig http;
    std::vector<config::AccessLogConfig> log_configs;
    std::string log_path;
    handover::DrainManager drain{std::chrono::seconds(600), false};
    Random random{7};
    std::unique_ptr<access_log::AccessLogManager> logs;
    std::unique_ptr<access_log::Logger> log;
    std::unique_ptr<ConnectionSet> set;
    http::HeaderMap response;
    http::DownstreamStream* stream = nullptr;
    std::function<void(http::DownstreamStream&, http::HeaderMap&, bool)> on_request;
    std::function<void(http::DownstreamStream&)> on_request_end;
    std::string seen, body;
    int over = 0;
    int destroyed = 0;
};

inline constexpr std::string_view kGet = "GET /x HTTP/1.1\r\nhost: a\r\n\r\n";

}  // namespace heirloom::connection_manager
