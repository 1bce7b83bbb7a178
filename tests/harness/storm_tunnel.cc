// SPDX-License-Identifier: Apache-2.0
// Tunnels that echo, held open until the other side cuts them; one epoll loop, one thread.
//
//   storm_tunnel --port P --kind websocket|tcp [--tunnels N] [--tls] [--seconds S] [--progress]
//     websocket   an upgrade first, then bytes as in
//     tcp         a block each 20 ms, the next when the last has come back; every other tunnel sends blocks of 20 KB,
//     and
//                 every fourth one makes no pause between them
//     The first of N is there at once, the others come one each 400 ms.
//
// A cut tunnel is made anew. Each life is printed ("lives": [from, to] in seconds of the monotonic clock), because only
// who knows of the reloads can say whether a cut came too early. At the end the client finishes its side and waits for
// the other's end.
//
// A loss is: a reset, a wrong byte, an upgrade that is refused, a block that is not echoed within 15 s, a TLS session
// that is not resumed. A block that was under way when the orderly cut came is `unanswered`; what was echoed is never
// in doubt.
#include <cstdlib>
#include <map>
#include <memory>

#include "tests/harness/storm_report.h"

namespace {

using namespace storm;
using std::chrono::milliseconds;

constexpr auto kEchoDeadline = std::chrono::seconds(15);
constexpr auto kFinishDeadline = std::chrono::seconds(10);
constexpr auto kPause = milliseconds(20), kApart = milliseconds(400);
constexpr size_t kSmall = 100, kBig = 20'000;

struct Options {
    uint16_t port = 0;
    int tunnels = 4;
    double seconds = 0;
    bool tls = false, websocket = false, progress = false;
};

struct Figures {
    uint64_t connections = 0, opened = 0, echoes = 0, cut = 0, unanswered = 0, finished = 0;
    Failures failures;
    Handshakes handshakes;
    Latencies latencies;
    std::string lives;
};

double seconds_of(Clock::time_point time) { return std::chrono::duration<double>(time.time_since_epoch()).count(); }

class Tunnel {
  public:
    Tunnel(const Options& options, Figures& figures, int epoll, Tls* tls, int number)
        : options_(options),
          figures_(figures),
          epoll_(epoll),
          tls_(tls),
          block_bytes_(number % 2 == 0 ? kSmall : kBig),
          pause_(number % 4 == 3 ? milliseconds(0) : kPause),
          due_(Clock::now() + kApart * number) {}

    void on_event();
    void tick(Clock::time_point now, bool stopping);
    bool at_rest() const { return transport_.closed(); }
    void give_up() { fail(Failure::timeout); }

  private:
    void begin(Clock::time_point now);
    void opened();
    void take(std::string_view bytes);
    void send_block(Clock::time_point now);
    void ended(Transport::Io how);
    void fail(Failure failure);

