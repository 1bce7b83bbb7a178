// SPDX-License-Identifier: Apache-2.0
#include "proxy/router/header_mutation.h"

#include <doctest/doctest.h>

namespace heirloom::router {

namespace {

using config::HeaderToAdd;
using http::HeaderId;
using Action = HeaderToAdd::Action;

HeaderToAdd add(std::string name, std::string value, Action action = Action::append, bool keep_empty = false) {
    return {action, std::move(name), std::move(value), keep_empty};
}

// All values of a field, in order, joined by a bar; "-" when it is not there.
std::string values(const http::HeaderMap& headers, std::string_view name) {
    std::string text;
    bool found = false;
    for (const http::HeaderField& field : headers.fields()) {
        if (field.removed || field.name != name) continue;
        text += (found ? "|" : "") + std::string(field.value);
        found = true;
    }
    return found ? text : "-";
}

http::HeaderMap request() {
    http::HeaderMap headers;
    headers.add_copy(HeaderId::method, "GET");
    headers.add_copy(HeaderId::authority, "a.com");
    headers.add_copy(HeaderId::path, "/p?q");
    headers.add_copy("x-one", "0");
    headers.add_copy("x-two", "1");
    headers.add_copy("x-two", "2");
    headers.add_copy("x-gone", "here");
    headers.add_copy(HeaderId::user_agent, "curl");
    return headers;
}

http::HeaderMap mutated(const config::HeaderMutation& mutation) {
    http::HeaderMap headers = request();
    http::StreamInfo info;
    info.route_name = "blue";
    HeaderMutator mutator(mutation);
    mutator.apply(headers, {info, headers, nullptr, nullptr});
    return headers;
}

http::HeaderMap mutated(HeaderToAdd one) { return mutated(config::HeaderMutation{{}, {std::move(one)}}); }

// A table of one virtual host and one route; each level tells its name.
config::RouteTableConfig levels(bool most_specific_wins) {
    const auto named = [](const char* name) {
        config::HeaderMutations mutations;
        mutations.request.add = {add("x-level", name), add("x-last", name, Action::overwrite)};
        mutations.response.add = mutations.request.add;
        return mutations;
    };
    config::RouteTableConfig table;
    table.most_specific_mutations_win = most_specific_wins;
    table.mutations = named("table");
    config::VirtualHostConfig& host = table.virtual_hosts.emplace_back();
    host.mutations = named("host");
    config::RouteConfig& route = host.routes.emplace_back();
    route.mutations = named("route");
    route.forward.emplace();
    route.forward->weighted_clusters.resize(2);
    route.forward->weighted_clusters[1].mutations = named("weighted");
    return table;
}

}  // namespace

TEST_CASE("the four ways to add") {
    CHECK(values(mutated(add("x-one", "n")), "x-one") == "0|n");
    CHECK(values(mutated(add("x-new", "n")), "x-new") == "n");
    CHECK(values(mutated(add("x-one", "n", Action::add_if_absent)), "x-one") == "0");
    CHECK(values(mutated(add("x-new", "n", Action::add_if_absent)), "x-new") == "n");
    CHECK(values(mutated(add("x-two", "n", Action::overwrite)), "x-two") == "n");
    CHECK(values(mutated(add("x-new", "n", Action::overwrite)), "x-new") == "n");
    CHECK(values(mutated(add("x-two", "n", Action::overwrite_if_present)), "x-two") == "n");
    CHECK(values(mutated(add("x-new", "n", Action::overwrite_if_present)), "x-new") == "-");
    CHECK(values(mutated(add("user-agent", "n", Action::overwrite)), "user-agent") == "n");
}

TEST_CASE("values are formats; an empty one adds nothing unless it is kept") {
    CHECK(values(mutated(add("x", "%REQ(:METHOD)% %REQ(x-one):1% %ROUTE_NAME% 50%%")), "x") == "GET 0 blue 50%");
    CHECK(values(mutated(add("x", "")), "x") == "-");
    CHECK(values(mutated(add("x", "", Action::append, true)), "x") == "");
    CHECK(values(mutated(add("x", "%REQ(nope)%")), "x") == "-");
    CHECK(values(mutated(add("x", "%REQ(nope)%", Action::append, true)), "x") == "");
    CHECK(values(mutated(add("x", "a%UPSTREAM_HOST%b%DOWNSTREAM_TLS_VERSION%")), "x") == "ab");
    CHECK(values(mutated(add("x", "%RESPONSE_FLAGS%")), "x") == "-");  // a dash of its own
    CHECK(values(mutated(add("x", "  a %REQ(nope)% ")), "x") == "a");
}

TEST_CASE("removing comes first, and values see what is left, not what is added") {
    const http::HeaderMap headers =
        mutated(config::HeaderMutation{{"x-gone", "user-agent"},
                                       {add("x-seen", "%REQ(x-gone)%"), add("x-one", "n", Action::overwrite),
                                        add("x-was", "%REQ(x-one)%"), add("user-agent", "other", Action::add_if_absent),
                                        add("x-new", "1"), add("x-new", "2", Action::add_if_absent)}});
    CHECK(values(headers, "x-gone") == "-");
    CHECK(values(headers, "x-seen") == "-");
    CHECK(values(headers, "x-one") == "n");
    CHECK(values(headers, "x-was") == "0");
    CHECK(values(headers, "user-agent") == "other");
    CHECK(headers.get(HeaderId::user_agent) == "other");
    CHECK(values(headers, "x-new") == "1|2");
}

TEST_CASE("a value cannot end its field") {
    http::HeaderMap headers = request();
    http::StreamInfo info;
    info.route_name = "a\r\nx: y";
    const config::HeaderMutation mutation{{}, {add("x-name", "%ROUTE_NAME%")}};
    HeaderMutator(mutation).apply(headers, {info, headers, nullptr, nullptr});
    CHECK(values(headers, "x-name") == "a__x: y");
}

TEST_CASE("a mutator serves message after message") {
    const config::HeaderMutation mutation{{}, {add("x-path", "%REQ(:PATH)%"), add("x-c", "c")}};
    HeaderMutator mutator(mutation);
    const http::StreamInfo info;
    for (int i = 0; i < 3; ++i) {
        http::HeaderMap headers = request();
        mutator.apply(headers, {info, headers, nullptr, nullptr});
        CHECK(values(headers, "x-path") == "/p?q");
        CHECK(values(headers, "x-c") == "c");
    }
}

TEST_CASE("levels: weighted cluster, route, virtual host, table; or the most specific last") {
    for (const bool wins : {false, true}) {
        const config::RouteTableConfig table = levels(wins);
        RouteMutators mutators(table);
        REQUIRE_FALSE(mutators.empty());
        const std::string order = wins ? "table|host|route" : "route|host|table";
        const http::StreamInfo info;
        http::HeaderMap headers = request();
        mutators.mutate_weighted_request(0, 1, headers, info);
        mutators.mutate_request(0, headers, info);
        CHECK(values(headers, "x-level") == "weighted|" + order);
        CHECK(values(headers, "x-last") == (wins ? "route" : "table"));
        CHECK(mutators.has_response(0));
        http::HeaderMap response;
        mutators.mutate_response(0, 0, response, headers, info);
        CHECK(values(response, "x-level") == order);
        http::HeaderMap other;
        mutators.mutate_response(0, 1, other, headers, info);
        CHECK(values(other, "x-level") == "weighted|" + order);
        http::HeaderMap here;
        mutators.mutate_response(0, RouteMutators::kNoChoice, here, headers, info);
        CHECK(values(here, "x-level") == order);
    }
}

TEST_CASE("without mutations there is nothing to apply") {
    config::RouteTableConfig table;
    table.virtual_hosts.emplace_back().routes.emplace_back();
    CHECK(RouteMutators(table).empty());
    CHECK_FALSE(RouteMutators(table).has_response(0));
    CHECK(RouteMutators().empty());
}

}  // namespace heirloom::router
