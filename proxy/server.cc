// SPDX-License-Identifier: Apache-2.0
#include "proxy/server.h"

#include <malloc.h>
#include <sys/resource.h>

#include <csignal>
#include <fstream>

#include "proxy/admin_listener.h"
#include "proxy/config/bootstrap_loader.h"
#include "proxy/config/stats_config.h"
#include "proxy/connection_manager/forwarding_headers.h"
#include "proxy/logging.h"
#include "proxy/stats_flush.h"
#include "shm/version.h"

namespace heirloom::server {

using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr milliseconds kTick{1000};
constexpr uint32_t kTicksPerMemoryLook = 5;
constexpr milliseconds kAnnounceTime{100};  // between "every answer closes" and FIN for those that ask nothing
constexpr milliseconds kCutTime{1000};      // for clients to take the last bytes and the FIN
constexpr milliseconds kAdminPatience{1000};
constexpr seconds kSpareTime{10};  // after the supervisor should have terminated us

void raise_descriptor_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        ::setrlimit(RLIMIT_NOFILE, &limit);
    }
}

}  // namespace

Server::Server(Options options)
    : options_(std::move(options)),
      started_(std::chrono::steady_clock::now()),
      drain_(options_.drain_time, options_.drain_strategy == DrainStrategy::immediate) {}

Server::~Server() {
    for (const auto& worker : workers_) worker->stop();
    workers_.clear();
    admin_.reset();
    stats_flush_.reset();
    clusters_.reset();
    logs_.reset();
    client_.reset();
    signals_.reset();
}

// --- initialize ------------------------------------------------------------------------------------------------------

Status Server::initialize() {
    Signals::block();
    raise_descriptor_limit();
    if (!loop_.valid()) return Error{"no descriptors for the event loop"};
    Status done = join_segment();
    if (done) done = load();
    if (done) done = make_tls();
    if (done) done = prepare_listeners();
    if (done) done = bind();
    if (done) done = write_admin_address();
    if (!done) {
        if (client_) client_->failed(done.error().text);
        return done;
    }
    auto signals = Signals::watch(loop_, [this](int number) { on_signal(number); });
    if (!signals) return signals.error();
    signals_ = std::move(*signals);
    clusters_ = upstream::ClusterManager::create(loop_, snapshot_, *registrar_);
    runtime_->on_change([this] { on_runtime_change(); });
    tls_->give_to(*clusters_);
    tls_->watch(loop_);
    // Last: it takes note of every name.
    if (!snapshot_->stats->sinks.empty()) {
        stats_flush_ = std::make_unique<StatsFlush>(
            StatsFlush::Setting{loop_, *registrar_, *clusters_, snapshot_->stats, snapshot_->stats_flush_interval,
                                generation_slot_, options_.concurrency});
    }
    registrar_->forget_names();
    ::malloc_trim(0);  // reading a large configuration has used much more than what is left of it
    return Ok{};
}

// Under a supervisor the segment and the place in it are given; alone this process owns one.
Status Server::join_segment() {
    UniqueFd channel = options_.disable_hot_restart ? UniqueFd() : handover::Client::channel_from_environment();
    if (channel) {
        auto client = handover::Client::connect(std::move(channel), options_.concurrency);
        if (!client) return client.error();
        client_ = std::move(*client);
        segment_ = client_->segment();
        epoch_ = client_->epoch();
        generation_slot_ = client_->generation_slot();
        registrar_.emplace(segment_, client_->registrar_backend());
    } else {
        shm::SegmentOptions shape;
        shape.rows = options_.concurrency + 1;
        shape.generation_slots = 1;
        auto segment = shm::Segment::create(shape);
        if (!segment) return segment.error();
        segment_ = std::move(*segment);
        epoch_ = options_.restart_epoch;
        const auto slot = segment_->claim_generation(epoch_, options_.concurrency);
        if (!slot) return slot.error();
        generation_slot_ = *slot;
        registrar_.emplace(stats::Registrar::for_owner(segment_));
    }
    stats::set_thread_row(segment_->row(generation_slot_, 0));
    SPDLOG_LOGGER_INFO(main_log(), "initializing epoch {} (base id=0, hot restart version={})", epoch_,
                       hot_restart_version());
    set_phase(Phase::pre_initializing, shm::GenerationState::initializing);
    return Ok{};
}