    const Options& options_;
    Figures& figures_;
    const int epoll_;
    Tls* const tls_;
    const size_t block_bytes_;
    const milliseconds pause_;
    Clock::time_point begun_, sent_, due_;
    Transport transport_;
    std::string head_, owed_;
    size_t came_ = 0;  // of owed_
    uint64_t blocks_ = 0;
    bool ready_ = false, finishing_ = false, stopping_ = false;
};

void Tunnel::begin(Clock::time_point now) {
    ++figures_.connections;
    begun_ = sent_ = now;
    ready_ = finishing_ = false;
    head_.clear();
    owed_.clear();
    if (!transport_.begin(epoll_, options_.port, tls_, this))
        fail(errno == ECONNREFUSED ? Failure::refused : Failure::connect_error);
}

void Tunnel::fail(Failure failure) {
    std::fprintf(stderr, "lost: %s, ready %d, %zu of %zu bytes, begun %.3f, sent %.3f, now %.3f\n",
                 kFailureNames[static_cast<size_t>(failure)], ready_, came_, owed_.size(), seconds_of(begun_),
                 seconds_of(sent_), seconds_of(Clock::now()));
    figures_.failures.add(failure);
    transport_.close();
    due_ = Clock::now() + kPause;
}

void Tunnel::on_event() {
    if (transport_.closed()) return;
    if (!transport_.open()) {
        const uint64_t missed = figures_.handshakes.not_resumed;
        const auto how = transport_.advance();
        if (how == Transport::Io::again) return;
        if (how != Transport::Io::bytes) return fail(failure_of(how));
        if (figures_.handshakes.not_resumed > missed) figures_.failures.add(Failure::not_resumed);
        if (options_.websocket) {
            transport_.write(
                "GET /tunnel HTTP/1.1\r\nhost: storm.test\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n");
        } else {
            opened();
        }
        return;
    }
    transport_.flush();  // an error shows when we read
    char block[65536];
    while (transport_.open()) {
        size_t count = 0;
        const auto how = transport_.read(block, sizeof block, count);
        if (how == Transport::Io::again) return;
        if (how != Transport::Io::bytes) return ended(how);
        take({block, count});
    }
}

void Tunnel::opened() {
    ++figures_.opened;
    ready_ = true;
    due_ = Clock::now();
}

void Tunnel::take(std::string_view bytes) {
    if (!ready_) {
        head_.append(bytes);
        const size_t end = head_.find("\r\n\r\n");
        if (end == std::string::npos) return;
        if (!head_.starts_with("HTTP/1.1 101 ") || head_.size() != end + 4) return fail(Failure::bad_status);
        return opened();
    }
    if (bytes.size() > owed_.size() - came_ || owed_.compare(came_, bytes.size(), bytes) != 0)
        return fail(Failure::bad_response);
    came_ += bytes.size();
    if (came_ < owed_.size()) return;
    const auto now = Clock::now();
    ++figures_.echoes;
    figures_.latencies.add(now - sent_);
    owed_.clear();
    came_ = 0;
    due_ = now + pause_;
    if (pause_.count() == 0 && !stopping_) send_block(now);
}

void Tunnel::send_block(Clock::time_point now) {
    owed_ = "block " + std::to_string(++blocks_) + " ";
    owed_.resize(block_bytes_, static_cast<char>('a' + blocks_ % 26));
    came_ = 0;
    sent_ = now;
    transport_.write(owed_);  // an error shows when we read
}

void Tunnel::ended(Transport::Io how) {
    if (how != Transport::Io::end) return fail(failure_of(how));
    if (!ready_) return fail(Failure::closed_under_request);
    if (finishing_) {
        ++figures_.finished;
    } else {
        ++figures_.cut;
        if (!owed_.empty()) ++figures_.unanswered;
        figures_.lives += (figures_.lives.empty() ? "" : ",") + ("[" + std::to_string(seconds_of(begun_)) + ",") +
                          std::to_string(seconds_of(Clock::now())) + "]";
    }
    transport_.close();
    due_ = Clock::now();
}

void Tunnel::tick(Clock::time_point now, bool stopping) {
    stopping_ = stopping;
    if (transport_.closed()) {
        if (!stopping && now >= due_) begin(now);
        return;
    }
    const bool waits = !ready_ || !owed_.empty();
    if (waits && now - sent_ > kEchoDeadline) return fail(Failure::timeout);
    if (waits || finishing_ || now < due_) return;
    if (!stopping) return send_block(now);
    finishing_ = true;
    transport_.finish();
}

void print(const Figures& figures, const Options& options, bool final) {
    Line line(final);
    line.add("requests", figures.opened)
        .add(figures.failures)
        .add("connections", figures.connections)
        .add("messages", figures.echoes);
    line.add("cut", figures.cut).add("unanswered", figures.unanswered).add("finished", figures.finished);
    if (options.tls) line.add(figures.handshakes);
    if (final) line.add(figures.latencies).put("lives", "[" + figures.lives + "]");
    line.print();
}

int run(const Options& options) {
    const int epoll = epoll_create1(EPOLL_CLOEXEC);
    Figures figures;
    std::unique_ptr<Tls> tls;
    if (options.tls) tls = std::make_unique<Tls>("http/1.1", false, figures.handshakes);
    std::vector<std::unique_ptr<Tunnel>> tunnels;
    for (int i = 0; i < options.tunnels; ++i)
        tunnels.push_back(std::make_unique<Tunnel>(options, figures, epoll, tls.get(), i));
    const auto start = Clock::now();
    auto next_print = start + std::chrono::seconds(1);
    Clock::time_point stopped{};
    epoll_event events[256];
    while (true) {
        const auto now = Clock::now();
        const bool time_is_up = options.seconds > 0 && now - start > std::chrono::duration<double>(options.seconds);
        if (stopped == Clock::time_point() && (stop_asked != 0 || time_is_up)) stopped = now;
        const bool stopping = stopped != Clock::time_point();
        for (auto& tunnel : tunnels) tunnel->tick(now, stopping);
        if (stopping && std::all_of(tunnels.begin(), tunnels.end(), [](const auto& one) { return one->at_rest(); }))
            break;
        if (stopping && now - stopped > kFinishDeadline) {
            for (auto& tunnel : tunnels) {
                if (!tunnel->at_rest()) tunnel->give_up();
            }
        }
        if (options.progress && now >= next_print) {
            print(figures, options, false);
            next_print = now + std::chrono::seconds(1);
        }
        const int count = epoll_wait(epoll, events, 256, 5);
        for (int i = 0; i < count; ++i) static_cast<Tunnel*>(events[i].data.ptr)->on_event();
    }
    print(figures, options, true);
    return figures.failures.sum() == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    Options options;
    for (int i = 1; i < argc; ++i) {
        const std::string_view name = argv[i];
        if (name == "--progress" || name == "--tls") {
            (name == "--tls" ? options.tls : options.progress) = true;
            continue;
        }
        const std::string_view value = i + 1 < argc ? argv[++i] : "";
        if (name == "--port") {
            options.port = static_cast<uint16_t>(std::atoi(value.data()));
        } else if (name == "--kind" && (value == "websocket" || value == "tcp")) {
            options.websocket = value == "websocket";
        } else if (name == "--tunnels") {
            options.tunnels = std::atoi(value.data());
        } else if (name == "--seconds") {
            options.seconds = std::atof(value.data());
        } else {
            std::fprintf(stderr, "storm_tunnel: unknown option %s\n", argv[i]);
            return 2;
        }
    }
    obey_signals();
    return run(options);
}
