// SPDX-License-Identifier: Apache-2.0
#include "proxy/tls/client_hello.h"

#include <doctest/doctest.h>
#include <openssl/ssl.h>

#include <memory>

using namespace heirloom::tls;

namespace {

// What OpenSSL's client sends first.
std::string real_hello(const char* name, std::string_view alpn) {
    const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_client_method()), &SSL_CTX_free);
    const std::unique_ptr<SSL, decltype(&SSL_free)> ssl(SSL_new(context.get()), &SSL_free);
    BIO* out = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl.get(), BIO_new(BIO_s_mem()), out);
    if (name) SSL_set_tlsext_host_name(ssl.get(), name);
    SSL_set_alpn_protos(ssl.get(), reinterpret_cast<const unsigned char*>(alpn.data()), unsigned(alpn.size()));
    SSL_connect(ssl.get());
    char* bytes = nullptr;
    const long size = BIO_get_mem_data(out, &bytes);
    return {bytes, static_cast<size_t>(size)};
}

std::string number(size_t value, int width) {
    std::string bytes;
    while (width-- > 0) bytes += static_cast<char>(value >> 8 * width);
    return bytes;
}
std::string prefixed(const std::string& bytes, int width) { return number(bytes.size(), width) + bytes; }

std::string hello_of(const std::string& extensions) {
    const std::string body = "\x03\x03" + std::string(32, 'r') + number(0, 1) + prefixed("\x13\x01", 2) +
                             prefixed(std::string(1, '\0'), 1) + prefixed(extensions, 2);
    return "\x01" + prefixed(body, 3);
}
std::string record(const std::string& message) { return "\x16\x03\x01" + prefixed(message, 2); }
std::string extension(size_t type, const std::string& bytes) { return number(type, 2) + prefixed(bytes, 2); }
std::string name_list(const std::string& name) { return prefixed(number(0, 1) + prefixed(name, 2), 2); }

HelloOutcome outcome_of(const std::string& bytes) {
    ClientHello hello;
    return parse_client_hello(bytes, hello);
}

}  // namespace

TEST_CASE("server name and protocols of a real client, byte by byte") {
    const std::string bytes = real_hello("WWW.Example.org", "\x02h2\x08http/1.1");
    ClientHello hello;
    for (size_t n = 0; n < bytes.size(); ++n) {
        REQUIRE(parse_client_hello(std::string_view(bytes).substr(0, n), hello) == HelloOutcome::incomplete);
    }
    REQUIRE(parse_client_hello(bytes, hello) == HelloOutcome::parsed);
    CHECK(hello.server_name == "www.example.org");
    CHECK(hello.alpn == std::vector<std::string>{"h2", "http/1.1"});
    CHECK(parse_client_hello(bytes + "more", hello) == HelloOutcome::parsed);
    REQUIRE(parse_client_hello(real_hello(nullptr, ""), hello) == HelloOutcome::parsed);
    CHECK(hello.server_name.empty());
    CHECK(hello.alpn.empty());
}

TEST_CASE("a message over many records") {
    const std::string message = real_hello("a.example", "").substr(5);
    for (const size_t piece : {1, 3, 4, 100}) {
        std::string bytes;
        for (size_t at = 0; at < message.size(); at += piece) bytes += record(message.substr(at, piece));
        ClientHello hello;
        CHECK(parse_client_hello(std::string_view(bytes).substr(0, bytes.size() - 1), hello) ==
              HelloOutcome::incomplete);
        REQUIRE(parse_client_hello(bytes, hello) == HelloOutcome::parsed);
        CHECK(hello.server_name == "a.example");
    }
}

TEST_CASE("what is not TLS is told by the first byte that shows it") {
    CHECK(outcome_of("") == HelloOutcome::incomplete);
    CHECK(outcome_of("G") == HelloOutcome::not_tls);
    CHECK(outcome_of("\x16\x02") == HelloOutcome::not_tls);
    CHECK(outcome_of("\x15\x03\x01") == HelloOutcome::not_tls);
    CHECK(outcome_of(std::string("\x16\x03\x01\x00\x00", 5)) == HelloOutcome::not_tls);
    CHECK(outcome_of("\x16\x03\x01\x40\x01") == HelloOutcome::not_tls);
    CHECK(outcome_of(std::string("\x16\x03\x01\x00\x10\x02", 6)) == HelloOutcome::not_tls);
}

TEST_CASE("a hello that is too large") {
    CHECK(outcome_of(std::string("\x16\x03\x01\x10\x00\x01\x00\x40\x00", 9)) == HelloOutcome::too_large);
    CHECK(outcome_of(record(hello_of(extension(21, std::string(15'000, 'p'))))) == HelloOutcome::parsed);
    std::string crumbs;  // a short message in one-byte records: the headers count
    const std::string message = hello_of(extension(21, std::string(3'000, 'p')));
    for (const char c : message) crumbs += record(std::string(1, c));
    CHECK(outcome_of(crumbs) == HelloOutcome::too_large);
}

TEST_CASE("malformed hellos") {
    CHECK(outcome_of(record(hello_of(extension(0, name_list("x.org"))))) == HelloOutcome::parsed);
    CHECK(outcome_of(record(hello_of(extension(0, name_list(""))))) == HelloOutcome::not_tls);
    CHECK(outcome_of(record(hello_of(extension(0, name_list(std::string("a\0b", 3)))))) == HelloOutcome::not_tls);
    CHECK(outcome_of(record(hello_of(extension(0, name_list(std::string(256, 'a')))))) == HelloOutcome::not_tls);
    CHECK(outcome_of(record(hello_of(extension(0, name_list("a") + "x")))) == HelloOutcome::not_tls);
    const std::string one = extension(0, name_list("a"));
    CHECK(outcome_of(record(hello_of(one + one))) == HelloOutcome::not_tls);
    CHECK(outcome_of(record(hello_of(extension(16, prefixed(prefixed("", 1), 2))))) == HelloOutcome::not_tls);
    CHECK(outcome_of(record(hello_of(extension(16, "")))) == HelloOutcome::not_tls);
    CHECK(outcome_of(record(hello_of("\x01"))) == HelloOutcome::not_tls);
    // Every cut of a message whose length says that it is whole.
    const std::string whole = hello_of(one).substr(4);
    for (size_t n = 0; n < whole.size(); ++n) {
        const HelloOutcome outcome = outcome_of(record("\x01" + prefixed(whole.substr(0, n), 3)));
        CHECK((outcome == HelloOutcome::not_tls || n == 41));  // 41: a hello without extensions
    }
}