Status Server::load() {
    auto snapshot = config::load_bootstrap({.path = options_.config_path,
                                            .inline_yaml = options_.config_yaml,
                                            .allow_unknown_static_fields = options_.allow_unknown_static_fields,
                                            .service_node = options_.service_node,
                                            .service_cluster = options_.service_cluster,
                                            .service_zone = options_.service_zone});
    if (!snapshot) return snapshot.error();
    snapshot_ = std::move(*snapshot);
    // The first names, as the configuration says which are kept.
    registrar_->use({snapshot_->stats, &snapshot_->stats->rules});
    stats_ = make_server_stats(*registrar_);
    listener_stats_ = make_listener_manager_stats(*registrar_);
    runtime_stats_ = make_runtime_stats(*registrar_);
    for (const std::string& warning : snapshot_->warnings) SPDLOG_LOGGER_WARN(log_of("config"), "{}", warning);
    stats_.static_unknown_fields.add(snapshot_->unknown_fields);
    runtime_stats_.deprecated_feature_use.add(snapshot_->deprecated_fields);
    auto owner = RuntimeOwner::create(loop_, snapshot_->runtime, runtime_stats_);
    if (!owner) return owner.error();
    runtime_ = std::move(*owner);
    warn_of_connection_limit(*snapshot_, *runtime_->table());
    SPDLOG_LOGGER_INFO(log_of("config"), "loading {} cluster(s)", snapshot_->clusters.size());
    SPDLOG_LOGGER_INFO(log_of("config"), "loading {} listener(s)", snapshot_->listeners.size());
    return Ok{};
}

// Workers that are not there yet begin with it.
void Server::on_runtime_change() {
    for (const auto& worker : workers_) worker->set_runtime(runtime_->table());
    clusters_->follow_runtime();
}

Status Server::make_tls() {
    auto made = TlsContexts::create(*snapshot_, *registrar_, ticket_keys_.keys());
    if (!made) return made.error();
    tls_ = std::move(*made);
    tls_->on_chain_changed([this](const auto* chain, const auto& context) { on_chain_changed(chain, context); });
    return Ok{};
}

void Server::on_chain_changed(const config::DownstreamTlsConfig* changed,
                              const std::shared_ptr<const tls::ServerContext>& context) {
    for (size_t listener = 0; listener < plans_.size(); ++listener) {
        for (size_t chain = 0; chain < plans_[listener].chains.size(); ++chain) {
            ChainPlan& plan = plans_[listener].chains[chain];
            if (plan.config->tls.get() != changed) continue;
            // Workers read the plans while they are built; they get a new context after that.
            if (workers_.empty()) plan.tls = context;
            for (const auto& worker : workers_) worker->set_tls(listener, chain, context);
        }
    }
}

Status Server::prepare_listeners() {
    logs_ = std::make_unique<access_log::AccessLogManager>(*registrar_, options_.file_flush_interval);
    auto plans = make_listener_plans(*snapshot_, options_.concurrency, *registrar_, *logs_, *tls_, connections_);
    if (!plans) return plans.error();
    plans_ = std::move(*plans);
    listener_stats_.listener_added.add(plans_.size());
    listener_stats_.listener_create_success.add(plans_.size() * options_.concurrency);
    return Ok{};
}

Status Server::bind() {
    // Admin first: sockets with port 0 are told apart by their order, and the listeners are what a reload changes.
    std::vector<handover::SocketRequest> requests;
    if (snapshot_->admin) requests.push_back(socket_request_of(*snapshot_->admin));
    for (const ListenerPlan& plan : plans_) requests.push_back(socket_request_of(*plan.config));
    auto sockets = client_ ? handover::obtain_from_supervisor(*client_, requests)
                           : handover::open_alone(requests, options_.concurrency, handover::take_listen_fds());
    if (!sockets) return sockets.error();
    size_t next = 0;
    if (snapshot_->admin) {
        Result<LogFiles> files = open_logs(*logs_, snapshot_->admin->access_logs);
        if (!files) return files.error();
        admin_ = std::make_unique<AdminListener>(loop_, *this, *snapshot_, *registrar_, std::move(*files),
                                                 std::move((*sockets)[next++]), connections_);
        SPDLOG_LOGGER_INFO(log_of("admin"), "admin address: {}", admin_->address().to_string());
    } else {
        SPDLOG_LOGGER_INFO(main_log(), "No admin address given, so no admin HTTP server started.");
    }
    for (ListenerPlan& plan : plans_) plan.socket = std::move((*sockets)[next++]);
    return Ok{};
}

