// SPDX-License-Identifier: Apache-2.0
// Decoders that pass everything to their owner, so that it can be the codec's callbacks as well.
#pragma once

#include "proxy/http/codec.h"

namespace heirloom::http::test {

template <class Owner>
struct RequestForwarder : RequestDecoder {
    Owner& owner;
    explicit RequestForwarder(Owner& target) : owner(target) {}
    void on_request_headers(HeaderMap& headers, Protocol protocol, bool end_stream) override {
        owner.on_request_headers(headers, protocol, end_stream);
    }
    void on_request_body(network::Buffer& data, bool end_stream) override { owner.on_request_body(data, end_stream); }
    void on_request_trailers(HeaderMap& trailers) override { owner.on_request_trailers(trailers); }
    void on_stream_reset(StreamReset reason) override { owner.on_stream_reset(reason); }
};

template <class Owner>
struct ResponseForwarder : ResponseDecoder {
    Owner& owner;
    explicit ResponseForwarder(Owner& target) : owner(target) {}
    void on_interim(uint16_t status, HeaderMap& headers) override { owner.on_interim(status, headers); }
    void on_response_headers(HeaderMap& headers, bool end_stream) override {
        owner.on_response_headers(headers, end_stream);
    }
    void on_response_body(network::Buffer& data, bool end_stream) override { owner.on_response_body(data, end_stream); }
    void on_response_trailers(HeaderMap& trailers) override { owner.on_response_trailers(trailers); }
    void on_stream_reset(StreamReset reason) override { owner.on_stream_reset(reason); }
    void on_request_flow_high() override { owner.on_request_flow(true); }
    void on_request_flow_low() override { owner.on_request_flow(false); }
};

}  // namespace heirloom::http::test
