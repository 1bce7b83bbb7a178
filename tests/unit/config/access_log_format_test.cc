// SPDX-License-Identifier: Apache-2.0
#include "proxy/config/access_log_format.h"

#include <doctest/doctest.h>

using namespace heirloom::config;

namespace {

std::vector<LogPiece> parse(std::string_view format) {
    auto pieces = parse_access_log_format(format);
    REQUIRE_MESSAGE(pieces.ok(), pieces.error().text);
    return *pieces;
}

std::string error_of(std::string_view format) {
    const auto pieces = parse_access_log_format(format);
    return pieces ? "" : pieces.error().text;
}

}  // namespace

TEST_CASE("text and operators alternate") {
    const auto pieces = parse("a %PROTOCOL%b%% %REQ(X-One?:PATH):7%");
    REQUIRE(pieces.size() == 4);
    CHECK(pieces[0].text == "a ");
    CHECK(pieces[1].op == LogOperator::protocol);
    CHECK(pieces[2].text == "b% ");
    CHECK(pieces[3].op == LogOperator::req);
    CHECK(pieces[3].text == "x-one");
    CHECK(parse("%REQ(Host)%")[0].text == ":authority");
    CHECK(parse("%RESP(Host)%")[0].text == "host");
    CHECK(pieces[3].alternative == ":path");
    CHECK(pieces[3].max_length == 7u);
    CHECK(parse("").empty());
}

TEST_CASE("the default format is understood") { CHECK(parse(kDefaultAccessLogFormat).size() == 31); }

TEST_CASE("arguments may hold percent signs and parentheses") {
    const auto pieces = parse("%START_TIME(%Y-%m (%H) %z %s)% %ENVIRONMENT(HOME):3%");
    REQUIRE(pieces.size() == 3);
    CHECK(pieces[0].text == "%Y-%m (%H) %z %s");
    CHECK(pieces[2].text == "HOME");
    CHECK(pieces[2].max_length == 3u);
    CHECK(parse("%START_TIME%").at(0).text.empty());
    CHECK(parse("%RESPONSE_CODE_DETAILS(ALLOW_WHITESPACES)%").at(0).text == "ALLOW_WHITESPACES");
}

TEST_CASE("arguments of operators are checked") {
    CHECK(error_of("%COMMON_DURATION%") == "COMMON_DURATION requires parameters");
    CHECK(error_of("%COMMON_DURATION(DS_RX_BEG)%").starts_with("Invalid common duration configuration"));
    CHECK(error_of("%COMMON_DURATION(DS_RX_BEG:US_CX_BEG)%") == "time point is not supported: US_CX_BEG");
    CHECK(error_of("%COMMON_DURATION(DS_RX_BEG:DS_TX_END:s)%") == "Invalid common duration precision: s.");
    CHECK(error_of("%PATH(XX)%") == "Invalid PATH option: 'XX', only 'WQ'/'NQ' are allowed");
    CHECK(error_of("%PATH(NQ:OLD)%").starts_with("Invalid PATH option: 'OLD'"));
    CHECK(error_of("%QUERY_PARAM%") == "QUERY_PARAM requires parameters");
    CHECK(parse("%PATH:3%").at(0).max_length == 3u);
    CHECK(parse("%GRPC_STATUS(NUMBER)%").at(0).op == LogOperator::grpc_status_number);
}

TEST_CASE("errors are Envoy's") {
    CHECK(error_of("%NO_SUCH%") == "Not supported field in StreamInfo: NO_SUCH");
    CHECK(error_of("x %lower%") == "Incorrect configuration: x %lower%. Couldn't find valid command at position 2");
    CHECK(error_of("100%").starts_with("Incorrect configuration: "));
    CHECK(error_of("%REQ(A%").starts_with("Incorrect configuration: "));
    CHECK(error_of("%PROTOCOL:%").starts_with("Incorrect configuration: "));
    CHECK(error_of("%PROTOCOL(x)%") == "PROTOCOL does not take any parameters or length");
    CHECK(error_of("%PROTOCOL:3%") == "PROTOCOL does not take any parameters or length");
    CHECK(error_of("%REQ%") == "REQ requires parameters");
    CHECK(error_of("%REQ()%") == "REQ requires parameters");
    CHECK(error_of("%GRPC_STATUS(ROMAN)%") ==
          "GrpcStatusFormatter only supports CAMEL_STRING, SNAKE_STRING or NUMBER.");
    CHECK(error_of("%START_TIME:3%") == "START_TIME does not allow length to be specified.");
    CHECK(error_of("%REQ(A?B?C)%") == "More than 1 alternative header specified in token: A?B?C");
    CHECK(error_of("%REQ(A):99999999999999999999999%").starts_with("Length must be an integer"));
}
