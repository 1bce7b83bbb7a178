// SPDX-License-Identifier: Apache-2.0
// Load that never retries and counts each failure by kind: three sorts of clients on one epoll loop, one thread.
//
//   storm_client --port P [--busy N] [--fresh N] [--sleepy N] [--path /bytes/100]
//                [--seconds S] [--requests N] [--progress]
//     busy    keep-alive connections, the next request follows the answer at once
//     fresh   a new connection for each request, every other one with `connection: close`
//     sleepy  keep-alive connections that send one request each second and are idle in between
//
// A response with `connection: close` makes the client open a new connection: the polite end. Ends after S seconds,
// after N requests or on SIGTERM: nothing new is started, what is under way is finished (10 s at most), then one JSON
// line says it all.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr auto kAnswerDeadline = std::chrono::seconds(15);
constexpr auto kFinishDeadline = std::chrono::seconds(10);
constexpr auto kSleepyPeriod = milliseconds(1000);
constexpr auto kAfterFailure = milliseconds(20);  // so that a dead server gives a rate of failures, not a busy loop

volatile std::sig_atomic_t stop_asked = 0;

enum class Sort { busy, fresh, sleepy };
enum class State { waiting, connecting, in_flight };

enum class Failure {
    refused,
    connect_error,
    reset,
    closed_under_request,
    short_body,
    bad_status,
    bad_response,
    timeout,
    count
};
constexpr std::array<const char*, static_cast<size_t>(Failure::count)> kFailureNames = {
    "refused", "connect_error", "reset", "closed_under_request", "short_body", "bad_status", "bad_response", "timeout"};

struct Client {
    Sort sort = Sort::busy;
    State state = State::waiting;
    int fd = -1;
    Clock::time_point due{};      // waiting: when the next request starts
    Clock::time_point started{};  // connecting, in_flight
    uint64_t sent = 0;
    std::string input;
    size_t head_bytes = 0;  // 0: head not complete
    size_t body_bytes = 0;
    bool close_announced = false;
};

struct Options {
    uint16_t port = 0;
    int busy = 0, fresh = 0, sleepy = 0;
    double seconds = 0;
    int requests = 0;  // 0: no limit
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
    void on_event(Client& client, uint32_t events);
    void on_readable(Client& client);
    void on_closed(Client& client, int error);
    bool parse(Client& client);
    void finish(Client& client);
    void fail(Client& client, Failure failure);
    void close_connection(Client& client);
    void wait_until(Client& client, Clock::time_point due);
    void start_due(Clock::time_point now);
    bool all_at_rest() const;
    void print(bool final_line) const;
    double latency_ms(double share) const;

