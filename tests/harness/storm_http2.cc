// SPDX-License-Identifier: Apache-2.0
// HTTP/2 load that loses nothing in silence: several connections with many streams each, one epoll loop, one thread.
//
//   storm_http2 --port P [--connections N] [--streams M] [--path /bytes/100] [--tls] [--seconds S] [--progress]
//               [--grpc --bound S]
//     requests  each connection keeps M streams open; every fourth one makes its M requests at once and then rests a
//     second
//     --grpc    M bidirectional streams instead, a message each 20 ms, the next after the echo of the last. Half of
//     them
//               end by themselves after 40 messages (trailers with grpc-status 0); the others stay until they are cut
//
// What is a loss: storm_http2_connection.h.
#include <cstdlib>
#include <map>
#include <memory>
#include <vector>

#include "tests/harness/storm_http2_connection.h"

namespace {

using namespace storm;

constexpr auto kFinishDeadline = std::chrono::seconds(10);

void print(const Figures& figures, const Options& options, bool final) {
    Line line(final);
    line.add("requests", figures.requests).add(figures.failures).add("heads", figures.heads);
    line.add("connections", figures.connections)
        .add("notices", figures.notices)
        .add("last_goaways", figures.last_goaways);
    line.add("after_notice", figures.after_notice).add("retried", figures.retried);
    if (options.grpc) line.add("messages", figures.messages).add("cut", figures.cut);
    if (options.tls) line.add(figures.handshakes);
    if (final) line.add(figures.latencies);
    line.print();
}

int run(const Options& options) {
    const int epoll = epoll_create1(EPOLL_CLOEXEC);
    Figures figures;
    std::unique_ptr<Tls> tls;
    if (options.tls) tls = std::make_unique<Tls>("h2", false, figures.handshakes);
    std::vector<std::unique_ptr<Connection>> current(static_cast<size_t>(options.connections)), leaving;
    const auto start = Clock::now();
    auto next_print = start + std::chrono::seconds(1);
    Clock::time_point stopped{};
    epoll_event events[256];
    while (true) {
        const auto now = Clock::now();
        const bool time_is_up = options.seconds > 0 && now - start > std::chrono::duration<double>(options.seconds);
        if (stopped == Clock::time_point() && (stop_asked != 0 || time_is_up)) stopped = now;
        const bool stopping = stopped != Clock::time_point();
        for (size_t i = 0; i < current.size(); ++i) {
            if (current[i] && (stopping || current[i]->retired())) leaving.push_back(std::move(current[i]));
            if (!current[i] && !stopping) {
                current[i] = std::make_unique<Connection>(options, figures, epoll, tls.get(), static_cast<int>(i));
            }
            if (current[i]) current[i]->tick(now, false);
        }
        for (auto& one : leaving) one->tick(now, stopping);
        if (stopping && now - stopped > kFinishDeadline) {
            for (auto& one : leaving) {
                if (!one->gone()) one->give_up();
            }
        }
        std::erase_if(leaving, [](const auto& one) { return one->gone(); });
        if (stopping && leaving.empty()) break;
        if (options.progress && now >= next_print) {
            print(figures, options, false);
            next_print = now + std::chrono::seconds(1);
        }
        const int count = epoll_wait(epoll, events, 256, 5);
        for (int i = 0; i < count; ++i) static_cast<Connection*>(events[i].data.ptr)->on_event();
    }
    print(figures, options, true);
    return figures.failures.sum() == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    Options options;
    const std::map<std::string_view, bool*> flags = {
        {"--tls", &options.tls}, {"--grpc", &options.grpc}, {"--progress", &options.progress}};
    const std::map<std::string_view, int*> counts = {{"--connections", &options.connections},
                                                     {"--streams", &options.streams}};
    for (int i = 1; i < argc; ++i) {
        const std::string_view name = argv[i];
        if (const auto flag = flags.find(name); flag != flags.end()) {
            *flag->second = true;
            continue;
        }
        const char* value = i + 1 < argc ? argv[++i] : "";
        if (const auto count = counts.find(name); count != counts.end()) {
            *count->second = std::atoi(value);
        } else if (name == "--port") {
            options.port = static_cast<uint16_t>(std::atoi(value));
        } else if (name == "--seconds" || name == "--bound") {
            (name == "--bound" ? options.bound : options.seconds) = std::atof(value);
        } else if (name == "--path") {
            options.path = value;
        } else {
            std::fprintf(stderr, "storm_http2: unknown option %s\n", argv[i]);
            return 2;
        }
    }
    obey_signals();
    return run(options);
}
