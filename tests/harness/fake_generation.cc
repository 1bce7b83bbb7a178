// SPDX-License-Identifier: Apache-2.0
// A generation by script: speaks the hand-over protocol as a child of heirloomd and misbehaves where it is told to.
//
//   fake_generation [--socket NAME[,shards=N][,keep]]... [--stat NAME=N]... [--connections N] [AT ACTION]...
//
// AT: start, hello, welcome, sockets, ready, live, drain, terminate (the step that has just been reached).
// ACTION: crash (SIGSEGV), kill (SIGKILL), exit=N, hang (does nothing more, reads nothing), nonsense (bytes that are no
// message), wrong (a message that is not permitted now), fail=TEXT (message failed, then exit 1), words=TEXT (to
// stderr, then exit 1), close (closes the channel, lives on), silent (no heartbeat from here on), quit (stop_request).
// `--ticket-keys 1`: takes them, and prints what their names begin with, the ring in one line.
// `--only-epoch N` in front: the script counts for that epoch alone. A live generation answers each connect by its
// epoch and closes. Without a script it behaves well; on drain it waits until `--connections` more seconds have passed
// (0).
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "shm/channel.h"
#include "shm/segment.h"

namespace {

using namespace heirloom;
using shm::proto::Message;

struct Script {
    std::map<std::string, std::string> at;  // step -> action
    std::vector<shm::proto::SocketSpec> sockets;
    std::vector<std::pair<std::string, uint64_t>> stats;
    int linger_s = 0;
    bool takes_ticket_keys = false;
};

class FakeGeneration {
  public:
    FakeGeneration(UniqueFd fd, Script script)
        : channel_(std::move(fd), shm::Direction::to_generation), script_(std::move(script)) {}

    int run() {
        reach("start");
        Message hello;
        hello.mutable_hello()->set_program_version("fake/1");
        hello.mutable_hello()->set_pid(getpid());
        hello.mutable_hello()->set_concurrency(2);
        hello.mutable_hello()->set_takes_ticket_keys(script_.takes_ticket_keys);
        send(hello);
        reach("hello");
        const Message welcome = await(Message::kWelcome);
        epoch_ = welcome.welcome().epoch();
        auto segment = shm::Segment::attach(std::move(fds_.at(0)), true);
        if (!segment.ok()) return 3;
        reach("welcome");
        if (!script_.stats.empty()) count(**segment, welcome.welcome().generation_slot());
        if (!script_.sockets.empty()) bind();
        reach("sockets");
        Message ready;
        ready.mutable_ready()->set_listeners(static_cast<uint32_t>(script_.sockets.size()));
        send(ready);
        reach("ready");
        await(Message::kGoLive);
        Message live;
        live.mutable_live_ack();
        send(live);
        reach("live");
        return serve();
    }

  private:
    void send(const Message& message) {
        const Status sent = channel_.send(message);
        if (!sent.ok()) std::fprintf(stderr, "fake: %s\n", sent.error().text.c_str());
    }

    Message await(Message::BodyCase wanted) {
        for (;;) {
            auto received = channel_.receive_within(std::chrono::seconds(60));
            if (!received.ok()) std::exit(4);
            for (UniqueFd& fd : received->fds) fds_.push_back(std::move(fd));
            show_ticket_keys(received->message);
            if (received->message.has_terminate()) std::exit(0);
            if (received->message.body_case() == wanted) return received->message;
        }
    }

    void show_ticket_keys(const Message& message) const {
        if (!message.has_ticket_keys()) return;
        std::printf("epoch %u: ticket keys", epoch_);
        for (const std::string& key : message.ticket_keys().keys()) {
            if (key.size() != 80) std::exit(5);
            std::printf(" ");
            for (size_t at = 0; at < 8; ++at) std::printf("%02x", static_cast<unsigned char>(key[at]));
        }
        std::printf("\n");
        std::fflush(stdout);
    }

    void count(shm::Segment& segment, uint32_t slot) {
        Message request;
        for (const auto& [name, value] : script_.stats) {
            shm::proto::StatSpec& stat = *request.mutable_register_stats()->add_stats();
            stat.set_name(name);
            stat.set_kind(static_cast<uint32_t>(shm::StatKind::counter));
        }
        send(request);
        const Message answer = await(Message::kStatsRegistered);
        for (int at = 0; at < answer.stats_registered().slots_size(); ++at) {
            const uint32_t cell = answer.stats_registered().slots(at);
            if (cell != 0xffffffff) segment.row(slot, 1)[cell].store(script_.stats[static_cast<size_t>(at)].second);
        }
    }

    void bind() {
        fds_.clear();
        Message request;
        for (const auto& socket : script_.sockets) *request.mutable_bind_sockets()->add_sockets() = socket;
        send(request);
        for (bool last = false; !last;) {
            const Message answer = await(Message::kSockets);
            last = answer.sockets().last();
            for (const auto& result : answer.sockets().sockets()) {
                if (!result.error().empty()) fail(result.error());
                std::printf("epoch %u: %s is %s, shards %u..%u of %u\n", epoch_, result.name().c_str(),
                            result.bound_name().c_str(), result.first_shard(),
                            result.first_shard() + result.fd_count() - 1, result.shard_count());
            }
        }
        std::fflush(stdout);
        shards_ = std::move(fds_);
    }