Status Server::write_admin_address() {
    const std::string& path = options_.admin_address_path;
    if (path.empty() || !admin_) return Ok{};
    // Whoever waits for the file never reads half an address.
    const std::string part = path + ".new";
    std::ofstream file(part, std::ios::trunc);
    file << admin_->address().to_string();
    file.close();
    if (!file || std::rename(part.c_str(), path.c_str()) != 0) {
        SPDLOG_LOGGER_CRITICAL(log_of("admin"), "cannot open admin address output file {} for writing.", path);
    }
    return Ok{};
}

// --- run -------------------------------------------------------------------------------------------------------------

int Server::run() {
    if (client_) client_->attach(loop_, *this);
    // Nobody else answers on the admin address, so it can be asked why the start takes long.
    if (admin_ && (!client_ || client_->previous_generations() == 0)) admin_->start_polling();
    tick();
    clusters_->on_initialized([this] {
        SPDLOG_LOGGER_INFO(main_log(), "all clusters initialized. initializing init manager");
        set_phase(Phase::initializing, shm::GenerationState::initializing);
        start_workers();
    });
    SPDLOG_LOGGER_INFO(main_log(), "starting main dispatch loop");
    loop_.run();
    SPDLOG_LOGGER_INFO(main_log(), "main dispatch loop exited");

    for (const auto& worker : workers_) worker->stop();
    for (const auto& worker : workers_) worker->join();
    if (admin_) admin_->close_now();
    workers_.clear();
    if (stats_flush_) stats_flush_->end();
    logs_->flush();
    SPDLOG_LOGGER_INFO(main_log(), "exiting");
    return exit_code_;
}

void Server::start_workers() {
    if (phase_ == Phase::stopping) return;
    SPDLOG_LOGGER_INFO(log_of("config"), "all dependencies initialized. starting workers");
    const std::string own_address =
        connection_manager::find_own_address(options_.local_address_ip_version == IpVersion::v6);
    waiting_for_ = options_.concurrency;
    for (uint32_t i = 0; i < options_.concurrency; ++i) {
        workers_.push_back(std::make_unique<Worker>(
            i, Worker::Setting{loop_, *clusters_, plans_, drain_, segment_->row(generation_slot_, i + 1),
                               stats_flush_ ? stats_flush_->values_of(i) : nullptr, options_.concurrency, own_address,
                               runtime_->table()}));
    }
    for (const auto& worker : workers_) {
        if (!worker->start([this] {
                if (--waiting_for_ == 0) on_workers_built();
            })) {
            return fail("no thread or descriptors for a worker");
        }
    }
}

void Server::on_workers_built() {
    if (phase_ == Phase::stopping) return;
    listener_stats_.workers_started.set(1);
    set_phase(Phase::ready, shm::GenerationState::ready);
    if (options_.mode == Mode::init_only) return stop(0);
    if (!client_) return go_live();
    client_->ready(snapshot_->path, snapshot_->hash, plans_.size(), snapshot_->clusters.size());
}

void Server::on_go_live() {
    if (phase_ == Phase::ready) go_live();
}

// Says so before the first connection is accepted: one that dies while it is not yet live takes none with it.
void Server::go_live() {
    set_phase(Phase::live, shm::GenerationState::live);
    listener_stats_.total_listeners_active.set(plans_.size());
    stats_.initialization_time_ms.record(static_cast<uint64_t>(
        std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - started_).count()));
    tick();
    if (stats_flush_) stats_flush_->begin();
    if (client_) client_->live_ack();
    // Not before: who asks either generation meanwhile hears LIVE.
    if (admin_ && !admin_->start_polling()) return fail("no descriptors for the admin listener");
    waiting_for_ = workers_.size();
    for (const auto& worker : workers_) {
        worker->start_polling([this](bool all) { on_polling(all); });
    }
}

