// SPDX-License-Identifier: Apache-2.0
// Load that never retries and counts each failure by kind: three sorts of clients on one epoll loop, one thread.
//
//   storm_client --port P [--busy N] [--fresh N] [--sleepy N] [--path /bytes/100]
//                [--tls] [--reconnect N] [--seconds S] [--requests N] [--progress]
//     busy    keep-alive connections, the next request follows the answer at once
//     fresh   a new connection for each request, every other one with `connection: close`
//     sleepy  keep-alive connections that send one request each second and are idle in between
//     --tls         over TLS, every other client at most 1.2; each new connection offers the client's last session, and
//     one
//                   that does not resume is a failure
//     --reconnect   keep-alive clients leave after N answers and come again
//
// A response with `connection: close` makes the client open a new connection: the polite end. Ends after S seconds,
// after N requests or on SIGTERM: nothing new is started, what is under way is finished (10 s at most), then one JSON
// line says it all.
#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/harness/storm_report.h"

namespace {

using std::chrono::milliseconds;
using storm::Clock;
using storm::Failure;
using storm::stop_asked;
using storm::Transport;

constexpr auto kAnswerDeadline = std::chrono::seconds(15);
constexpr auto kFinishDeadline = std::chrono::seconds(10);
constexpr auto kSleepyPeriod = milliseconds(1000);
constexpr auto kAfterFailure = milliseconds(20);  // so that a dead server gives a rate of failures, not a busy loop

enum class Sort { busy, fresh, sleepy };
enum class State { waiting, connecting, in_flight };

struct Client {
    Sort sort = Sort::busy;
    State state = State::waiting;
    Transport transport;
    std::unique_ptr<storm::Tls> tls;
    Clock::time_point due{};      // waiting: when the next request starts
    Clock::time_point started{};  // connecting, in_flight
    uint64_t sent = 0;
    int answers = 0;  // on this connection
    std::string input;
    size_t head_bytes = 0;  // 0: head not complete
    size_t body_bytes = 0;
    bool close_announced = false;
};

struct Options {
    uint16_t port = 0;
    int busy = 0, fresh = 0, sleepy = 0;
    double seconds = 0;
    int requests = 0;   // 0: no limit
    int reconnect = 0;  // 0: never
    bool tls = false;
    bool progress = false;
    std::string path = "/bytes/100";
};

class Storm {
  public:
    explicit Storm(const Options& options) : options_(options) {}
    int run();

  private:
    void connect(Client& client);
    void send_request(Client& client);
    void on_event(Client& client);
    void on_readable(Client& client);
    void on_closed(Client& client, Transport::Io how);
    bool parse(Client& client);
    void finish(Client& client);
    void fail(Client& client, Failure failure);
    void wait_until(Client& client, Clock::time_point due);
    void start_due(Clock::time_point now);
    bool all_at_rest() const;
    void print(bool final_line) const;

