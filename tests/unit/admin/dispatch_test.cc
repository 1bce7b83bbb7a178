// SPDX-License-Identifier: Apache-2.0
#include <fstream>
#include <sstream>

#include "proxy/admin/paths.h"
#include "tests/unit/admin/fixture.h"

namespace heirloom::admin {

TEST_CASE_FIXTURE(AdminFixture, "an answer has the headers that tools look at") {
    CHECK(ask("/ready") == "LIVE\n");
    CHECK(last.status == 200);
    CHECK(last.headers ==
          "content-type: text/plain; charset=UTF-8\ncache-control: no-cache, max-age=0\n"
          "x-content-type-options: nosniff\n");
    ask("/server_info");
    CHECK(has(last.headers, "content-type: application/json\n"));
    ask("/");
    CHECK(has(last.headers, "content-type: text/html; charset=UTF-8\n"));
}

TEST_CASE_FIXTURE(AdminFixture, "an unknown path gets 404 and the list of commands") {
    const std::string help = ask("/help");
    CHECK(
        help.starts_with("admin commands are:\n  /: Admin home page\n  /certs: print certs on machine\n  /clusters: "
                         "upstream cluster status\n"));
    CHECK(has(help, "  /quitquitquit (POST): exit the server\n"));
    CHECK(has(help, "\n      format: Format to use; One of (text, html, json, prometheus)\n"));
    CHECK(ask("/nowhere") == "invalid path. " + help);
    CHECK(last.status == 404);
    ask("/ready/");
    CHECK(last.status == 404);
}

TEST_CASE_FIXTURE(AdminFixture, "what changes something needs POST") {
    for (const Path& path : paths()) {
        if (!path.post) continue;
        CAPTURE(path.path);
        CHECK(ask(path.path) == "Method GET not allowed, POST required.");
        CHECK(last.status == 405);
    }
    CHECK(ask("/quitquitquit", "PUT") == "Method PUT not allowed, POST required.");
    CHECK(server.orders == "");
    CHECK(ask("/ready", "DELETE") == "LIVE\n");
}

TEST_CASE_FIXTURE(AdminFixture, "HEAD gets the head") {
    CHECK(ask("/help", "HEAD") == "");
    CHECK(last.status == 200);
}

TEST_CASE_FIXTURE(AdminFixture, "the table of paths is sorted and documented") {
    std::ifstream file("docs/admin.md");
    std::stringstream docs;
    docs << file.rdbuf();
    std::string_view before;
    for (const Path& path : paths()) {
        CAPTURE(path.path);
        CHECK(before < path.path);
        before = path.path;
        const std::string row =
            "| `" + std::string(path.path) + "` | " + (path.post ? "POST" : "") + " | " + std::string(path.help) + " |";
        CHECK(has(docs.str(), row));
        for (const Parameter& parameter : path.parameters) {
            CAPTURE(parameter.name);
            CHECK(has(docs.str(), "`" + std::string(parameter.name) + "`"));
        }
    }
}

TEST_CASE_FIXTURE(AdminFixture, "the home page offers every path and escapes what it shows") {
    const std::string page = ask("/");
    for (const Path& path : paths()) {
        CAPTURE(path.path);
        CHECK(has(page, (path.post ? "action=\"" : "href=\"") + std::string(path.path) + "\""));
    }
    CHECK(has(page, "&lt;logger_name1&gt;"));
}

TEST_CASE_FIXTURE(AdminFixture, "a form in a POST body stands for the query") {
    post_form("/drain_listeners", "graceful&skip_exit=");
    CHECK(server.orders == "drain graceful skip_exit ");
    post_form("/drain_listeners?inboundonly", "graceful");
    CHECK(server.orders == "drain graceful skip_exit drain inbound ");
}

TEST_CASE_FIXTURE(AdminFixture, "a body that is too large is refused, and what follows it ignored") {
    const auto handler = begin("POST", "/reopen_logs");
    handler->on_request_headers(last.request, false);
    network::Buffer data;
    for (const bool end : {false, true}) {
        data.append(std::string(70000, 'x'));
        handler->on_request_body(data, end);
        CHECK(data.empty());
    }
    CHECK(last.status == 413);
    CHECK(server.orders == "");
    handler->on_destroy();
}

TEST_CASE_FIXTURE(AdminFixture, "a slow reader gets a large answer in pieces") {
    for (int i = 0; i < 4000; ++i) registrar.counter("http.a_rather_long_prefix_" + std::to_string(i) + ".requests");
    const size_t size = ask("/stats").size();
    REQUIRE(size > 150000);
    last.high_after = 1;
    const auto handler = begin("GET", "/stats");
    handler->on_request_headers(last.request, true);
    CHECK_FALSE(last.complete);
    CHECK(last.body.size() < size);
    last.high_after = std::string::npos;
    last.high = false;
    handler->on_response_flow_low();
    CHECK(last.complete);
    CHECK(last.body.size() == size);
    handler->on_destroy();
}

TEST_CASE("queries are percent-decoded; a flag counts by its presence") {
    const Query query("usedonly=0&filter=a%2Bb%20c&&x=%zz&y=%4&filter=second");
    CHECK(query.has("usedonly"));
    CHECK(query.get("filter") == "a+b c");
    CHECK(query.get("x") == "%zz");
    CHECK(query.get("y") == "%4");
    CHECK_FALSE(query.has(""));
    CHECK_FALSE(query.get("z"));
}

}  // namespace heirloom::admin