    Options options_;
    int epoll_ = -1;
    bool stopping_ = false;
    size_t expected_bytes_ = 0;
    std::vector<Client> clients_;
    std::array<uint64_t, static_cast<size_t>(Failure::count)> failures_{};
    uint64_t started_ = 0, requests_ = 0, connections_ = 0, announced_closes_ = 0, idle_closed_ = 0;
    std::vector<uint32_t> latency_ = std::vector<uint32_t>(200'001);  // bins of 50 us
};

void Storm::wait_until(Client& client, Clock::time_point due) {
    client.state = State::waiting;
    client.due = due;
}

void Storm::close_connection(Client& client) {
    if (client.fd >= 0) close(client.fd);
    client.fd = -1;
}

void Storm::fail(Client& client, Failure failure) {
    ++failures_[static_cast<size_t>(failure)];
    close_connection(client);
    wait_until(client, Clock::now() + (client.sort == Sort::sleepy ? kSleepyPeriod : kAfterFailure));
}

void Storm::connect(Client& client) {
    client.started = Clock::now();
    client.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (client.fd < 0) return fail(client, Failure::connect_error);
    const int on = 1;
    setsockopt(client.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(options_.port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ++connections_;
    if (::connect(client.fd, reinterpret_cast<sockaddr*>(&address), sizeof address) < 0 && errno != EINPROGRESS)
        return fail(client, errno == ECONNREFUSED ? Failure::refused : Failure::connect_error);
    client.state = State::connecting;
    epoll_event event{};
    event.events = EPOLLOUT;
    event.data.ptr = &client;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, client.fd, &event);
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
    const ssize_t n = send(client.fd, request.data(), request.size(), MSG_NOSIGNAL);
    if (n != static_cast<ssize_t>(request.size())) on_closed(client, errno);
}

// The connection ended while a request was under way, or while the client slept.
void Storm::on_closed(Client& client, int error) {
    if (client.state == State::waiting) {
        ++idle_closed_;
        return close_connection(client);
    }
    if (error == 0 && client.input.empty()) return fail(client, Failure::closed_under_request);
    if (error == 0) return fail(client, Failure::short_body);
    fail(client, error == ECONNRESET || error == EPIPE ? Failure::reset : Failure::connect_error);
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
    const auto bin = static_cast<size_t>((now - client.started) / std::chrono::microseconds(50));
    ++latency_[std::min(bin, latency_.size() - 1)];
    if (client.close_announced) ++announced_closes_;
    if (client.close_announced || client.sort == Sort::fresh) close_connection(client);
    wait_until(client, client.sort == Sort::sleepy ? client.started + kSleepyPeriod : now);
    if (!stopping_ && stop_asked == 0 && client.sort == Sort::busy && client.fd >= 0) send_request(client);
}

void Storm::on_readable(Client& client) {
    char block[65536];
    const ssize_t n = read(client.fd, block, sizeof block);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) return on_closed(client, n < 0 ? errno : 0);
    if (client.state == State::waiting) {  // bytes nobody asked for
        fail(client, Failure::bad_response);
        return;
    }
    client.input.append(block, static_cast<size_t>(n));
    if (parse(client)) finish(client);
}

void Storm::on_event(Client& client, uint32_t events) {
    if (client.fd < 0) return;
    if (client.state != State::connecting) return on_readable(client);
    int error = 0;
    socklen_t length = sizeof error;
    getsockopt(client.fd, SOL_SOCKET, SO_ERROR, &error, &length);
    if (error != 0 || (events & EPOLLERR) != 0) {
        if (error == ECONNREFUSED) return fail(client, Failure::refused);
        return fail(client, error == ECONNRESET ? Failure::reset : Failure::connect_error);
    }
    if (stopping_) {
        close_connection(client);
        return wait_until(client, Clock::now());
    }
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = &client;
    epoll_ctl(epoll_, EPOLL_CTL_MOD, client.fd, &event);
    send_request(client);
}

void Storm::start_due(Clock::time_point now) {
    for (Client& client : clients_) {
        if (client.state != State::waiting) {
            if (now - client.started > kAnswerDeadline) fail(client, Failure::timeout);
        } else if (!stopping_ && stop_asked == 0 && client.due <= now) {
            client.fd < 0 ? connect(client) : send_request(client);
        }
    }
}

bool Storm::all_at_rest() const {
    for (const Client& client : clients_)
        if (client.state != State::waiting) return false;
    return true;
}

double Storm::latency_ms(double share) const {
    uint64_t seen = 0;
    for (size_t bin = 0; bin < latency_.size(); ++bin) {
        seen += latency_[bin];
        if (static_cast<double>(seen) >= share * static_cast<double>(requests_))
            return static_cast<double>(bin + 1) * 0.05;
    }
    return 0;
}

void Storm::print(bool final_line) const {
    uint64_t sum = 0;
    for (const uint64_t n : failures_) sum += n;
    std::printf(
        "{\"final\":%s,\"requests\":%llu,\"failures\":%llu,\"idle_closed\":%llu,\"connections\":%llu,\"announced_"
        "closes\":%llu",
        final_line ? "true" : "false", static_cast<unsigned long long>(requests_), static_cast<unsigned long long>(sum),
        static_cast<unsigned long long>(idle_closed_), static_cast<unsigned long long>(connections_),
        static_cast<unsigned long long>(announced_closes_));
    for (size_t i = 0; i < failures_.size(); ++i)
        std::printf(",\"%s\":%llu", kFailureNames[i], static_cast<unsigned long long>(failures_[i]));
    if (final_line)
        std::printf(",\"p50_ms\":%.2f,\"p99_ms\":%.2f,\"max_ms\":%.2f", latency_ms(0.5), latency_ms(0.99),
                    latency_ms(1.0));
    std::printf("}\n");
    std::fflush(stdout);
}

int Storm::run() {
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    if (options_.path.starts_with("/bytes/"))
        std::from_chars(options_.path.data() + 7, options_.path.data() + options_.path.size(), expected_bytes_);
    const auto start = Clock::now();
    const auto add = [&](Sort sort, int count) {
        for (int i = 0; i < count; ++i) {
            Client client;
            client.sort = sort;
            // Sleepy ones are spread over their period.
            client.due = start + (sort == Sort::sleepy ? kSleepyPeriod * i / count : milliseconds(0));
            clients_.push_back(std::move(client));
        }
    };
    clients_.reserve(
        static_cast<size_t>(options_.busy + options_.fresh + options_.sleepy));  // epoll keeps their addresses
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
            for (Client& client : clients_)
                if (client.state != State::waiting) fail(client, Failure::timeout);
            break;
        }
        start_due(now);
        if (options_.progress && now >= next_print) {
            print(false);
            next_print = now + std::chrono::seconds(1);
        }
        const int n = epoll_wait(epoll_, events, 256, options_.fresh > 0 ? 1 : 5);
        for (int i = 0; i < n; ++i) on_event(*static_cast<Client*>(events[i].data.ptr), events[i].events);
    }
    print(true);
    uint64_t sum = idle_closed_;
    for (const uint64_t count : failures_) sum += count;
    return sum == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    Options options;
    const std::map<std::string_view, int*> counts = {{"--busy", &options.busy},
                                                     {"--fresh", &options.fresh},
                                                     {"--sleepy", &options.sleepy},
                                                     {"--requests", &options.requests}};
    for (int i = 1; i < argc; ++i) {
        const std::string_view name = argv[i];
        if (name == "--progress") {
            options.progress = true;
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
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGTERM, [](int) { stop_asked = 1; });
    return Storm(options).run();
}
