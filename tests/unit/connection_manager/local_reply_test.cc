// SPDX-License-Identifier: Apache-2.0
#include "proxy/connection_manager/local_reply.h"

#include <doctest/doctest.h>

#include "proxy/connection_manager/local_reply_mapper.h"

namespace heirloom::connection_manager {
namespace {

using http::HeaderId;

struct Replies {
    network::EventLoop loop;
    http::HeaderMap request, head, add;
    http::StreamInfo info;
    std::shared_ptr<config::LocalReplyConfig> config = std::make_shared<config::LocalReplyConfig>();

    static config::LocalReplyFormat format(std::string_view text, std::string type) {
        return {{*config::parse_access_log_format(text)}, std::move(type)};
    }
    config::LocalReplyMapper& mapper(uint32_t from) {
        config::LocalReplyMapper& one = config->mappers.emplace_back();
        one.filter.kind = config::LogFilter::Kind::status_code;
        one.filter.compare = config::LogFilter::Compare::at_least;
        one.filter.value = from;
        return one;
    }
    // The body; twice, since a mapper serves more than one.
    std::string make(uint16_t status, std::string_view body, std::string_view grpc_status = {}) {
        LocalReplyMapper mapper(loop, config);
        const LocalReply reply{status, body, &add, grpc_status};
        const std::string first(make_local_reply(head, request, reply, {&mapper, &info}));
        CHECK(make_local_reply(head, request, reply, {&mapper, &info}) == first);
        return first;
    }
    std::string type() const { return std::string(head.get(HeaderId::content_type)); }
};

}  // namespace

TEST_CASE("a local reply to gRPC is trailers only") {
    http::HeaderMap request, reply;
    request.add_copy("content-type", "application/grpc+proto");
    CHECK(make_local_reply(reply, request, {503, "no healthy 100%"}).empty());
    CHECK(reply.get(HeaderId::status) == "200");
    CHECK(reply.find("grpc-status")->value == "14");
    CHECK(reply.find("grpc-message")->value == "no healthy 100%25");
}

TEST_CASE_FIXTURE(Replies, "the format for all makes text and type, and the length is that of its text") {
    config->format = format("<%LOCAL_REPLY_BODY% %RESPONSE_CODE% %RESPONSE_CODE_DETAILS%>", "text/html");
    info.response_code_details = "why";
    CHECK(make(404, "") == "< 404 why>");
    CHECK(type() == "text/html");
    CHECK(head.get(HeaderId::content_length) == "10");
    CHECK(info.response_code == 404);
}

TEST_CASE_FIXTURE(Replies, "the first mapper that passes counts, and no other") {
    config->format = format("all %LOCAL_REPLY_BODY%", "text/plain");
    config::LocalReplyMapper& broken = mapper(500);
    broken.body = "broken";
    broken.format = format("%LOCAL_REPLY_BODY% %RESPONSE_CODE%", "text/x");
    config::LocalReplyMapper& refused = mapper(400);
    refused.status = 299;
    refused.headers.add.push_back({.name = "x-was", .value = "%RESPONSE_CODE%"});
    CHECK(make(503, "theirs") == "broken 503");
    CHECK(type() == "text/x");
    CHECK(head.find("x-was") == nullptr);
    CHECK(make(404, "theirs") == "all theirs");
    CHECK(head.get(HeaderId::status) == "299");
    CHECK(info.response_code == 299);
    CHECK(head.find("x-was")->value == "404");
    CHECK(make(301, "") == "all ");
    CHECK(head.get(HeaderId::status) == "301");
}

TEST_CASE_FIXTURE(Replies, "a type belongs to the text that it was told of") {
    add.add_copy(HeaderId::content_type, "text/own");
    config->format = format("%LOCAL_REPLY_BODY%", "text/made");
    CHECK(make(200, "same") == "same");
    CHECK(type() == "text/own");
    config->format = format("%LOCAL_REPLY_BODY%!", "text/made");
    CHECK(make(200, "other") == "other!");
    CHECK(type() == "text/made");
    mapper(200).headers.add.push_back(
        {.action = config::HeaderToAdd::Action::overwrite, .name = "content-type", .value = "text/mapped"});
    CHECK(make(200, "other") == "other!");
    CHECK(type() == "text/mapped");
    config->mappers[0].body = "";
    config->format.reset();
    CHECK(make(200, "other").empty());
    CHECK_FALSE(head.has(HeaderId::content_type));
    CHECK_FALSE(head.has(HeaderId::content_length));
}

TEST_CASE_FIXTURE(Replies, "gRPC: mapped like the rest, then told in its own way") {
    request.add_copy("content-type", "application/grpc");
    mapper(404).status = 503;
    config->format = format("{\"text\":\"%LOCAL_REPLY_BODY%\"}\n", "application/json");
    CHECK(make(404, "none").empty());
    CHECK(head.get(HeaderId::status) == "200");
    CHECK(head.find("grpc-status")->value == "14");
    CHECK(head.find("grpc-message")->value == "{\"text\":\"none\"}");
    CHECK(make(404, "none", "4").empty());
    CHECK(head.find("grpc-status")->value == "4");
    config->mappers[0].headers.add = {{.name = "grpc-status", .value = "9"}, {.name = "grpc-message", .value = "mine"}};
    CHECK(make(404, "none").empty());
    CHECK(head.find("grpc-status")->value == "9");
    CHECK(head.find("grpc-message")->value == "mine");
}

TEST_CASE("an answer without a codec is a whole one") {
    network::Buffer out;
    http::HeaderMap head;
    const std::string_view body = make_local_reply(head, http::HeaderMap(), {408, "late"});
    SUBCASE("lower case") {
        write_local_reply(out, head, body, false);
        CHECK(out.to_string() ==
              "HTTP/1.1 408 Request Timeout\r\ncontent-type: text/plain\r\ncontent-length: 4\r\nconnection: "
              "close\r\n\r\nlate");
    }
    SUBCASE("proper case, no text") {
        head.clear();
        head.add_copy(HeaderId::status, "408");
        head.add_copy("x-one", "two");
        write_local_reply(out, head, "", true);
        CHECK(out.to_string() ==
              "HTTP/1.1 408 Request Timeout\r\nX-One: two\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    }
}

}  // namespace heirloom::connection_manager
