// SPDX-License-Identifier: Apache-2.0
#include "supervisor/control_socket.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <boost/json/serialize.hpp>
#include <thread>

#include "supervisor/ctl_connection.h"
#include "supervisor/run_dir.h"

using namespace heirloom;
using namespace heirloom::supervisor;
namespace json = boost::json;

namespace {

// A control socket in a directory of its own, served by a second thread.
struct Server {
    char run_dir[32] = "/tmp/control_XXXXXX";
    boost::asio::io_context io;
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work{io.get_executor()};
    std::unique_ptr<ControlSocket> control;
    std::thread thread;

    explicit Server(ControlSocket::Handler handler) {
        REQUIRE(mkdtemp(run_dir) != nullptr);
        auto opened = ControlSocket::open(io, path(), std::move(handler));
        REQUIRE(opened.ok());
        control = std::move(opened).value();
        thread = std::thread([this] { io.run(); });
    }
    ~Server() {
        io.stop();
        thread.join();
        control.reset();
        rmdir(run_dir);
    }
    std::string path() const { return std::string(run_dir) + kControlSocket; }
    UniqueFd connect() const {
        UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path().copy(address.sun_path, sizeof address.sun_path - 1);
        REQUIRE(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
        return fd;
    }
    // Sends that text, and reads until the end.
    std::string talk(const std::string& text) const {
        const UniqueFd fd = connect();
        send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL);
        std::string all;
        char bytes[4096];
        for (ssize_t size = 0; (size = recv(fd.get(), bytes, sizeof bytes, 0)) > 0;) {
            all.append(bytes, static_cast<size_t>(size));
        }
        return all;
    }
};

constexpr std::chrono::seconds kPatience{5};

}  // namespace

TEST_CASE("a request is answered by lines, the last one with a result") {
    const Server server([](const std::shared_ptr<ControlClient>& client, const json::object& request) {
        client->send({{"event", "phase"}});
        client->finish({{"result", "ok"}, {"echo", request.at("command")}});
        client->send({{"event", "never"}});
    });
    struct stat info {};
    REQUIRE(stat(server.path().c_str(), &info) == 0);
    CHECK((info.st_mode & 0777) == 0600);
    auto connection = CtlConnection::request(server.run_dir, {{"command", "x"}});
    REQUIRE(connection.ok());
    CHECK(json::serialize(*connection->next(kPatience).value()) == R"({"event":"phase"})");
    CHECK(json::serialize(*connection->next(kPatience).value()) == R"({"result":"ok","echo":"x"})");
    CHECK_FALSE(connection->next(kPatience).value().has_value());
}

TEST_CASE("nonsense is answered by an error, and the next client is served") {
    const Server server([](const std::shared_ptr<ControlClient>& client, const json::object&) {
        client->finish({{"result", "ok"}});
    });
    CHECK(server.talk("hello\n") == "{\"result\":\"error\",\"reason\":\"the request is not a JSON object\"}\n");
    CHECK(server.talk("[1]\n").starts_with("{\"result\":\"error\""));
    CHECK(server.talk(std::string(200, '[') + "\n").starts_with("{\"result\":\"error\""));
    CHECK(server.talk(std::string(5000, ' ')) == "{\"result\":\"error\",\"reason\":\"the request is too long\"}\n");
    CHECK(server.talk("{}\n") == "{\"result\":\"ok\"}\n");
}

TEST_CASE("one who says nothing and one who reads nothing do not hold up a third") {
    const Server server([](const std::shared_ptr<ControlClient>& client, const json::object& request) {
        // More than its queue and our bound hold.
        for (int line = 0; request.contains("flood") && line < 100; ++line) {
            client->send({{"text", std::string(10'000, 'x')}});
        }
        client->finish({{"result", "ok"}});
    });
    const UniqueFd silent = server.connect();
    const UniqueFd deaf = server.connect();
    const std::string flood = "{\"flood\":true}\n";
    send(deaf.get(), flood.data(), flood.size(), MSG_NOSIGNAL);
    CHECK(server.talk("{}\n") == "{\"result\":\"ok\"}\n");
}

TEST_CASE("a descriptor travels with its line") {
    const Server server([](const std::shared_ptr<ControlClient>& client, const json::object&) {
        client->finish({{"result", "ok"}}, STDERR_FILENO);
    });
    auto connection = CtlConnection::request(server.run_dir, {{"command", "segment"}});
    REQUIRE(connection->next(kPatience).ok());
    struct stat ours {
    }, theirs{};
    fstat(STDERR_FILENO, &ours);
    REQUIRE(fstat(connection->take_fd().get(), &theirs) == 0);
    CHECK(ours.st_ino == theirs.st_ino);
}

TEST_CASE("without a supervisor the client says where it looked") {
    const auto connection = CtlConnection::request("/tmp/no/such/dir", {{"command", "status"}});
    REQUIRE_FALSE(connection.ok());
    CHECK(connection.error().text.starts_with("no heirloomd runs in /tmp/no/such/dir"));
}
