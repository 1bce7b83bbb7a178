// SPDX-License-Identifier: Apache-2.0
// Load of TLS handshakes for the bench: each connection makes one, sends one request, reads the answer and is closed,
// by the client: a `connection: close` reaches the upstream through some peers. Blocking, a thread per connection: the
// load is cheap beside what it asks for.
//
//   handshake_client --port N [--connections N] [--seconds N | --requests N] [--resume 1]
//
// With --resume each connection offers the newest ticket of its thread. Prints one line of JSON when it ends:
// requests (answered by 200), resumed (of these), failed, per second, p99 in ms.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::string_view kRequest = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";
constexpr timeval kPatience{60, 0};

std::atomic<long> left;  // requests to be made

// One thread's connections, one after the other.
class Client {
  public:
    Client(uint16_t port, bool resume) : resume_(resume), context_(SSL_CTX_new(TLS_client_method()), SSL_CTX_free) {
        to_.sin_family = AF_INET;
        to_.sin_port = htons(port);
        to_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        SSL_CTX_set_ciphersuites(context_.get(), "TLS_AES_128_GCM_SHA256");
        SSL_CTX_set1_groups_list(context_.get(), "X25519");
        SSL_CTX_set_options(context_.get(), SSL_OP_IGNORE_UNEXPECTED_EOF);
        if (!resume_) return;
        SSL_CTX_set_session_cache_mode(context_.get(), SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_set_app_data(context_.get(), this);
        SSL_CTX_sess_set_new_cb(context_.get(), [](SSL* ssl, SSL_SESSION* session) {
            static_cast<Client*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)))->ticket_.reset(session);
            return 1;
        });
    }

    void run(Clock::time_point end) {
        while (Clock::now() < end && left.fetch_sub(1) > 0) {
            const auto begin = Clock::now();
            if (exchange()) {
                milliseconds_.push_back(std::chrono::duration<double, std::milli>(Clock::now() - begin).count());
            } else if (++failed_ > 1000) {
                return;  // nobody is there
            }
        }
    }

    long resumed() const { return resumed_; }
    long failed() const { return failed_; }
    const std::vector<double>& milliseconds() const { return milliseconds_; }

  private:
    bool exchange() {
        const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
        bool good = connect(fd, reinterpret_cast<const sockaddr*>(&to_), sizeof to_) == 0;
        if (good) {
            const std::unique_ptr<SSL, decltype(&SSL_free)> ssl(SSL_new(context_.get()), SSL_free);
            SSL_set_fd(ssl.get(), fd);
            if (ticket_) SSL_set_session(ssl.get(), ticket_.get());
            good = SSL_connect(ssl.get()) == 1 && request(ssl.get());
            if (good && SSL_session_reused(ssl.get())) ++resumed_;
            SSL_set_shutdown(ssl.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);  // the ticket stays good
        }
        close(fd);
        return good;
    }

    // False: no answer by 200 with its whole body, which has a content-length of one digit.
    static bool request(SSL* ssl) {
        if (SSL_write(ssl, kRequest.data(), static_cast<int>(kRequest.size())) <= 0) return false;
        char block[4096];
        std::string answer;
        while (true) {
            const size_t end = answer.find("\r\n\r\n");
            if (end != std::string::npos) {
                const size_t length = std::min(answer.find("content-length: "), answer.find("Content-Length: "));
                if (length == std::string::npos || !answer.starts_with("HTTP/1.1 200")) return false;
                if (answer.size() >= end + 4 + static_cast<size_t>(answer[length + 16] - '0')) return true;
            }
            const int n = SSL_read(ssl, block, sizeof block);
            if (n <= 0) return false;
            answer.append(block, static_cast<size_t>(n));
        }
    }

    bool resume_;
    std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
    struct FreeSession {
        void operator()(SSL_SESSION* session) const { SSL_SESSION_free(session); }
    };
    std::unique_ptr<SSL_SESSION, FreeSession> ticket_;
    sockaddr_in to_{};
    long resumed_ = 0;
    long failed_ = 0;
    std::vector<double> milliseconds_;
};

}  // namespace

int main(int argc, char** argv) {
    std::map<std::string, long> options{
        {"--port", 0}, {"--connections", 16}, {"--seconds", 3600}, {"--requests", 0}, {"--resume", 0}};
    for (int i = 1; i + 1 < argc; i += 2) {
        const auto option = options.find(argv[i]);
        if (option == options.end()) {
            std::fprintf(stderr, "handshake_client: unknown option %s\n", argv[i]);
            return 2;
        }
        option->second = std::atol(argv[i + 1]);
    }
    std::signal(SIGPIPE, SIG_IGN);
    left = options["--requests"] > 0 ? options["--requests"] : INT64_MAX;
    const auto begin = Clock::now();
    const auto end = begin + std::chrono::seconds(options["--seconds"]);
    std::vector<std::unique_ptr<Client>> clients;
    std::vector<std::thread> threads;
    for (long i = 0; i < options["--connections"]; ++i) {
        clients.push_back(std::make_unique<Client>(static_cast<uint16_t>(options["--port"]), options["--resume"] != 0));
        threads.emplace_back(&Client::run, clients.back().get(), end);
    }
    for (std::thread& thread : threads) thread.join();
    const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    long resumed = 0;
    long failed = 0;
    std::vector<double> all;
    for (const auto& client : clients) {
        resumed += client->resumed();
        failed += client->failed();
        all.insert(all.end(), client->milliseconds().begin(), client->milliseconds().end());
    }
    std::sort(all.begin(), all.end());
    std::printf("{\"requests\":%zu,\"resumed\":%ld,\"failed\":%ld,\"per_second\":%.1f,\"p99_ms\":%.3f}\n", all.size(),
                resumed, failed, static_cast<double>(all.size()) / seconds,
                all.empty() ? 0.0 : all[(all.size() - 1) * 99 / 100]);
    return all.empty() ? 1 : 0;
}
