// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/admin/fixture.h"

namespace heirloom::admin {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

struct FakeContext : tls::Context {
    std::vector<tls::LoadedCertificate> chain_list, authority_list;
    const std::vector<tls::LoadedCertificate>& chains() const override { return chain_list; }
    const std::vector<tls::LoadedCertificate>& authorities() const override { return authority_list; }
};

std::chrono::system_clock::time_point at(int64_t second) {
    return std::chrono::system_clock::time_point(seconds(second));
}

}  // namespace

TEST_CASE_FIXTURE(AdminFixture, "/certs without TLS") { CHECK(ask("/certs") == "{\n \"certificates\": []\n}\n"); }

TEST_CASE_FIXTURE(AdminFixture, "/certs shows authority and chain of each context, as Envoy prints them") {
    auto context = std::make_shared<FakeContext>();
    tls::LoadedCertificate leaf;
    leaf.path = "/etc/envoy/cert.pem";
    leaf.serial = "019108731c0a";
    leaf.dns_names = {"localhost", "*.example.org"};
    leaf.uris = {"spiffe://a"};
    leaf.ip_addresses = {"10.0.0.1"};
    leaf.valid_from = at(1600000000);
    leaf.expiration = at(1600086400);
    leaf.ocsp = tls::LoadedCertificate::Ocsp{at(1600000001), at(1600000002)};
    context->chain_list.push_back(leaf);
    server.contexts = {context, std::make_shared<FakeContext>()};
    CHECK(ask("/certs") == R"({
 "certificates": [
  {
   "ca_cert": [],
   "cert_chain": [
    {
     "path": "/etc/envoy/cert.pem",
     "serial_number": "019108731c0a",
     "subject_alt_names": [
      {
       "dns": "localhost"
      },
      {
       "dns": "*.example.org"
      },
      {
       "uri": "spiffe://a"
      },
      {
       "ip_address": "10.0.0.1"
      }
     ],
     "days_until_expiration": "0",
     "valid_from": "2020-09-13T12:26:40Z",
     "expiration_time": "2020-09-14T12:26:40Z",
     "ocsp_details": {
      "valid_from": "2020-09-13T12:26:41Z",
      "expiration": "2020-09-13T12:26:42Z"
     }
    }
   ]
  },
  {
   "ca_cert": [],
   "cert_chain": []
  }
 ]
}
)");
    CHECK(has(last.headers, "content-type: application/json\n"));
}

TEST_CASE_FIXTURE(AdminFixture, "/certs counts whole days, also of an authority") {
    auto context = std::make_shared<FakeContext>();
    tls::LoadedCertificate authority;
    authority.path = "<inline>";
    authority.expiration = std::chrono::system_clock::now() + hours(24 * 29 + 12);
    context->authority_list.push_back(authority);
    server.contexts = {context};
    const std::string answer = ask("/certs");
    CHECK(has(answer, "\"ca_cert\": [\n    {\n     \"path\": \"<inline>\""));
    CHECK(has(answer, "\"subject_alt_names\": [],\n     \"days_until_expiration\": \"29\""));
    CHECK_FALSE(has(answer, "ocsp_details"));
}

}  // namespace heirloom::admin