void Server::on_polling(bool all) {
    all_polling_ = all_polling_ && all;
    if (--waiting_for_ > 0) return;
    if (!all_polling_) fail("no descriptors to poll the listening sockets");
}

void Server::stop_polling(bool inbound_only, std::function<void()> done) {
    auto left = std::make_shared<size_t>(workers_.size());
    for (const auto& worker : workers_) {
        worker->stop_polling(inbound_only, [left, done] {
            if (--*left == 0) done();
        });
    }
}

// --- drain and end ---------------------------------------------------------------------------------------------------

void Server::on_drain(seconds drain_time, bool immediate) {
    // Asked again: to make room, or because the service stops.
    if (phase_ == Phase::draining && immediate) drain_.start(loop_.now(), drain_time, true);
    if (phase_ != Phase::live) return;
    SPDLOG_LOGGER_INFO(main_log(), "closing and draining listeners");
    set_phase(Phase::draining, shm::GenerationState::draining);
    if (stats_flush_) stats_flush_->end();
    hide(stats_, runtime_stats_);
    runtime_->hide();
    tls_->hide();
    clusters_->retire();
    listener_stats_.total_listeners_active.set(0);
    listener_stats_.workers_started.set(0);
    drain_.start(loop_.now(), drain_time.count() > 0 ? drain_time : options_.drain_time,
                 immediate || options_.drain_strategy == DrainStrategy::immediate);
    if (admin_) admin_->stop_polling();
    for (const auto& worker : workers_) worker->drain([this] { check_empty(); });
    // The supervisor ends us after the parent shutdown time; this is for one that is no more.
    bound_timer_.set_callback(&Server::call<&Server::leave>, this);
    bound_timer_.arm(loop_.timers(), options_.parent_shutdown_time + kSpareTime);
    stop_polling(false, [this] {
        drain_acknowledged_ = true;
        client_->drain_ack(active_connections());
        check_empty();
    });
}

void Server::check_empty() {
    const bool may_end = (phase_ == Phase::draining && drain_acknowledged_) || leaving_;
    if (may_end && phase_ != Phase::stopping && active_connections() == 0) leave();
}

void Server::on_terminate(milliseconds grace) {
    SPDLOG_LOGGER_INFO(main_log(), "asked to terminate within {} ms", grace.count());
    if (phase_ != Phase::live && phase_ != Phase::draining) return stop(0);
    if (grace.count() == 0) return leave();
    // Every answer closes; then those that ask nothing get a FIN; then what is left is cut, in order while there is
    // time.
    leaving_ = true;
    if (admin_) admin_->stop_polling();
    stop_polling(false, [this] {
        for (const auto& worker : workers_) {
            worker->drain([this] { check_empty(); });
            worker->announce_close();
        }
        check_empty();
    });
    idle_timer_.set_callback(
        [](void* self) {
            for (const auto& worker : static_cast<Server*>(self)->workers_) worker->close_idle();
        },
        this);
    idle_timer_.arm(loop_.timers(), std::min(kAnnounceTime, grace / 2));
    cut_timer_.set_callback(
        [](void* self) {
            for (const auto& worker : static_cast<Server*>(self)->workers_) worker->cut();
        },
        this);
    cut_timer_.arm(loop_.timers(), grace - std::min(kCutTime, grace / 4));
    bound_timer_.set_callback(&Server::call<&Server::leave>, this);
    bound_timer_.arm(loop_.timers(), grace);
}

