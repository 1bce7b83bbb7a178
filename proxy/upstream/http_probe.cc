// SPDX-License-Identifier: Apache-2.0
// An HTTP check: one request, judged by the status of its response.
#include <algorithm>
#include <charconv>

#include "proxy/upstream/http_probe_connection.h"

namespace heirloom::upstream {

namespace {

using http::HeaderId;

bool is_in(const std::vector<config::StatusRange>& ranges, uint16_t status) {
    return std::any_of(ranges.begin(), ranges.end(),
                       [&](const config::StatusRange& range) { return range.first <= status && status <= range.last; });
}

class HttpProbe final : public HealthProbe, private HttpProbeConnection::Owner {
  public:
    HttpProbe(const ProbeSetting& setting, const config::HttpCheckConfig& http) : setting_(setting), http_(http) {
        headers_.add_copy(HeaderId::method, http.method);
        headers_.add_copy(HeaderId::path, http.path);
        headers_.add_copy(HeaderId::authority, http.host.empty() ? setting.host : http.host);
        headers_.add_copy(HeaderId::user_agent, "Envoy/HC");
    }
    ~HttpProbe() override { abort(); }

    void start() override {
        if (connection_ && !connection_->usable()) abort();
        running_ = true;
        if (connection_) return ask();
        connection_ = new HttpProbeConnection(setting_, http_.http2, *this);
    }

    void abort() override {
        running_ = false;
        if (HttpProbeConnection* const connection = std::exchange(connection_, nullptr)) connection->close();
    }

  private:
    void ask() {
        result_ = CheckResult::network_failure;
        connection_->send(headers_, {});
    }
    void on_probe_connected() override { ask(); }
    void on_probe_head(http::HeaderMap& headers) override {
        const std::string_view text = headers.get(HeaderId::status);
        uint16_t status = 0;
        std::from_chars(text.data(), text.data() + text.size(), status);
        if (headers.find("x-envoy-immediate-health-check-fail")) {
            result_ = CheckResult::told_to_leave;
        } else if (http_.expected.empty() ? status == 200 : is_in(http_.expected, status)) {
            result_ = headers.find("x-envoy-degraded") ? CheckResult::degraded : CheckResult::healthy;
        } else {
            result_ = is_in(http_.retriable, status) ? CheckResult::retriable_answer : CheckResult::wrong_answer;
        }
    }
    void on_probe_body(std::string) override {}
    void on_probe_trailers(http::HeaderMap&) override {}
    void on_probe_response_end(bool reusable) override {
        running_ = false;
        if (!reusable || !setting_.check.reuse_connection) abort();
        setting_.callbacks.on_probe_result(result_);
    }
    void on_probe_connection_gone(bool ask_again) override {
        connection_ = nullptr;
        if (ask_again && running_) {
            connection_ = new HttpProbeConnection(setting_, http_.http2, *this);
            return;
        }
        if (std::exchange(running_, false)) setting_.callbacks.on_probe_result(CheckResult::network_failure);
    }

    const ProbeSetting setting_;
    const config::HttpCheckConfig& http_;
    http::HeaderMap headers_;
    HttpProbeConnection* connection_ = nullptr;  // destroys itself
    CheckResult result_ = CheckResult::network_failure;
    bool running_ = false;
};

}  // namespace

std::unique_ptr<HealthProbe> make_http_probe(const ProbeSetting& setting, const config::HttpCheckConfig& http) {
    return std::make_unique<HttpProbe>(setting, http);
}

std::unique_ptr<HealthProbe> make_health_probe(const ProbeSetting& setting) {
    const auto& kind = setting.check.kind;
    if (const auto* http = std::get_if<config::HttpCheckConfig>(&kind)) return make_http_probe(setting, *http);
    if (const auto* tcp = std::get_if<config::TcpCheckConfig>(&kind)) return make_tcp_probe(setting, *tcp);
    return make_grpc_probe(setting, std::get<config::GrpcCheckConfig>(kind));
}

}  // namespace heirloom::upstream
