// SPDX-License-Identifier: Apache-2.0
// A gRPC check: grpc.health.v1.Health/Check over HTTP/2. The two messages are so small that they are written and read
// here: HealthCheckRequest{service = 1}, HealthCheckResponse{status = 1}.
#include "proxy/upstream/http_probe_connection.h"

namespace heirloom::upstream {

namespace {

using http::HeaderId;

constexpr size_t kMostAnswer = 4096;

std::string length_of(size_t value, size_t bytes) {  // big endian
    std::string text;
    while (bytes-- > 0) text += static_cast<char>(value >> (8 * bytes) & 0xFF);
    return text;
}

// The frame with the request in it.
std::string request_for(const std::string& service) {
    std::string message;
    if (!service.empty()) {
        message += '\x0A';
        size_t length = service.size();  // varint
        for (; length > 0x7F; length >>= 7) message += static_cast<char>((length & 0x7F) | 0x80);
        message += static_cast<char>(length);
        message += service;
    }
    return std::string(1, '\0') + length_of(message.size(), 4) + message;
}

// One uncompressed frame with status SERVING.
bool is_serving(const std::string& answer) { return answer == std::string("\0\0\0\0\x02\x08\x01", 7); }

class GrpcProbe final : public HealthProbe, private HttpProbeConnection::Owner {
  public:
    GrpcProbe(const ProbeSetting& setting, const config::GrpcCheckConfig& grpc)
        : setting_(setting), request_(request_for(grpc.service_name)) {
        headers_.add_copy(HeaderId::method, "POST");
        headers_.add_copy(HeaderId::path, "/grpc.health.v1.Health/Check");
        headers_.add_copy(HeaderId::authority, grpc.authority.empty() ? setting.host : grpc.authority);
        headers_.add_copy("te", "trailers");
        headers_.add_copy("content-type", "application/grpc");
        headers_.add_copy(HeaderId::user_agent, "Envoy/HC");
        headers_.add_copy("grpc-timeout", std::to_string(setting.check.timeout.count()) + "m");
    }
    ~GrpcProbe() override { abort(); }

    void start() override {
        if (connection_ && !connection_->usable()) abort();
        running_ = true;
        if (connection_) return ask();
        connection_ = new HttpProbeConnection(setting_, true, *this);
    }

    void abort() override {
        running_ = false;
        if (HttpProbeConnection* const connection = std::exchange(connection_, nullptr)) connection->close();
    }

  private:
    void ask() {
        answer_.clear();
        status_.clear();
        connection_->send(headers_, request_);
    }
    void on_probe_connected() override { ask(); }
    void on_probe_head(http::HeaderMap& headers) override {
        accepted_ = headers.get(HeaderId::status) == "200";
        on_probe_trailers(headers);  // an answer may be trailers only
    }
    void on_probe_body(std::string bytes) override {
        if (answer_.size() < kMostAnswer) answer_ += bytes;
    }
    void on_probe_trailers(http::HeaderMap& trailers) override {
        if (const http::HeaderField* const status = trailers.find("grpc-status")) status_ = status->value;
    }
    void on_probe_response_end(bool reusable) override {
        running_ = false;
        if (!reusable || !setting_.check.reuse_connection) abort();
        const bool good = accepted_ && status_ == "0" && is_serving(answer_);
        setting_.callbacks.on_probe_result(good ? CheckResult::healthy : CheckResult::wrong_answer);
    }
    void on_probe_connection_gone(bool ask_again) override {
        connection_ = nullptr;
        if (ask_again && running_) {
            connection_ = new HttpProbeConnection(setting_, true, *this);
            return;
        }
        if (std::exchange(running_, false)) setting_.callbacks.on_probe_result(CheckResult::network_failure);
    }

    const ProbeSetting setting_;
    const std::string request_;
    http::HeaderMap headers_;
    HttpProbeConnection* connection_ = nullptr;  // destroys itself
    std::string answer_, status_;
    bool accepted_ = false;
    bool running_ = false;
};

}  // namespace

std::unique_ptr<HealthProbe> make_grpc_probe(const ProbeSetting& setting, const config::GrpcCheckConfig& grpc) {
    return std::make_unique<GrpcProbe>(setting, grpc);
}

}  // namespace heirloom::upstream
