// SPDX-License-Identifier: Apache-2.0
#include "proxy/access_log/format.h"

#include <atomic>
#include <cstdlib>
#include <new>

#include "tests/unit/access_log/fixture.h"

namespace {
std::atomic<uint64_t> allocations{0};
}
// Counted, to hold the promise that a record allocates nothing.
void* operator new(size_t size) {
    ++allocations;
    if (void* memory = std::malloc(size)) return memory;
    throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace heirloom::access_log {

namespace {

struct FormatFixture : RequestFixture {
    static Format compile(std::string_view text) {
        auto pieces = config::parse_access_log_format(text);
        REQUIRE(pieces.ok());
        return Format({*pieces});
    }
    std::string print(std::string_view text) {
        Format format = compile(text);
        std::string out;
        format.append(out, record(), info.start_wall + std::chrono::milliseconds(6));
        return out;
    }
};

class FakeSession final : public network::TlsSession {
  public:
    std::string_view version() const override { return "TLSv1.3"; }
    std::string_view cipher() const override { return "TLS_AES_128_GCM_SHA256"; }
    std::string_view alpn() const override { return {}; }
    std::string_view sni() const override { return name; }
    std::string session_id() const override { return {}; }
    bool resumed() const override { return false; }
    bool peer_validated() const override { return shows_peer; }
    const network::CertificateInfo* peer_certificate() const override { return shows_peer ? &peer_ : nullptr; }
    const network::CertificateInfo* local_certificate() const override { return &local_; }
    std::shared_ptr<const network::TlsSession> keep() const override { return {std::shared_ptr<void>(), this}; }

    std::string name = "a.example";
    bool shows_peer = false;

  private:
    network::CertificateInfo make_peer() const {
        network::CertificateInfo peer;
        peer.subject = "CN=there";
        peer.issuer = "CN=ca";
        peer.serial = "0a";
        peer.sha256 = "22";
        peer.sha1 = "11";
        peer.url_encoded_pem = "pem";
        peer.uris = {"spiffe://a"};
        peer.dns_names = {"a.b", "c.d"};
        peer.not_before = std::chrono::system_clock::time_point(std::chrono::seconds(1));
        peer.not_after = std::chrono::system_clock::time_point(std::chrono::seconds(1000000000));
        return peer;
    }
    network::CertificateInfo make_local() const {
        network::CertificateInfo local;
        local.subject = "CN=here";
        local.dns_names = {"here.b"};
        return local;
    }
    network::CertificateInfo peer_ = make_peer();
    network::CertificateInfo local_ = make_local();
};

}  // namespace

TEST_CASE_FIXTURE(FormatFixture, "the default format is Envoy's") {
    CHECK(print(config::kDefaultAccessLogFormat) ==
          "[2016-04-15T20:17:37.310Z] \"GET /things?q=1 HTTP/1.1\" 200 - 0 6 5 4 \"-\" \"probe/1\" \"-\" "
          "\"shop.example\" "
          "\"198.51.100.3:8080\"\n");
}

TEST_CASE_FIXTURE(FormatFixture, "headers: alternatives, several values, truncation, absence") {
    CHECK(print("%REQ(X-TINT)%") == "red,blue");
    CHECK(print("%REQ(X-TINT):5%") == "red,b");
    CHECK(print("%REQ(X-ENVOY-ORIGINAL-PATH?:PATH):7%") == "/things");
    CHECK(print("%REQ(X-NONE?X-NEITHER)%") == "-");
    CHECK(print("%TRAILER(X-SUM)%") == "-");
    request.remove("x-tint");
    CHECK(print("%REQ(X-TINT)%") == "-");
}

TEST_CASE_FIXTURE(FormatFixture, "addresses") {
    CHECK(print("%DOWNSTREAM_REMOTE_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% %DOWNSTREAM_REMOTE_PORT%") ==
          "192.0.2.9:40001 192.0.2.9 40001");
    CHECK(print("%DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT% %DOWNSTREAM_LOCAL_PORT%") ==
          "[2001:db8::1]:8443 2001:db8::1 8443");
    info.downstream_remote = "[2001:db8::7]:0";
    CHECK(print("%DOWNSTREAM_REMOTE_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% %DOWNSTREAM_REMOTE_PORT%") ==
          "[2001:db8::7]:0 2001:db8::7 0");
    CHECK(print("%DOWNSTREAM_DIRECT_REMOTE_ADDRESS%") == "192.0.2.9:40001");
    client = *shm::make_ip_address("::ffff:203.0.113.5", 7, false);
    CHECK(print("%DOWNSTREAM_DIRECT_REMOTE_ADDRESS%") == "203.0.113.5:7");
    endpoint = *shm::make_unix_address("/run/app.sock");
    CHECK(print("%UPSTREAM_HOST%") == "/run/app.sock");
    info.upstream_host = nullptr;
    CHECK(print("%UPSTREAM_HOST% %UPSTREAM_HOST_NAME% %UPSTREAM_LOCAL_ADDRESS%") == "- - -");
}

TEST_CASE_FIXTURE(FormatFixture, "flags: the exhausted retry first, then in the table's order") {
    using http::ResponseFlag;
    CHECK(print("%RESPONSE_FLAGS% %RESPONSE_FLAGS_LONG%") == "- -");
    info.set_flag(ResponseFlag::downstream_connection_termination);
    info.set_flag(ResponseFlag::upstream_connection_failure);
    CHECK(print("%RESPONSE_FLAGS%") == "UF,DC");
    info.set_flag(ResponseFlag::upstream_retry_limit_exceeded);
    CHECK(print("%RESPONSE_FLAGS%") == "URX,UF,DC");
    CHECK(print("%RESPONSE_FLAGS_LONG%") ==
          "UpstreamRetryLimitExceeded,UpstreamConnectionFailure,DownstreamConnectionTermination");
}

TEST_CASE_FIXTURE(FormatFixture, "a plain TCP connection") {
    using http::ResponseFlag;
    CHECK(print("%CONNECTION_TERMINATION_DETAILS%") == "-");
    info.protocol.reset();
    info.set_flag(ResponseFlag::upstream_connection_failure);
    info.set_flag(ResponseFlag::upstream_retry_limit_exceeded);
    info.connection_termination_details = "transport socket timeout was reached";
    CHECK(print("%PROTOCOL% %RESPONSE_FLAGS% %CONNECTION_TERMINATION_DETAILS%") ==
          "- UF,URX transport socket timeout was reached");
}

TEST_CASE_FIXTURE(FormatFixture, "durations") {
    const std::string all =
        "%DURATION% %REQUEST_DURATION% %REQUEST_TX_DURATION% %RESPONSE_DURATION% %RESPONSE_TX_DURATION%";
    CHECK(print(all) == "5 - - - -");
    info.request_end = info.start + std::chrono::milliseconds(1);
    info.upstream_request_end = info.start + std::chrono::milliseconds(2);
    info.upstream_response_start = info.start + std::chrono::milliseconds(3);
    CHECK(print(all) == "5 1 2 3 2");
    info.end.reset();
    CHECK(print("%DURATION%") != "-");  // of a request under way: so far
}

TEST_CASE_FIXTURE(FormatFixture, "times") {
    CHECK(print("%START_TIME% %EMIT_TIME%") == "2016-04-15T20:17:37.310Z 2016-04-15T20:17:37.316Z");
    CHECK(print("%START_TIME(%d/%b/%Y:%H:%M:%S +0000)%") == "15/Apr/2016:20:17:37 +0000");
    CHECK(print("%START_TIME(%s.%3f)% %START_TIME(%6f)% %START_TIME(%f)% %START_TIME(%E1S)%") ==
          "1460751457.310 310000 310000000 37.3");
    Format format = compile("%START_TIME(%S.%3f)%");
    std::string out;
    for (const int shift : {0, 689, 690, 0}) {  // back again: what was rendered for another second is not kept
        info.start_wall = std::chrono::system_clock::time_point(std::chrono::milliseconds(1460751457310 + shift));
        format.append(out, record(), {});
        out += " ";
    }
    CHECK(out == "37.310 37.999 38.000 37.310 ");
}

TEST_CASE_FIXTURE(FormatFixture, "the rest") {
    info.response_code_details = "upstream_reset_before_response_started{connection timeout}";
    CHECK(print("%RESPONSE_CODE_DETAILS%") == "upstream_reset_before_response_started{connection_timeout}");
    CHECK(print("%RESPONSE_CODE_DETAILS(ALLOW_WHITESPACES)%") ==
          "upstream_reset_before_response_started{connection timeout}");
    info.route_name = "things";
    info.connection_id = 12;
    info.upstream_attempts = 2;
    CHECK(print("%ROUTE_NAME% %CONNECTION_ID% %UPSTREAM_REQUEST_ATTEMPT_COUNT% %UPSTREAM_CLUSTER% %%") ==
          "things 12 2 - %");
    CHECK(print("%PROTOCOL% %UPSTREAM_PROTOCOL%") == "HTTP/1.1 -");
    setenv("HEIRLOOM_TEST_TOWN", "Bern", 1);
    CHECK(print("%ENVIRONMENT(HEIRLOOM_TEST_TOWN)% %ENVIRONMENT(HEIRLOOM_TEST_NONE)%") == "Bern -");
    CHECK(print("%HOSTNAME%") != "-");
}

TEST_CASE_FIXTURE(FormatFixture, "the TLS session of the client") {
    CHECK(print("%DOWNSTREAM_TLS_VERSION% %REQUESTED_SERVER_NAME% %DOWNSTREAM_PEER_SUBJECT% "
                "%DOWNSTREAM_PEER_CERT_V_START%") == "- - - -");
    FakeSession session;
    info.downstream_tls = &session;
    CHECK(print("%DOWNSTREAM_TLS_VERSION% %DOWNSTREAM_TLS_CIPHER% %DOWNSTREAM_TLS_SESSION_ID%") ==
          "TLSv1.3 TLS_AES_128_GCM_SHA256 -");
    CHECK(print("%REQUESTED_SERVER_NAME%") == "a.example");
    session.name = "a b\n.example";
    CHECK(print("%REQUESTED_SERVER_NAME%") == "invalid:a_b_.example");
    session.name = "A_b.-.Example";
    CHECK(print("%REQUESTED_SERVER_NAME%") == "a_b.-.example");
    info.requested_server_name = "seen.example";
    CHECK(print("%REQUESTED_SERVER_NAME%") == "seen.example");
    info.downstream_tls = nullptr;
    CHECK(print("%REQUESTED_SERVER_NAME% %DOWNSTREAM_TLS_VERSION%") == "seen.example -");
    info.downstream_tls = &session;
    CHECK(print("%DOWNSTREAM_PEER_SUBJECT% %DOWNSTREAM_LOCAL_SUBJECT%") == "- CN=here");
    session.shows_peer = true;
    CHECK(print("%DOWNSTREAM_PEER_SUBJECT%|%DOWNSTREAM_PEER_ISSUER%|%DOWNSTREAM_PEER_SERIAL%") == "CN=there|CN=ca|0a");
    CHECK(print("%DOWNSTREAM_PEER_FINGERPRINT_256% %DOWNSTREAM_PEER_FINGERPRINT_1% %DOWNSTREAM_PEER_CERT%") ==
          "22 11 pem");
    CHECK(print("%DOWNSTREAM_PEER_CERT_V_START% %DOWNSTREAM_PEER_CERT_V_END(%Y)%") == "1970-01-01T00:00:01.000Z 2001");
    CHECK(print("%DOWNSTREAM_PEER_URI_SAN% %DOWNSTREAM_PEER_DNS_SAN% %DOWNSTREAM_PEER_IP_SAN% "
                "%DOWNSTREAM_PEER_EMAIL_SAN% %DOWNSTREAM_LOCAL_DNS_SAN%") == "spiffe://a a.b,c.d - - here.b");
}

TEST_CASE_FIXTURE(FormatFixture, "the upstream connection") {
    const std::string_view format =
        "%UPSTREAM_PROTOCOL% %UPSTREAM_TLS_VERSION% %UPSTREAM_TLS_CIPHER% %UPSTREAM_TRANSPORT_FAILURE_REASON%";
    CHECK(print(format) == "- - - -");
    info.set_upstream_connection(http::Protocol::http2, nullptr);
    CHECK(print(format) == "HTTP/2 - - -");
    FakeSession session;
    info.set_upstream_connection(http::Protocol::http11, &session);
    CHECK(print("%UPSTREAM_PEER_SUBJECT% %UPSTREAM_PEER_CERT_V_START% %UPSTREAM_LOCAL_DNS_SAN%") == "- - here.b");
    session.shows_peer = true;
    CHECK(print("%UPSTREAM_PEER_SUBJECT%|%UPSTREAM_PEER_ISSUER%|%UPSTREAM_PEER_CERT%|%UPSTREAM_TLS_SESSION_ID%") ==
          "CN=there|CN=ca|pem|-");
    CHECK(print("%UPSTREAM_PEER_CERT_V_START% %UPSTREAM_PEER_CERT_V_END(%Y)%") == "1970-01-01T00:00:01.000Z 2001");
    CHECK(print("%UPSTREAM_PEER_URI_SAN% %UPSTREAM_PEER_DNS_SAN% %UPSTREAM_PEER_IP_SAN% %UPSTREAM_LOCAL_URI_SAN% "
                "%UPSTREAM_LOCAL_IP_SAN%") == "spiffe://a a.b,c.d - - -");
    CHECK(print("%DOWNSTREAM_PEER_SUBJECT%") == "-");
    info.make_upstream_details().transport_failure = "delayed connect error: Connection refused";
    CHECK(print(format) == "HTTP/1.1 TLSv1.3 TLS_AES_128_GCM_SHA256 delayed_connect_error:_Connection_refused");
    info.set_upstream_connection(http::Protocol::http11, nullptr);  // a retry, without TLS
    CHECK(print("%UPSTREAM_TLS_VERSION% %UPSTREAM_PEER_SUBJECT% %UPSTREAM_PEER_CERT_V_END%") == "- - -");
    info.set_upstream_connection(http::Protocol::http11, &session);
    info.reset();
    CHECK(print(format) == "- - - -");
}

TEST_CASE_FIXTURE(FormatFixture, "the status of gRPC") {
    const std::string_view format =
        "%GRPC_STATUS% %GRPC_STATUS(SNAKE_STRING)% %GRPC_STATUS(NUMBER)% %GRPC_STATUS_NUMBER%";
    response.add_copy("grpc-status", "4");
    CHECK(print(format) == "- - - -");  // the request was no gRPC
    request.add_copy(http::HeaderId::content_type, "application/grpc+proto");
    CHECK(print(format) == "DeadlineExceeded DEADLINE_EXCEEDED 4 4");
    trailers.add_copy("grpc-status", "99");
    Format compiled = compile(format);
    std::string out;
    compiled.append(out, {info, request, &response, &trailers}, {});
    CHECK(out == "99 99 99 99");
    trailers.set("grpc-status", "x");
    out.clear();
    compiled.append(out, {info, request, &response, &trailers}, {});
    CHECK(out == "-1 -1 -1 -1");
    response.remove("grpc-status");
    info.response_code = 503;
    CHECK(print(format) == "Unavailable UNAVAILABLE 14 14");
}

TEST_CASE_FIXTURE(FormatFixture, "durations between two points") {
    info.upstream_response_start = info.start + std::chrono::microseconds(2500);
    CHECK(print("%COMMON_DURATION(DS_RX_BEG:US_RX_BEG:ns)% %COMMON_DURATION(DS_RX_BEG:US_RX_BEG:us)% "
                "%COMMON_DURATION(DS_RX_BEG:US_RX_BEG)% %COMMON_DURATION(US_RX_BEG:DS_TX_END:us)%") ==
          "2500000 2500 2 3400");
    CHECK(print("%COMMON_DURATION(US_RX_BEG:DS_RX_BEG:ms)% %COMMON_DURATION(DS_RX_BEG:US_RX_END:ms)%") == "- -");
}

TEST_CASE_FIXTURE(FormatFixture, "path and query") {
    CHECK(print("%PATH% %PATH(WQ)% %PATH(NQ)% %PATH(WQ:PATH):5% %PATH(WQ:ORIG)%") ==
          "/things?q=1 /things?q=1 /things /thin -");
    request.add_copy(http::HeaderId::x_envoy_original_path, "/before?a");
    CHECK(print("%PATH% %PATH(NQ:ORIG)% %PATH(NQ:PATH)% %PATH(NQ:ORIG_OR_PATH)%") ==
          "/before?a /before /things /before");
    request.set(http::HeaderId::path, "/?a=1&b=%41%2&c&a=2&%64=x#d=1");
    CHECK(print("%QUERY_PARAM(a)% %QUERY_PARAM(b)%|%QUERY_PARAM(c)%|%QUERY_PARAM(d)% %QUERY_PARAM(e)% "
                "%QUERY_PARAM(b):1%") == "1 A%2||x - A");
    request.set(http::HeaderId::path, "/");
    CHECK(print("%QUERY_PARAM(a)%") == "-");
}

TEST_CASE_FIXTURE(FormatFixture, "addresses of the connections") {
    const std::string_view upstream =
        "%UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT% %UPSTREAM_LOCAL_PORT% "
        "%UPSTREAM_REMOTE_ADDRESS% %UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% "
        "%UPSTREAM_REMOTE_PORT%";
    CHECK(print(upstream) == "- - - - -");
    info.upstream_local = *shm::make_ip_address("192.0.2.1", 50000);
    CHECK(print(upstream) == "192.0.2.1 50000 198.51.100.3:8080 198.51.100.3 8080");
    CHECK(print("%DOWNSTREAM_DIRECT_REMOTE_PORT% %UPSTREAM_HOST_NAME_WITHOUT_PORT%") == "40001 198.51.100.3");
    info.upstream_host_name = "app.example:80";
    CHECK(print("%UPSTREAM_HOST_NAME_WITHOUT_PORT% %ACCESS_LOG_TYPE% %STREAM_ID%") == "app.example DownstreamEnd -");
    request.add_copy(http::HeaderId::x_request_id, "an-id");
    trailers.add_copy("x-sum", "12");
    Format format = compile("%STREAM_ID% %RESPONSE_TRAILERS_BYTES%");
    std::string out;
    format.append(out, {info, request, &response, &trailers}, {});
    CHECK(out == "an-id 7");
}

TEST_CASE_FIXTURE(FormatFixture, "JSON: numbers, texts, what is missing, parts of texts") {
    const auto json = [&](std::string_view text, config::LogForm form, std::string_view missing = "-") {
        config::LogFormat parsed{*config::parse_access_log_format(text), missing};
        for (config::LogPiece& piece : parsed.pieces) piece.form = form;
        Format format(parsed);
        std::string out;
        format.append(out, record(), {});
        return out;
    };
    using config::LogForm;
    CHECK(json("%RESPONSE_CODE%,%DURATION%,%PROTOCOL%,%RESPONSE_FLAGS%", LogForm::json_value) ==
          "200,5,\"HTTP/1.1\",\"-\"");
    CHECK(json("%REQ(X-NONE)%,%REQUEST_DURATION%,%UPSTREAM_CLUSTER%", LogForm::json_value, "") == "null,null,null");
    CHECK(json("%REQ(X-NONE)%,%RESPONSE_CODE%", LogForm::json_part) == "-,200");
    CHECK(json("%REQ(X-NONE)%,%RESPONSE_CODE%", LogForm::json_part, "") == ",200");
    CHECK(json("%REQ(X-NONE)%,%RESPONSE_CODE%", LogForm::text, "") == ",200");
    request.add_copy("x-odd", "\xc3\xa9\"\\\t");
    CHECK(json("%REQ(X-ODD)%", LogForm::json_value) == "\"\xc3\xa9\\\"\\\\\\t\"");
    CHECK(json("%REQ(X-ODD)%%RESPONSE_CODE%", LogForm::json_part) == "\xc3\xa9\\\"\\\\\\t200");
    CHECK(json("%REQ(X-ODD):1%", LogForm::json_value) == "\"\\u00c3\"");
}

TEST_CASE_FIXTURE(FormatFixture, "a record allocates nothing once the string has grown") {
    Format format(config::default_access_log_format());
    std::string out;
    for (int i = 0; i < 50; ++i) format.append(out, record(), {});
    out.clear();
    const Record one = record();
    const uint64_t before = allocations;
    for (int i = 0; i < 50; ++i) format.append(out, one, {});
    CHECK(allocations == before);

    request.add_copy("x-odd", std::string(100, '"') + "\xff");
    for (const config::LogForm form : {config::LogForm::json_value, config::LogForm::json_part}) {
        config::LogFormat parsed{*config::parse_access_log_format("%REQ(X-ODD)%%DURATION%%PROTOCOL%")};
        for (config::LogPiece& piece : parsed.pieces) piece.form = form;
        Format json(parsed);
        for (int i = 0; i < 2; ++i) {
            out.clear();
            const uint64_t at_first = allocations;
            json.append(out, one, {});
            CHECK((i == 0 || allocations == at_first));
        }
    }
}

}  // namespace heirloom::access_log
