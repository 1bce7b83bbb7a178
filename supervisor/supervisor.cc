// SPDX-License-Identifier: Apache-2.0
#include "supervisor/supervisor.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/json/array.hpp>
#include <fstream>

#include "shm/version.h"
#include "supervisor/headroom.h"
#include "supervisor/run_dir.h"
#include "supervisor/segment_copy.h"

namespace heirloom::supervisor {

namespace json = boost::json;

namespace {

constexpr const char* kSegmentFdName = "heirloom-segment";

// As it was when that process began; empty when it is gone or not ours to look at.
std::vector<std::string> environment_of(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/environ", std::ios::binary);
    std::vector<std::string> entries;
    for (std::string entry; std::getline(file, entry, '\0');) entries.push_back(entry);
    return entries;
}

// Is that process alive, and the generation it was said to be? (a pid is no identity)
bool is_generation(pid_t pid, uint32_t epoch) {
    const std::string wanted = "RESTART_EPOCH=" + std::to_string(epoch);
    const std::vector<std::string> environment = environment_of(pid);
    return std::find(environment.begin(), environment.end(), wanted) != environment.end();
}

}  // namespace

Supervisor::Supervisor(Options options)
    : options_(std::move(options)),
      started_(std::chrono::steady_clock::now()),
      notify_(io_),
      ticket_keys_(io_, options_.ticket_key_rotation) {}

int Supervisor::run() {
    if (const Status opened = open(); !opened.ok()) {
        spdlog::critical("{}", opened.error().text);
        notify_.status("Start failed: " + opened.error().text);
        return 1;
    }
    hot_restart_->start();
    io_.run();
    return exit_code_;
}

Status Supervisor::open() {
    const uint64_t descriptors = raise_descriptor_limit();
    if (const Status locked = lock_run_dir(); !locked.ok()) return locked;
    std::vector<ServiceNotify::Passed> passed = ServiceNotify::take_passed();
    if (const Status opened = open_segment(passed); !opened.ok()) return opened;
    stats_ = std::make_unique<SupervisorStats>(*segment_);
    store_ = std::make_unique<SocketStore>(
        SocketStore::Limits{std::max(std::thread::hardware_concurrency(), 1u), descriptors, has_orphans()},
        SocketStore::Hooks{
            [this](const std::string& name, const std::vector<int>& fds) { notify_.store(name, fds); },
            [this](const std::string& name) { notify_.remove(name); },
        });
    open_ticket_keys(passed);
    adopt_sockets(std::move(passed));
    hot_restart_ = std::make_unique<HotRestart>(
        HotRestart::Parts{io_, options_, *segment_, *stats_, *store_, notify_, ticket_keys_}, first_epoch_,
        [this](int exit_code) { on_end(exit_code); });
    ticket_keys_.on_rotation = [this] { hot_restart_->send_ticket_keys(); };
    hot_restart_->on_change = [this] { write_generations_file(); };
    signals_ = std::make_unique<Signals>(io_, Signals::Events{
                                                  [this] { hot_restart_->request_reload(nullptr); },
                                                  [this] { hot_restart_->stop(); },
                                                  [this] { hot_restart_->stop_now(); },
                                                  [this] { hot_restart_->reopen_logs(); },
                                                  [this](pid_t pid) { return hot_restart_->reap(pid); },
                                              });
    auto control = ControlSocket::open(io_, options_.run_dir + kControlSocket,
                                       [this](const std::shared_ptr<ControlClient>& client,
                                              const json::object& request) { on_request(client, request); });
    if (!control) return control.error();
    control_ = std::move(*control);
    spdlog::info("heirloomd {} in {}, command: {}", version_number(), options_.run_dir,
                 fmt::join(options_.command, " "));
    return Ok{};
}

Status Supervisor::lock_run_dir() {
    if (mkdir(options_.run_dir.c_str(), 0755) < 0 && errno != EEXIST) {
        return Error::from_errno("cannot make the run directory " + options_.run_dir);
    }
    const std::string path = options_.run_dir + kLockFile;
    lock_.reset(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!lock_) return Error::from_errno("cannot open " + path);
    if (flock(lock_.get(), LOCK_EX | LOCK_NB) == 0) return Ok{};
    if (errno == EWOULDBLOCK) {
        return Error{"another heirloomd runs in " + options_.run_dir + " (each needs a --run-dir of its own)"};
    }
    return Error::from_errno("cannot lock " + path);
}

Status Supervisor::open_segment(std::vector<ServiceNotify::Passed>& passed) {
    for (ServiceNotify::Passed& each : passed) {
        if (each.name != kSegmentFdName || segment_) continue;
        auto adopted = shm::Segment::attach(std::move(each.fd), true);
        const Status usable = adopted.ok() ? (*adopted)->adopt() : Status(adopted.error());
        if (usable.ok()) {
            segment_ = std::move(*adopted);
            spdlog::info("the numbers of the last run go on");
        } else {
            spdlog::warn("the numbers of the last run are lost: {}", usable.error().text);
            notify_.remove(kSegmentFdName);
        }
    }
    std::erase_if(passed, [](const ServiceNotify::Passed& each) { return each.name == kSegmentFdName; });
    if (segment_) {
        fold_leftovers();
    } else {
        auto created = shm::Segment::create();
        if (!created) return created.error();
        segment_ = std::move(*created);
        notify_.store(kSegmentFdName, {segment_->fd()});
    }
    unlink((options_.run_dir + kSegmentCopy).c_str());  // of an earlier run: no longer what the numbers are
    const std::string link = options_.run_dir + kSegmentLink;
    unlink(link.c_str());
    const std::string target = "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(segment_->fd());
    if (symlink(target.c_str(), link.c_str()) < 0) return Error::from_errno("cannot make " + link);
    return Ok{};
}

void Supervisor::fold_leftovers() {
    for (const shm::GenerationInfo& info : segment_->generations()) {
        if (!is_generation(info.pid, info.epoch)) {
            segment_->fold_generation(info.slot);
            continue;
        }
        spdlog::warn("epoch {} of an earlier supervisor still serves (pid {}); it is not ours to end", info.epoch,
                     info.pid);
        first_epoch_ = std::max(first_epoch_, info.epoch + 1);
        const int pidfd = static_cast<int>(syscall(SYS_pidfd_open, info.pid, 0));
        if (pidfd < 0) continue;
        auto watch = std::make_shared<boost::asio::posix::stream_descriptor>(io_, pidfd);
        watch->async_wait(boost::asio::posix::stream_descriptor::wait_read,
                          [this, watch, slot = info.slot](const boost::system::error_code& error) {
                              if (!error) segment_->fold_generation(slot);
                          });
    }
}

void Supervisor::open_ticket_keys(std::vector<ServiceNotify::Passed>& passed) {
    bool stored = false;
    for (ServiceNotify::Passed& each : passed) {
        if (each.name != TicketKeys::kFdName || stored) continue;
        const Status adopted = ticket_keys_.adopt(std::move(each.fd));
        stored = adopted.ok();
        if (stored) {
            spdlog::info("the session ticket keys of the last run go on");
            continue;
        }
        spdlog::warn("TLS sessions of the last run do not resume: {}", adopted.error().text);
        notify_.remove(TicketKeys::kFdName);
    }
    std::erase_if(passed, [](const ServiceNotify::Passed& each) { return each.name == TicketKeys::kFdName; });
    if (const Status opened = ticket_keys_.open(notify_.is_enabled()); !opened.ok()) {
        return spdlog::warn("{}", opened.error().text);
    }
    if (!stored && ticket_keys_.fd() >= 0) notify_.store(TicketKeys::kFdName, {ticket_keys_.fd()});
}

bool Supervisor::has_orphans() const {
    std::ifstream list(options_.run_dir + kGenerationsFile);
    bool any = false;
    for (pid_t pid = 0; list >> pid;) {
        const std::vector<std::string> environment = environment_of(pid);
        const bool is_one = std::any_of(environment.begin(), environment.end(), [](const std::string& entry) {
            return entry.starts_with(std::string(shm::kChannelVariable) + "=");
        });
        if (!is_one) continue;
        any = true;
        spdlog::warn("a generation of an earlier supervisor still serves (pid {}): end it with SIGTERM", pid);
    }
    return any;
}

void Supervisor::adopt_sockets(std::vector<ServiceNotify::Passed> passed) {
    size_t adopted = 0;
    for (ServiceNotify::Passed& each : passed) {
        const Status taken = store_->adopt(std::move(each.fd), each.name);
        adopted += taken.ok() ? 1 : 0;
        if (!taken.ok())
            spdlog::warn("a descriptor named {} was passed but not taken: {}", each.name, taken.error().text);
    }
    if (adopted != 0) spdlog::info("{} listening sockets were passed by the service manager", adopted);
}

void Supervisor::on_request(const std::shared_ptr<ControlClient>& client, const json::object& request) {
    const json::value* const command = request.if_contains("command");
    const std::string_view name =
        command != nullptr && command->is_string() ? std::string_view(command->get_string()) : "";
    if (name == "reload") {
        return hot_restart_->request_reload(
            [client](const json::object& line, bool is_last) { is_last ? client->finish(line) : client->send(line); });
    }
    if (name == "status") return client->finish(status());
    if (name == "segment") return client->finish({{"result", "ok"}}, segment_->fd());
    if (name == "stop") {
        client->send({{"event", "stopping"}});
        stop_waiters_.push_back(client);
        const json::value* const now = request.if_contains("now");
        // Not from inside of the request: with nothing to drain this ends the program's loop.
        return boost::asio::post(io_, [this, is_now = now != nullptr && now->is_bool() && now->get_bool()] {
            is_now ? hot_restart_->stop_now() : hot_restart_->stop();
        });
    }
    client->fail("unknown command" + (name.empty() ? std::string() : " " + std::string(name.substr(0, 64))) +
                 "; there are: reload, status, stop, segment");
}

json::object Supervisor::status() const {
    json::array sockets;
    for (const SocketStore::View& socket : store_->view()) {
        sockets.push_back(json::object{{"name", socket.name},
                                       {"bound_name", socket.bound_name},
                                       {"shards", socket.shards},
                                       {"epochs", json::array(socket.epochs.begin(), socket.epochs.end())}});
    }
    json::array command(options_.command.begin(), options_.command.end());
    const auto uptime = std::chrono::steady_clock::now() - started_;
    return {{"result", "ok"},
            {"supervisor",
             {{"pid", getpid()},
              {"version", version_number()},
              {"uptime_ms", std::chrono::duration_cast<std::chrono::milliseconds>(uptime).count()},
              {"run_dir", options_.run_dir},
              {"command", command}}},
            {"generations", hot_restart_->generations_json()},
            {"sockets", sockets},
            {"last_transaction", hot_restart_->last_report()}};
}

// For whoever looks for the segment when this process is gone: generations hold it too.
void Supervisor::write_generations_file() {
    std::string text;
    for (const pid_t pid : hot_restart_->pids()) text += std::to_string(pid) + '\n';
    if (text == generations_text_) return;
    generations_text_ = text;
    const std::string path = options_.run_dir + kGenerationsFile;
    std::ofstream(path + ".new") << text;
    if (rename((path + ".new").c_str(), path.c_str()) < 0)
        spdlog::warn("cannot write {}: {}", path, std::strerror(errno));
}

void Supervisor::on_end(int exit_code) {
    exit_code_ = exit_code;
    const std::string copy = options_.run_dir + kSegmentCopy;
    const UniqueFd file(::open((copy + ".new").c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    const Status copied =
        file ? copy_sparse(segment_->fd(), file.get()) : Status(Error::from_errno("cannot open " + copy));
    if (!copied.ok() || rename((copy + ".new").c_str(), copy.c_str()) < 0) {
        spdlog::warn("the numbers are not kept: {}", copied.ok() ? std::strerror(errno) : copied.error().text);
    }
    unlink((options_.run_dir + kSegmentLink).c_str());
    unlink((options_.run_dir + kGenerationsFile).c_str());
    if (!notify_.is_enabled()) {
        store_->retire_all();
        store_->close_retired();
    }
    for (const auto& client : std::exchange(stop_waiters_, {})) client->finish({{"result", "ok"}});
    control_.reset();
    signals_->stop();
    spdlog::info("heirloomd ends with status {}", exit_code);
    io_.stop();
}

}  // namespace heirloom::supervisor
