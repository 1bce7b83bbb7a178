// SPDX-License-Identifier: Apache-2.0
// Formats of access logs against one record whose values hold what breaks texts: quotes, line ends, bytes that are no
// UTF-8. A text format prints the same twice; a JSON format, whatever it asks for, prints one line that is JSON.
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>

#include <cstdlib>
#include <string>

#include "proxy/access_log/format.h"
#include "proxy/config/document.h"
#include "proxy/config/readers.h"
#include "tests/fuzz/fuzzed_input.h"

using namespace heirloom;

namespace {

struct Exchange {
    http::StreamInfo info;
    http::HeaderMap request, response, trailers;
    shm::SocketAddress client = *shm::make_ip_address("192.0.2.9", 40001);
    shm::SocketAddress endpoint = *shm::make_ip_address("2001:db8::1", 8080);

    Exchange() {
        using namespace std::chrono;
        info.start_wall = system_clock::time_point(milliseconds(1460751457310));
        info.start = http::StreamInfo::Steady(seconds(100));
        info.end = info.request_end = info.upstream_response_start = info.start + microseconds(5900);
        info.response_code = 200;
        info.response_code_details = "via\"up\\stream\n";
        info.set_flag(http::ResponseFlag::upstream_remote_reset);
        info.downstream_direct_remote = &client;
        info.upstream_host = &endpoint;
        info.route_name = "\xff\xc3\xa4\t";
        info.make_upstream_details().transport_failure = std::string("\0\x1f\x7f\xe2\x82", 5);
        request.add_copy(http::HeaderId::method, "GET");
        request.add_copy(http::HeaderId::path, "/a\"b\\c?q=1&r=%00&s=\xff");
        request.add_copy(http::HeaderId::authority, "a\xc3\xa4");
        request.add_copy("x", "\xed\xa0\x80");  // half of a surrogate pair
        request.add_copy("y", "</script>\xf0\x9f\x98\x80");
        response.add_copy("x", "\\u0000\"");
        trailers.add_copy(http::HeaderId::status, "\"");
    }
};

std::string print(access_log::Format& format, const Exchange& exchange) {
    std::string out;
    const access_log::Record record{exchange.info, exchange.request, &exchange.response, &exchange.trailers};
    format.append(out, record, exchange.info.start_wall);
    return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static const Exchange exchange;
    if (size > 4096) return 0;
    fuzz::Input input(data, size);
    const uint8_t kind = input.byte();
    const std::string text(input.rest());
    config::Problems problems;
    config::LogFormat made;
    if (kind % 2 == 0) {
        made = config::read_text_log_format(text, {}, problems);
    } else {
        google::protobuf::Struct message;
        if (!google::protobuf::util::JsonStringToMessage(text, &message).ok()) return 0;
        made = config::read_json_log_format(message, {}, problems);
    }
    if (problems.any()) return 0;
    if (kind & 2) made.missing = "";  // omit_empty_values
    access_log::Format format(std::move(made));
    const std::string line = print(format, exchange);
    if (print(format, exchange) != line) std::abort();
    if (kind % 2 == 0) return 0;
    if (line.find('\n') != line.size() - 1) std::abort();
    if (!config::parse_json("line", line)) std::abort();
    google::protobuf::Struct read;  // stricter: it wants UTF-8
    if (!google::protobuf::util::JsonStringToMessage(line, &read).ok()) std::abort();
    return 0;
}
