// SPDX-License-Identifier: Apache-2.0
#include "supervisor/spawner.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <boost/process/v2/posix/default_launcher.hpp>
#include <boost/process/v2/process.hpp>

#include "shm/channel.h"

namespace heirloom::supervisor {

namespace process = boost::process::v2;

namespace {

// Runs in the child between fork and exec: only async-signal-safe calls.
class ChildSetup {
  public:
    explicit ChildSetup(const SpawnRequest& request) : request_(request) {}

    boost::system::error_code on_setup(process::posix::default_launcher& launcher, const process::filesystem::path&,
                                       const char* const*&) const {
        launcher.fd_whitelist.push_back(request_.channel_fd);
        launcher.fd_whitelist.push_back(real_stderr_);
        return {};
    }

    boost::system::error_code on_exec_setup(process::posix::default_launcher&, const process::filesystem::path&,
                                            const char* const*&) const {
        const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
        if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(request_.stderr_fd, STDERR_FILENO) < 0 ||
            fcntl(request_.channel_fd, F_SETFD, 0) < 0 || setpgid(0, 0) < 0) {
            return {errno, boost::system::system_category()};
        }
        reset_signals();
        drop_capabilities();
        return {};
    }

    // A copy of our stderr that survives exec.
    void give_stderr(int fd) { real_stderr_ = fd; }

  private:
    static void reset_signals() {
        for (const int number : {SIGPIPE, SIGHUP, SIGTERM, SIGINT, SIGUSR1, SIGCHLD}) ::signal(number, SIG_DFL);
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, nullptr);
    }

    // What systemd gave the supervisor to bind low ports ends here. A supervisor that runs as root keeps root's
    // ordinary rights for its children: the operator chose so.
    static void drop_capabilities() {
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
        if (geteuid() == 0) return;
        for (unsigned long capability = 0; capability <= 63; ++capability) prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
        __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
        __user_cap_data_struct nothing[2] = {};
        syscall(SYS_capset, &header, nothing);
    }

    const SpawnRequest& request_;
    int real_stderr_ = -1;
};

std::vector<std::string> make_environment(const SpawnRequest& request, int real_stderr) {
    std::vector<std::string> environment;
    for (char** entry = environ; *entry != nullptr; ++entry) {
        const std::string_view variable = *entry;
        bool is_ours = false;
        for (const std::string_view name :
             {"NOTIFY_SOCKET=", "WATCHDOG_PID=", "WATCHDOG_USEC=", "LISTEN_PID=", "LISTEN_FDS=", "LISTEN_FDNAMES=",
              "HEIRLOOM_CHANNEL=", "HEIRLOOM_STDERR=", "RESTART_EPOCH="}) {
            is_ours = is_ours || variable.starts_with(name);
        }
        if (!is_ours) environment.emplace_back(variable);
    }
    environment.push_back(std::string(shm::kChannelVariable) + "=" + std::to_string(request.channel_fd));
    environment.push_back(std::string(shm::kStderrVariable) + "=" + std::to_string(real_stderr));
    environment.push_back("RESTART_EPOCH=" + std::to_string(request.epoch));
    return environment;
}

std::string own_directory() {
    char path[4096];
    const ssize_t size = readlink("/proc/self/exe", path, sizeof path);
    if (size <= 0) return ".";
    const std::string_view whole(path, static_cast<size_t>(size));
    return std::string(whole.substr(0, whole.rfind('/')));
}

}  // namespace

Result<std::string> find_program(const std::string& command) {
    if (command.find('/') != std::string::npos) return command;
    const char* const path = std::getenv("PATH");
    std::string directories = path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin";
    directories += ":" + own_directory();
    for (size_t at = 0; at <= directories.size();) {
        const size_t end = std::min(directories.find(':', at), directories.size());
        const std::string file = directories.substr(at, end - at) + "/" + command;
        if (end > at && access(file.c_str(), X_OK) == 0) return file;
        at = end + 1;
    }
    return Error{"cannot start " + command + ": not found in PATH nor beside heirloomd", ENOENT};
}

Result<SpawnedProcess> spawn(boost::asio::io_context& io, const SpawnRequest& request) {
    auto program = find_program(request.command.front());
    if (!program) return program.error();
    const UniqueFd real_stderr(
        fcntl(STDERR_FILENO, F_DUPFD, 3));  // not close-on-exec: this one is meant to be inherited
    if (!real_stderr) return Error::from_errno("cannot start " + *program);

    const std::vector<std::string> environment = make_environment(request, real_stderr.get());
    std::vector<const char*> environment_pointers;
    for (const std::string& entry : environment) environment_pointers.push_back(entry.c_str());
    environment_pointers.push_back(nullptr);
    const std::vector<std::string> arguments(request.command.begin() + 1, request.command.end());

    ChildSetup setup(request);
    setup.give_stderr(real_stderr.get());
    process::posix::default_launcher launcher;
    launcher.env = environment_pointers.data();
    boost::system::error_code error;
    errno = 0;
    auto child = launcher(io.get_executor(), error, *program, arguments, setup);
    if (error || launcher.pid <= 0) {
        const int code = error ? error.value() : errno;
        return Error{"cannot start " + *program + ": " + std::strerror(code), code};
    }
    child.detach();  // it is reaped through the pidfd
    SpawnedProcess spawned{launcher.pid, UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, launcher.pid, 0)))};
    if (!spawned.pidfd) {
        const Error failure = Error::from_errno("cannot watch " + *program);
        kill(-launcher.pid, SIGKILL);
        waitpid(launcher.pid, nullptr, 0);
        return failure;
    }
    return spawned;
}

}  // namespace heirloom::supervisor