// Empty, or out of time: says so, lets the admin clients go and ends.
void Server::leave() {
    if (phase_ == Phase::stopping) return;
    connections_cut_ = active_connections();
    if (phase_ == Phase::draining && supervised()) client_->drained(connections_cut_);
    SPDLOG_LOGGER_INFO(main_log(), "drained, {} connection(s) cut", connections_cut_);
    set_phase(Phase::stopping, shm::GenerationState::draining);
    if (!admin_) return stop(0);
    bound_timer_.set_callback([](void* self) { static_cast<Server*>(self)->stop(0); }, this);
    bound_timer_.arm(loop_.timers(), kAdminPatience);
    // A request that is on its way is answered; then idle ones are closed.
    idle_timer_.set_callback([](void* self) { static_cast<Server*>(self)->admin_->close_idle(); }, this);
    idle_timer_.arm(loop_.timers(), kAnnounceTime);
    admin_->close_politely([this] { stop(0); });
}

void Server::stop(int exit_code) {
    SPDLOG_LOGGER_INFO(main_log(), "shutting down server instance");
    phase_ = Phase::stopping;
    exit_code_ = std::max(exit_code_, exit_code);
    bound_timer_.cancel();
    idle_timer_.cancel();
    cut_timer_.cancel();
    tick_timer_.cancel();
    loop_.stop();
}

void Server::fail(const std::string& reason) {
    SPDLOG_LOGGER_CRITICAL(main_log(), "{}", reason);
    if (supervised()) client_->failed(reason);
    stop(1);
}

void Server::on_refused(const std::string& request, const std::string& reason) {
    SPDLOG_LOGGER_ERROR(main_log(), "the supervisor refused {}: {}", request, reason);
    if (phase_ < Phase::live) stop(1);
}

void Server::on_supervisor_lost(const std::string& reason) {
    if (phase_ == Phase::stopping) return;
    ticket_keys_.on_supervisor_lost();
    if (phase_ < Phase::live) {
        // Another generation may be serving on these sockets, and nobody could tell it to stop.
        SPDLOG_LOGGER_CRITICAL(main_log(), "the supervisor is gone before this generation was live: {}", reason);
        return stop(1);
    }
    SPDLOG_LOGGER_WARN(main_log(), "the supervisor is gone ({}); serving on without it", reason);
}

void Server::on_signal(int number) {
    switch (number) {
        case SIGTERM:
            SPDLOG_LOGGER_WARN(main_log(), "caught ENVOY_SIGTERM");
            return stop(0);
        case SIGINT:
            SPDLOG_LOGGER_WARN(main_log(), "caught SIGINT");
            return stop(0);
        case SIGUSR1:
            SPDLOG_LOGGER_INFO(main_log(), "caught SIGUSR1. Reopening access logs.");
            return reopen_logs();
        case SIGHUP:
            SPDLOG_LOGGER_WARN(main_log(), "caught and eating SIGHUP. See documentation for how to hot restart.");
            return;
        default:
            return;
    }
}

// --- numbers about itself --------------------------------------------------------------------------------------------

uint64_t Server::active_connections() const {
    uint64_t sum = 0;
    for (const auto& worker : workers_) sum += worker->active_connections();
    return sum;
}

void Server::set_phase(Phase phase, shm::GenerationState shown) {
    phase_ = phase;
    // Under a supervisor the supervisor publishes it, after the messages that belong to it.
    if (!client_) segment_->set_generation(generation_slot_, shown, ::getpid(), version_string());
}

void Server::tick() {
    const uint64_t active = active_connections();
    segment_->set_active_connections(generation_slot_, active);
    if (client_) client_->set_active_connections(active);
    if (ticks_++ % kTicksPerMemoryLook == 0) show_memory(stats_);
    if (phase_ < Phase::draining) {
        uint64_t others = 0;
        for (const shm::GenerationInfo& one : segment_->generations()) {
            if (one.slot != generation_slot_) others += one.active_connections;
        }
        const bool newest = phase_ == Phase::live || !client_ || client_->previous_generations() == 0;
        if (newest) {
            show(stats_, runtime_stats_,
                 {options_.concurrency, epoch_, static_cast<uint64_t>(state()), uptime_all(), others,
                  snapshot_->deprecated_fields, tls_->days_until_first_expiration(loop_.wall_now()),
                  tls_->seconds_until_first_ocsp_expiration(loop_.wall_now())});
            tls_->show();
            runtime_->show();
        }
    }
    tick_timer_.arm(loop_.timers(), kTick);
}

}  // namespace heirloom::server
