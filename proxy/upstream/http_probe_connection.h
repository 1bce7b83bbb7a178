// SPDX-License-Identifier: Apache-2.0
// HttpProbeConnection: a connection for health checks over HTTP/1 or HTTP/2, one exchange at a time. Its end is told
// once; the object destroys itself then. Main thread.
#pragma once

#include <memory>
#include <string>

#include "proxy/http/codec.h"
#include "proxy/network/connection.h"
#include "proxy/upstream/health_probe.h"

namespace heirloom::upstream {

class HttpProbeConnection final : public network::Deferred,
                                  private network::ConnectionCallbacks,
                                  private http::ClientCallbacks,
                                  private http::ResponseDecoder {
  public:
    class Owner {
      public:
        virtual ~Owner() = default;
        virtual void on_probe_connected() = 0;
        virtual void on_probe_head(http::HeaderMap& headers) = 0;
        virtual void on_probe_body(std::string bytes) = 0;
        virtual void on_probe_trailers(http::HeaderMap& trailers) = 0;
        // The exchange is over. `reusable`: another one may follow.
        virtual void on_probe_response_end(bool reusable) = 0;
        // No connection, or it or the exchange broke. Last call. `ask_again`: the connection had served before, and its
        // orderly end (GOAWAY) crossed a request, which the endpoint has not looked at.
        virtual void on_probe_connection_gone(bool ask_again) = 0;
    };

    HttpProbeConnection(const ProbeSetting& setting, bool http2, Owner& owner);
    // Another exchange may begin on it.
    bool usable() const { return reusable_ && codec_ && codec_->open_streams() < codec_->max_streams(); }
    // REQUIRES: connected, and no exchange is under way.
    void send(const http::HeaderMap& headers, std::string_view body);
    // No further call to the owner.
    void close();

  private:
    void on_connected() override;
    void on_data() override;
    void on_end_of_stream() override;
    void on_closed(network::CloseReason reason) override;
    void on_write_buffer_high() override {}
    void on_write_buffer_low() override {}
    void on_stream_complete(bool reusable) override;
    void on_protocol_error() override;
    void on_goaway() override { reusable_ = false; }
    void on_interim(uint16_t, http::HeaderMap&) override {}
    void on_response_headers(http::HeaderMap& headers, bool end_stream) override;
    void on_response_body(network::Buffer& data, bool end_stream) override;
    void on_response_trailers(http::HeaderMap& trailers) override;
    void on_stream_reset(http::StreamReset reason) override;
    void on_request_flow_high() override {}
    void on_request_flow_low() override {}
    void on_stream_complete() override { end_exchange(); }
    void end_exchange();

    network::EventLoop& loop_;
    const bool http2_;
    Owner* owner_;  // null: wants to hear nothing
    std::unique_ptr<network::Connection> connection_;
    std::unique_ptr<http::ClientCodec> codec_;
    bool secure_ = false;
    bool exchanging_ = false;
    bool complete_ = false;  // the response
    bool reusable_ = true;
    bool served_ = false;  // an exchange before
    bool ask_again_ = false;
    bool closed_ = false;
};

}  // namespace heirloom::upstream
