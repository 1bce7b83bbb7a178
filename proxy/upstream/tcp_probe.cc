// SPDX-License-Identifier: Apache-2.0
// A TCP check: a connection, and if configured bytes to send and bytes that must come back.
#include "proxy/network/connection.h"
#include "proxy/upstream/health_probe.h"

namespace heirloom::upstream {

namespace {

constexpr size_t kMostAnswer = 64 * 1024;  // kept of an answer that does not match

class TcpProbe final : public HealthProbe, private network::ConnectionCallbacks {
  public:
    TcpProbe(const ProbeSetting& setting, const config::TcpCheckConfig& tcp) : setting_(setting), tcp_(tcp) {}
    ~TcpProbe() override { abort(); }

    void start() override {
        running_ = true;
        answer_.clear();
        if (connection_) return send();
        connection_ =
            network::Connection::connect(setting_.loop, setting_.address, std::chrono::milliseconds(0), *this);
        if (auto socket = setting_.callbacks.make_probe_transport({}))
            connection_->set_transport_socket(std::move(socket));
    }

    void abort() override {
        running_ = false;
        if (connection_) connection_->close();
    }

  private:
    void on_connected() override {
        if (tcp_.receive.empty()) return finish(CheckResult::healthy, false);
        send();
    }

    void send() {
        connection_->write_buffer().append(tcp_.send);
        connection_->flush();
    }

    void on_data() override {
        answer_ += connection_->read_buffer().to_string();
        connection_->read_buffer().clear();
        if (!running_) return answer_.clear();
        if (matches()) return finish(CheckResult::healthy, setting_.check.reuse_connection);
        if (answer_.size() > kMostAnswer) finish(CheckResult::wrong_answer, false);
    }

    bool matches() const {
        size_t at = 0;
        for (const std::string& part : tcp_.receive) {
            const size_t found = answer_.find(part, at);
            if (found == std::string::npos) return false;
            at = found + part.size();
        }
        return true;
    }

    void finish(CheckResult result, bool keep) {
        running_ = false;
        if (!keep) connection_->close();
        setting_.callbacks.on_probe_result(result);
    }

    void on_end_of_stream() override { connection_->close(network::CloseReason::remote); }

    void on_closed(network::CloseReason) override {
        setting_.loop.destroy_later(std::move(connection_));
        if (std::exchange(running_, false)) setting_.callbacks.on_probe_result(CheckResult::network_failure);
    }

    const ProbeSetting setting_;
    const config::TcpCheckConfig& tcp_;
    std::unique_ptr<network::Connection> connection_;
    std::string answer_;
    bool running_ = false;
};

}  // namespace

std::unique_ptr<HealthProbe> make_tcp_probe(const ProbeSetting& setting, const config::TcpCheckConfig& tcp) {
    return std::make_unique<TcpProbe>(setting, tcp);
}

}  // namespace heirloom::upstream