    Options options_;
    int epoll_ = -1;
    bool stopping_ = false;
    size_t expected_bytes_ = 0;
    storm::Handshakes handshakes_;
    std::vector<std::unique_ptr<Client>> clients_;
    storm::Failures failures_;
    storm::Latencies latencies_;
    uint64_t started_ = 0, requests_ = 0, connections_ = 0, announced_closes_ = 0, idle_closed_ = 0;
};

void Storm::wait_until(Client& client, Clock::time_point due) {
    client.state = State::waiting;
    client.due = due;
}

void Storm::fail(Client& client, Failure failure) {
    failures_.add(failure);
    client.transport.close();
    wait_until(client, Clock::now() + (client.sort == Sort::sleepy ? kSleepyPeriod : kAfterFailure));
}

void Storm::connect(Client& client) {
    client.started = Clock::now();
    client.answers = 0;
    ++connections_;
    if (!client.transport.begin(epoll_, options_.port, client.tls.get(), &client))
        return fail(client, errno == ECONNREFUSED ? Failure::refused : Failure::connect_error);
    client.state = State::connecting;
}

void Storm::send_request(Client& client) {
    client.input.clear();
    client.head_bytes = client.body_bytes = 0;
    client.close_announced = false;
    client.started = Clock::now();
    client.state = State::in_flight;
    if (++started_ == static_cast<uint64_t>(options_.requests)) stop_asked = 1;
    std::string request = "GET " + options_.path + " HTTP/1.1\r\nhost: storm.test\r\n";
    if (client.sort == Sort::fresh && ++client.sent % 2 == 0) request += "connection: close\r\n";
    request += "\r\n";
    const auto how = client.transport.write(request);
    if (how != Transport::Io::bytes && how != Transport::Io::again) on_closed(client, how);
}

// The connection ended while it was made, while a request was under way, or while the client slept.
void Storm::on_closed(Client& client, Transport::Io how) {
    if (client.state == State::waiting) {
        ++idle_closed_;
        return client.transport.close();
    }
    fail(client, how == Transport::Io::end && !client.input.empty() ? Failure::short_body : storm::failure_of(how));
}

// True when the answer is complete. A wrong one is counted and ends the connection.
bool Storm::parse(Client& client) {
    if (client.head_bytes == 0) {
        const size_t end = client.input.find("\r\n\r\n");
        if (end == std::string::npos) return false;
        client.head_bytes = end + 4;
        const std::string_view head(client.input.data(), end + 2);
        if (!head.starts_with("HTTP/1.1 200 ")) {
            fail(client, head.starts_with("HTTP/1.1 ") ? Failure::bad_status : Failure::bad_response);
            return false;
        }
        // Names are compared in lower case: other proxies are put through the same mill.
        std::string folded(head);
        for (char& c : folded)
            if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
        const size_t length_at = folded.find("content-length: ");
        if (length_at == std::string::npos) {
            fail(client, Failure::bad_response);
            return false;
        }
        std::from_chars(folded.data() + length_at + 16, folded.data() + folded.size(), client.body_bytes);
        client.close_announced = folded.find("\r\nconnection: close\r\n") != std::string::npos;
    }
    const size_t whole = client.head_bytes + client.body_bytes;
    if (client.input.size() < whole) return false;
    const bool is_right =
        client.input.size() == whole && client.body_bytes == expected_bytes_ &&
        (expected_bytes_ == 0 || (client.input[client.head_bytes] == 'a' &&
                                  client.input.back() == static_cast<char>('a' + (expected_bytes_ - 1) % 26)));
    if (!is_right) fail(client, Failure::bad_response);
    return is_right;
}

void Storm::finish(Client& client) {
    const auto now = Clock::now();
    ++requests_;
    latencies_.add(now - client.started);
    if (client.close_announced) ++announced_closes_;
    const bool leaves = options_.reconnect > 0 && ++client.answers >= options_.reconnect;
    if (client.close_announced || leaves || client.sort == Sort::fresh) client.transport.close();
    wait_until(client, client.sort == Sort::sleepy ? client.started + kSleepyPeriod : now);
    if (!stopping_ && stop_asked == 0 && client.sort == Sort::busy && client.transport.open()) send_request(client);
}

void Storm::on_readable(Client& client) {
    char block[65536];
    while (client.transport.open()) {
        size_t n = 0;
        const auto how = client.transport.read(block, sizeof block, n);
        if (how == Transport::Io::again) return;
        if (how != Transport::Io::bytes) return on_closed(client, how);
        if (client.state == State::waiting) return fail(client, Failure::bad_response);  // bytes nobody asked for
        client.input.append(block, n);
        if (parse(client)) finish(client);
        if (!client.tls) return;
    }
}

void Storm::on_event(Client& client) {
    if (client.transport.closed()) return;
    if (client.transport.open()) {
        const auto how = client.transport.flush();
        if (how != Transport::Io::bytes && how != Transport::Io::again) return on_closed(client, how);
        return on_readable(client);
    }
    const uint64_t missed = handshakes_.not_resumed;
    const auto how = client.transport.advance();
    if (how == Transport::Io::again) return;
    if (how != Transport::Io::bytes) return on_closed(client, how);
    if (handshakes_.not_resumed > missed) failures_.add(Failure::not_resumed);
    if (stopping_) {
        client.transport.close();
        return wait_until(client, Clock::now());
    }
    send_request(client);
}

void Storm::start_due(Clock::time_point now) {
    for (const auto& one : clients_) {
        Client& client = *one;
        if (client.state != State::waiting) {
            if (now - client.started > kAnswerDeadline) fail(client, Failure::timeout);
        } else if (!stopping_ && stop_asked == 0 && client.due <= now) {
            client.transport.closed() ? connect(client) : send_request(client);
        }
    }
}

bool Storm::all_at_rest() const {
    return std::all_of(clients_.begin(), clients_.end(), [](const auto& one) { return one->state == State::waiting; });
}

void Storm::print(bool final_line) const {
    storm::Line line(final_line);
    line.add("requests", requests_).add(failures_).add("idle_closed", idle_closed_).add("connections", connections_);
    line.add("announced_closes", announced_closes_);
    if (options_.tls) line.add(handshakes_);
    if (final_line) line.add(latencies_);
    line.print();
}

int Storm::run() {
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    if (options_.path.starts_with("/bytes/"))
        std::from_chars(options_.path.data() + 7, options_.path.data() + options_.path.size(), expected_bytes_);
    const auto start = Clock::now();
    const auto add = [&](Sort sort, int count) {
        for (int i = 0; i < count; ++i) {
            auto client = std::make_unique<Client>();
            client->sort = sort;
            // Sleepy ones are spread over their period.
            client->due = start + (sort == Sort::sleepy ? kSleepyPeriod * i / count : milliseconds(0));
            if (options_.tls) client->tls = std::make_unique<storm::Tls>("http/1.1", i % 2 == 1, handshakes_);
            clients_.push_back(std::move(client));
        }
    };
    add(Sort::busy, options_.busy);
    add(Sort::fresh, options_.fresh);
    add(Sort::sleepy, options_.sleepy);
    auto next_print = start + std::chrono::seconds(1);
    Clock::time_point stopped_at{};
    epoll_event events[256];
    while (true) {
        const auto now = Clock::now();
        const bool is_time = options_.seconds > 0 && now - start > std::chrono::duration<double>(options_.seconds);
        if (!stopping_ && (stop_asked != 0 || is_time)) {
            stopping_ = true;
            stopped_at = now;
        }
        if (stopping_ && all_at_rest()) break;
        if (stopping_ && now - stopped_at > kFinishDeadline) {
            for (const auto& one : clients_)
                if (one->state != State::waiting) fail(*one, Failure::timeout);
            break;
        }
        start_due(now);
        if (options_.progress && now >= next_print) {
            print(false);
            next_print = now + std::chrono::seconds(1);
        }
        const int n = epoll_wait(epoll_, events, 256, options_.fresh > 0 ? 1 : 5);
        for (int i = 0; i < n; ++i) on_event(*static_cast<Client*>(events[i].data.ptr));
    }
    print(true);
    return failures_.sum() + idle_closed_ == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    Options options;
    const std::map<std::string_view, int*> counts = {{"--busy", &options.busy},
                                                     {"--fresh", &options.fresh},
                                                     {"--sleepy", &options.sleepy},
                                                     {"--reconnect", &options.reconnect},
                                                     {"--requests", &options.requests}};
    for (int i = 1; i < argc; ++i) {
        const std::string_view name = argv[i];
        if (name == "--progress" || name == "--tls") {
            (name == "--tls" ? options.tls : options.progress) = true;
            continue;
        }
        const char* value = i + 1 < argc ? argv[++i] : "";
        if (const auto count = counts.find(name); count != counts.end()) {
            *count->second = std::atoi(value);
        } else if (name == "--port") {
            options.port = static_cast<uint16_t>(std::atoi(value));
        } else if (name == "--seconds") {
            options.seconds = std::atof(value);
        } else if (name == "--path") {
            options.path = value;
        } else {
            std::fprintf(stderr, "storm_client: unknown option %s\n", argv[i]);
            return 2;
        }
    }
    storm::obey_signals();
    return Storm(options).run();
}
