// SPDX-License-Identifier: Apache-2.0
#include "proxy/access_log/writer.h"

#include <fcntl.h>
#include <signal.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "tests/unit/access_log/fixture.h"

namespace heirloom::access_log {

namespace {

using std::chrono::milliseconds;

struct LogFixture : DirectoryFixture {
    AccessLogManager manager{registrar, milliseconds(20)};

    config::AccessLogConfig to(const std::string& path) {
        config::AccessLogConfig config;
        config.path = path;
        config.format = {*config::parse_access_log_format("%RESPONSE_CODE% %REQ(:PATH)%\n")};
        return config;
    }
    std::unique_ptr<Logger> logger(const config::AccessLogConfig& config) {
        Result<std::shared_ptr<File>> file = manager.open(config);
        REQUIRE(file.ok());
        return std::make_unique<Logger>(loop, std::vector{config}, std::vector{*file});
    }
};

std::string lines(int count) {
    std::string text;
    for (int i = 0; i < count; ++i) text += "200 /things?q=1\n";
    return text;
}

}  // namespace

TEST_CASE_FIXTURE(LogFixture, "lines are written when the logger flushes, and are appended") {
    const std::string file = path("access.log");
    std::ofstream(file) << "older\n";
    const auto log = logger(to(file));
    CHECK_FALSE(log->empty());
    log->log(record());
    log->log(record());
    log->flush();
    manager.flush();
    CHECK(content(file) == "older\n" + lines(2));
    CHECK(counter("filesystem.write_buffered") == 2);
    CHECK(counter("filesystem.write_completed") == 1);
    CHECK(segment->gauge(registrar.gauge("filesystem.write_total_buffered").slot()) == 0);
}

TEST_CASE_FIXTURE(LogFixture, "a timer flushes what is little") {
    const std::string file = path("access.log");
    const auto log = logger(to(file));
    log->log(record());
    network::Timer end([](void* self) { static_cast<network::EventLoop*>(self)->stop(); }, &loop);
    end.arm(loop.timers(), milliseconds(60));
    loop.run();
    manager.flush();
    CHECK(content(file) == lines(1));
    CHECK(counter("filesystem.flushed_by_timer") == 1);
}

TEST_CASE_FIXTURE(LogFixture, "a full batch does not wait for the timer") {
    const std::string file = path("access.log");
    const auto log = logger(to(file));
    for (int i = 0; i < 5000; ++i) log->log(record());
    manager.flush();
    CHECK(content(file).size() >= 4 * 16 * 1024);
    log->flush();
    manager.flush();
    CHECK(content(file) == lines(5000));
}

TEST_CASE_FIXTURE(LogFixture, "one path is one file") {
    const std::string file = path("access.log");
    CHECK(*manager.open(to(file)) == *manager.open(to(file)));
    CHECK(*manager.open(to(file)) != *manager.open(to(path("other.log"))));
}

TEST_CASE_FIXTURE(LogFixture, "a file that cannot be opened is named") {
    const auto opened = manager.open(to(path("none/access.log")));
    REQUIRE_FALSE(opened.ok());
    CHECK(opened.error().text == "unable to open file '" + path("none/access.log") + "': No such file or directory");
    REQUIRE(mkfifo(path("fifo").c_str(), 0600) == 0);
    CHECK_FALSE(manager.open(to(path("fifo"))).ok());  // nobody reads it: an error and not a start that hangs
}

TEST_CASE_FIXTURE(LogFixture, "after a rotation what was buffered goes to the new file") {
    const std::string file = path("access.log");
    const auto log = logger(to(file));
    log->log(record());
    log->flush();
    manager.flush();
    log->log(record());
    std::filesystem::rename(file, path("access.log.1"));
    manager.reopen();
    log->flush();
    manager.flush();
    CHECK(content(path("access.log.1")) == lines(1));
    CHECK(content(file) == lines(1));
}

TEST_CASE_FIXTURE(LogFixture, "a failed reopen keeps the old file, is counted and tried again") {
    std::filesystem::create_directory(path("logs"));
    const std::string file = path("logs/access.log");
    const auto log = logger(to(file));
    std::filesystem::rename(path("logs"), path("moved"));
    manager.reopen();
    log->log(record());
    log->flush();
    manager.flush();
    CHECK(content(path("moved/access.log")) == lines(1));
    CHECK(counter("filesystem.reopen_failed") >= 1);
    std::filesystem::create_directory(path("logs"));
    log->log(record());
    log->flush();
    manager.flush();
    CHECK(content(file) == lines(1));
}

TEST_CASE_FIXTURE(LogFixture, "a full disk costs lines, which are counted; the log goes on when there is room") {
    const std::string file = path("access.log");
    std::filesystem::create_symlink("/dev/full", file);
    const auto log = logger(to(file));
    for (int i = 0; i < 3; ++i) log->log(record());
    log->flush();
    manager.flush();
    CHECK(counter("access_log.lines_dropped") == 3);
    CHECK(counter("filesystem.write_failed") == 1);
    CHECK(segment->gauge(registrar.gauge("filesystem.write_total_buffered").slot()) == 0);
    std::filesystem::remove(file);
    manager.reopen();
    log->log(record());
    log->flush();
    manager.flush();
    CHECK(content(file) == lines(1));
    CHECK(counter("access_log.lines_dropped") == 3);
}

TEST_CASE_FIXTURE(LogFixture, "a line that a full disk cut is finished when there is room") {
    const std::string file = path("access.log");
    const auto log = logger(to(file));
    const auto before = ::signal(SIGXFSZ, SIG_IGN);
    rlimit limit{};
    getrlimit(RLIMIT_FSIZE, &limit);
    const auto level = spdlog::get_level();
    spdlog::set_level(spdlog::level::off);   // the limit is the whole process's, standard output may be a file too
    const rlimit small{40, limit.rlim_max};  // two lines of 16 bytes and a half
    setrlimit(RLIMIT_FSIZE, &small);
    for (int i = 0; i < 5; ++i) log->log(record());
    log->flush();
    manager.flush();
    setrlimit(RLIMIT_FSIZE, &limit);
    ::signal(SIGXFSZ, before);
    spdlog::set_level(level);
    CHECK(content(file).size() == 40);
    CHECK(counter("access_log.lines_dropped") == 2);
    log->log(record());
    log->flush();
    manager.flush();
    CHECK(content(file) == lines(4));
}

TEST_CASE_FIXTURE(LogFixture, "a pipe that nobody empties holds up neither workers nor other logs") {
    REQUIRE(mkfifo(path("fifo").c_str(), 0600) == 0);
    const UniqueFd reader(open(path("fifo").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    const auto stuck = logger(to(path("fifo")));
    const auto other = logger(to(path("access.log")));
    for (int i = 0; i < 20000; ++i) stuck->log(record());  // 320,000 bytes; a pipe takes 65,536
    stuck->flush();
    other->log(record());
    other->flush();
    while (content(path("access.log")).empty()) std::this_thread::yield();
    std::string got;
    std::vector<char> buffer(65536);
    while (std::count(got.begin(), got.end(), '\n') < 20000) {
        const ssize_t n = read(reader.get(), buffer.data(), buffer.size());
        if (n > 0) {
            got.append(buffer.data(), static_cast<size_t>(n));
        } else {
            std::this_thread::yield();
        }
    }
    CHECK(got == lines(20000));
}

TEST_CASE_FIXTURE(DirectoryFixture, "what is buffered at the end is written; later lines have nowhere to go") {
    auto manager = std::make_unique<AccessLogManager>(registrar, std::chrono::seconds(10));
    config::AccessLogConfig config;
    config.path = path("access.log");
    config.format = {*config::parse_access_log_format("%RESPONSE_CODE%\n")};
    const auto file = *manager->open(config);
    auto log = std::make_unique<Logger>(loop, std::vector{config}, std::vector{file});
    log->log(record());
    log.reset();
    auto late = std::make_unique<Logger>(loop, std::vector{config}, std::vector{file});
    manager.reset();
    CHECK(content(path("access.log")) == "200\n");
    late->log(record());
    late.reset();
    CHECK(content(path("access.log")) == "200\n");
}

TEST_CASE_FIXTURE(LogFixture, "many threads write whole lines") {
    const std::string file = path("access.log");
    const auto shared = *manager.open(to(file));
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&] {
            std::string batch;
            for (int i = 0; i < 200; ++i) {
                batch = lines(50);
                shared->hand_over(batch);
            }
        });
    }
    for (auto& thread : threads) thread.join();
    manager.flush();
    CHECK(content(file) == lines(4 * 200 * 50));
}

}  // namespace heirloom::access_log