    // Answers connects, then drains as told.
    int serve() {
        auto next_beat = std::chrono::steady_clock::now();
        for (;;) {
            std::vector<pollfd> waiting{{channel_.fd(), POLLIN, 0}};
            for (const UniqueFd& shard : shards_) waiting.push_back({shard.get(), POLLIN, 0});
            poll(waiting.data(), waiting.size(), 200);
            for (size_t at = 1; at < waiting.size(); ++at) answer(waiting[at].fd, waiting[at].revents);
            if (!silent_ && std::chrono::steady_clock::now() >= next_beat) {
                Message beat;
                beat.mutable_heartbeat();
                send(beat);
                next_beat += std::chrono::seconds(1);
            }
            if ((waiting[0].revents & (POLLIN | POLLHUP)) == 0) continue;
            auto received = channel_.receive();
            if (!received.ok() && received.error().retriable) continue;
            if (!received.ok()) return 0;
            show_ticket_keys(received->message);
            if (received->message.has_terminate()) {
                reach("terminate");
                return 0;
            }
            if (received->message.has_reopen_logs())
                std::printf("epoch %u: reopens its logs\n", epoch_), std::fflush(stdout);
            if (received->message.has_drain()) return drain(received->message.drain().immediate());
        }
    }

    int drain(bool immediate) {
        shards_.clear();
        reach("drain");
        Message ack;
        ack.mutable_drain_ack()->set_active_connections(static_cast<uint64_t>(script_.linger_s));
        send(ack);
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(immediate ? 0 : script_.linger_s);
        while (std::chrono::steady_clock::now() < end) {
            auto received = channel_.receive_within(std::chrono::milliseconds(200));
            if (received.ok()) show_ticket_keys(received->message);
            if (received.ok() && (received->message.has_terminate() || received->message.drain().immediate())) break;
            if (!received.ok() && received.error().code == EPIPE) break;
        }
        Message drained;
        drained.mutable_drained();
        send(drained);
        return 0;
    }

    void answer(int fd, short events) const {
        if ((events & POLLIN) == 0) return;
        const UniqueFd connection(accept4(fd, nullptr, nullptr, SOCK_CLOEXEC));
        if (!connection) return;
        const std::string text = "epoch " + std::to_string(epoch_) + "\n";
        ::send(connection.get(), text.data(), text.size(), MSG_NOSIGNAL);
    }

    [[noreturn]] void fail(const std::string& reason) {
        Message message;
        message.mutable_failed()->set_reason(reason);
        send(message);
        std::exit(1);
    }

    void reach(const std::string& step) {
        const auto found = script_.at.find(step);
        if (found == script_.at.end()) return;
        const std::string& action = found->second;
        const size_t equals = action.find('=');
        const std::string name = action.substr(0, equals);
        const std::string value = equals == std::string::npos ? "" : action.substr(equals + 1);
        if (name == "crash") {
            signal(SIGSEGV, SIG_DFL);
            raise(SIGSEGV);
        }
        if (name == "kill") raise(SIGKILL);
        if (name == "exit") std::exit(std::atoi(value.c_str()));
        if (name == "hang") {
            for (;;) pause();
        }
        if (name == "nonsense") {
            const char bytes[] = "\xff\xff\xff this is no message";
            ::send(channel_.fd(), bytes, sizeof bytes, MSG_NOSIGNAL);
        }
        if (name == "wrong") {
            Message message;
            message.mutable_drained();
            send(message);
        }
        if (name == "fail") fail(value);
        if (name == "words") {
            std::fprintf(stderr, "%s\n", value.c_str());
            std::exit(1);
        }
        if (name == "close") channel_ = shm::Channel(UniqueFd(), shm::Direction::to_generation);
        if (name == "close") {
            for (;;) pause();
        }
        if (name == "silent") silent_ = true;
        if (name == "quit") {
            Message message;
            message.mutable_stop_request();
            send(message);
        }
    }

    shm::Channel channel_;
    Script script_;
    uint32_t epoch_ = 0;
    bool silent_ = false;
    std::vector<UniqueFd> fds_;
    std::vector<UniqueFd> shards_;
};

Script parse(const std::vector<std::string>& arguments) {
    Script script;
    const char* const epoch = std::getenv("RESTART_EPOCH");
    bool counts = true;
    for (size_t at = 0; at + 1 < arguments.size(); at += 2) {
        const std::string& name = arguments[at];
        std::string value = arguments[at + 1];
        if (name == "--only-epoch") {
            counts = epoch != nullptr && value == epoch;
        } else if (name == "--connections") {
            script.linger_s = std::atoi(value.c_str());
        } else if (name == "--ticket-keys") {
            script.takes_ticket_keys = counts;
        } else if (name == "--parent-shutdown-time-s") {
            continue;  // read by the supervisor
        } else if (name == "--stat") {
            script.stats.emplace_back(value.substr(0, value.find('=')),
                                      std::atoll(value.c_str() + value.find('=') + 1));
        } else if (name == "--socket" && counts) {
            shm::proto::SocketSpec spec;
            spec.set_keep(value.ends_with(",keep"));
            if (spec.keep()) value.resize(value.size() - 5);
            if (const size_t shards = value.find(",shards="); shards != std::string::npos) {
                spec.set_max_shards(static_cast<uint32_t>(std::atoi(value.c_str() + shards + 8)));
                value.resize(shards);
            }
            spec.set_name(value);
            script.sockets.push_back(spec);
        } else if (counts) {
            script.at[name] = value;
        }
    }
    return script;
}

}  // namespace

int main(int argc, char** argv) {
    const char* const fd = std::getenv(shm::kChannelVariable);
    if (fd == nullptr) {
        std::fprintf(stderr, "fake_generation: no %s\n", shm::kChannelVariable);
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    return FakeGeneration(UniqueFd(std::atoi(fd)), parse({argv + 1, argv + argc})).run();
}
