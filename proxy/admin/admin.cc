// SPDX-License-Identifier: Apache-2.0
#include "proxy/admin/admin.h"

#include <algorithm>
#include <optional>
#include <string>

#include "proxy/admin/paths.h"
#include "proxy/config/stats_config.h"

namespace heirloom::admin {

namespace {

using http::HeaderId;

constexpr size_t kMaximumBody = 64 * 1024;
constexpr size_t kPieceBytes = 64 * 1024;

Answer answer_of(ServerView& server, stats::Report& report, std::string_view target, std::string_view method,
                 std::string_view form) {
    const size_t question = target.find('?');
    const std::string_view path_text = target.substr(0, question);
    std::string_view query_text = question == std::string_view::npos ? std::string_view{} : target.substr(question + 1);
    if (query_text.empty()) query_text = form;

    Answer answer;
    const Path* path = find_path(path_text);
    if (!path) {
        answer.status = 404;
        answer.body = "invalid path. " + help_text();
    } else if (path->post && method != "POST") {
        answer.status = 405;
        answer.body = "Method " + std::string(method) + " not allowed, POST required.";
    } else {
        const Query query(query_text);
        path->handler({server, report, query}, answer);
    }
    return answer;
}

class AdminStream : public http::StreamHandler {
  public:
    AdminStream(ServerView& server, stats::Report& report, http::DownstreamStream& stream)
        : server_(server), report_(report), stream_(stream) {}

    void on_request_headers(http::HeaderMap& headers, bool end_stream) override {
        target_ = headers.get(HeaderId::path);
        method_ = headers.get(HeaderId::method);
        is_form_ = headers.get(HeaderId::content_type).starts_with("application/x-www-form-urlencoded");
        if (method_ == "CONNECT" || headers.has(HeaderId::upgrade)) {
            answered_ = true;
            return stream_.refuse_tunnel();
        }
        if (end_stream) respond();
    }

    void on_request_body(network::Buffer& data, bool end_stream) override {
        if (!answered_ && body_.size() + data.size() > kMaximumBody) {
            answered_ = true;
            stream_.send_local_reply(413, "Payload Too Large", "request_payload_too_large");
        }
        while (!data.empty()) {
            if (!answered_ && is_form_) body_.append(data.front());
            data.consume(data.front().size());
        }
        if (end_stream && !answered_) respond();
    }

    void on_request_trailers(http::HeaderMap&) override {
        if (!answered_) respond();
    }

    void on_response_flow_high() override {}
    void on_response_flow_low() override { send_more(); }
    void on_destroy() override { sent_ = answer_.body.size(); }

  private:
    void respond() {
        answered_ = true;
        answer_ = answer_of(server_, report_, target_, method_, is_form_ ? body_ : std::string_view{});
        if (answer_.afterwards) stream_.loop().run_later(std::move(answer_.afterwards));
        headers_.add_copy(HeaderId::status, std::to_string(answer_.status));
        headers_.add_copy(HeaderId::content_type, answer_.content_type);
        headers_.add_copy("cache-control", "no-cache, max-age=0");
        headers_.add_copy("x-content-type-options", "nosniff");
        stream_.info().response_code_details = "admin_filter_response";
        const bool head_only = method_ == "HEAD" || answer_.body.empty();
        if (head_only) answer_.body.clear();
        stream_.send_headers(headers_, head_only);
        if (!head_only) send_more();
    }

    // In pieces, so that a client that reads slowly holds the answer once and not twice.
    void send_more() {
        while (sent_ < answer_.body.size() && !stream_.response_flow_high()) {
            const std::string_view piece = std::string_view(answer_.body).substr(sent_, kPieceBytes);
            sent_ += piece.size();
            network::Buffer data;
            data.append(piece);
            stream_.send_body(data, sent_ == answer_.body.size());
        }
    }

    ServerView& server_;
    stats::Report& report_;
    http::DownstreamStream& stream_;
    std::string target_, method_, body_;
    bool is_form_ = false;
    bool answered_ = false;
    Answer answer_;
    http::HeaderMap headers_;
    size_t sent_ = 0;
};

class Admin : public http::StreamHandlerFactory {
  public:
    explicit Admin(ServerView& server)
        : server_(server), report_(server.segment(), rules_of(server)), flush_timer_(&Admin::on_flush_interval, this) {}

    std::unique_ptr<http::StreamHandler> make_handler(http::DownstreamStream& stream) override {
        // Intervals begin with the first question: nobody pays for them where only Prometheus reads.
        const config::StatsConfig* const stats = server_.snapshot().stats.get();
        if (!flush_timer_.armed() && !(stats && stats->flush_on_admin)) {
            loop_ = &stream.loop();
            on_flush_interval(this);
        }
        return std::make_unique<AdminStream>(server_, report_, stream);
    }

  private:
    static const stats::Rules& rules_of(ServerView& server) {
        const auto& config = server.snapshot().stats;
        return config ? config->rules : stats::default_rules();
    }
    static void on_flush_interval(void* self) {
        auto& admin = *static_cast<Admin*>(self);
        admin.report_.flush();
        const auto interval = std::max(admin.server_.snapshot().stats_flush_interval, std::chrono::milliseconds(1));
        admin.flush_timer_.arm(admin.loop_->timers(), interval);
    }

    ServerView& server_;
    stats::Report report_;
    network::EventLoop* loop_ = nullptr;
    network::Timer flush_timer_;
};

}  // namespace

std::unique_ptr<http::StreamHandlerFactory> make_admin(ServerView& server) { return std::make_unique<Admin>(server); }

}  // namespace heirloom::admin
