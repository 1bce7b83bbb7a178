// SPDX-License-Identifier: Apache-2.0
#include "proxy/router/mirror.h"

#include <algorithm>
#include <charconv>

#include "proxy/router/upstream_failure.h"

namespace heirloom::router {

using http::HeaderId;
using http::StreamReset;
using std::chrono::milliseconds;

namespace {

constexpr size_t kMostSpare = 64;
constexpr size_t kSpread = 2;  // memory that the bytes may take up, as pieces of shared blocks

// Header maps keep their memory from one mirrored request to the next.
std::vector<std::unique_ptr<http::HeaderMap>>& spare_maps() {
    thread_local std::vector<std::unique_ptr<http::HeaderMap>> maps;
    return maps;
}

std::unique_ptr<http::HeaderMap> copy_of(const http::HeaderMap& headers) {
    auto& spare = spare_maps();
    std::unique_ptr<http::HeaderMap> copy;
    if (spare.empty()) {
        copy = std::make_unique<http::HeaderMap>();
    } else {
        copy = std::move(spare.back());
        spare.pop_back();
    }
    for (const http::HeaderField& field : headers.fields()) {
        if (!field.removed) copy->add_copy(field.name, field.value).never_indexed = field.never_indexed;
    }
    return copy;
}

void put_back(std::unique_ptr<http::HeaderMap> map) {
    if (!map || spare_maps().size() >= kMostSpare) return;
    map->clear();
    spare_maps().push_back(std::move(map));
}

}  // namespace

std::string shadow_host(std::string_view host) {
    // Colons within brackets are not the port's.
    const size_t bracket = host.rfind(']');
    const size_t colon = host.find(':', bracket == std::string_view::npos ? 0 : bracket);
    std::string shadow(host.substr(0, colon));
    shadow += "-shadow";
    if (colon != std::string_view::npos) shadow += host.substr(colon);
    return shadow;
}

Mirror::Mirror(network::EventLoop& loop, upstream::WorkerClusters& clusters, upstream::WorkerCluster& cluster,
               MirrorSet& set, const MirrorRequest& request, bool keeps_host)
    : loop_(loop),
      clusters_(clusters),
      cluster_(cluster),
      set_(&set),
      headers_(copy_of(request.headers)),
      timer_(&on_timeout, this),
      timeout_(request.timeout),
      most_held_(request.most_held) {
    headers_->set(HeaderId::authority, keeps_host ? std::string(request.host) : shadow_host(request.host));
    headers_->set(HeaderId::x_envoy_internal, "true");
    // Nobody waits for the 100.
    headers_->remove(HeaderId::expect);
    set.add(*this);
    clusters_.note_background(1);
}

Mirror::~Mirror() {
    put_back(std::move(headers_));
    put_back(std::move(trailers_));
}

void Mirror::start(const MirrorRequest& request) {
    if (request.complete) complete();
    endpoint_ = cluster_.choose(request.hash);
    if (!endpoint_) {
        count(503);
        return end();
    }
    upstream::StreamNeeds needs{false, request.downstream, headers_.get()};
    needs.source = request.source;
    needs.destination = request.destination;
    const upstream::Acquired acquired = cluster_.acquire(endpoint_, *this, *this, needs);
    if (acquired.failure) return fail(*acquired.failure);
    ticket_ = acquired.ticket;
    if (acquired.encoder) send_request(*acquired.encoder);
}

void Mirror::on_pool_ready(http::RequestEncoder& encoder, upstream::UpstreamTransport&) {
    ticket_ = nullptr;
    send_request(encoder);
}

void Mirror::on_pool_failure(StreamReset reason, std::string_view) {
    ticket_ = nullptr;
    fail(reason);
}

void Mirror::send_request(http::RequestEncoder& encoder) {
    encoder_ = &encoder;
    cluster_.report_local_origin(endpoint_, upstream::LocalOrigin::connected);
    sent_ = complete_ && held_.empty() && !trailers_;
    encoder.encode_headers(*headers_, sent_);
    if (!sent_) send_held();
}

void Mirror::send_held() {
    if (!encoder_ || sent_ || pauses_ > 0) return;
    if (!held_.empty() || (complete_ && !trailers_)) {
        sent_ = complete_ && !trailers_;
        encoder_->encode_body(held_, sent_);
        if (held_.empty()) held_memory_ = 0;
    }
    if (encoder_ && complete_ && trailers_ && !sent_) {
        sent_ = true;
        encoder_->encode_trailers(*trailers_);
    }
}

bool Mirror::send_body(const network::Buffer& data, bool end_stream) {
    held_memory_ += held_.share(data);
    if (end_stream) complete();
    send_held();
    const size_t most_memory = kSpread * std::max<size_t>(most_held_, network::kBlockBytes);
    if (over_ || (held_.size() <= most_held_ && held_memory_ <= most_memory)) return true;
    abandon();
    end();
    return false;
}

void Mirror::send_trailers(const http::HeaderMap& trailers) {
    trailers_ = copy_of(trailers);
    complete();
    send_held();
}

void Mirror::on_request_flow_low() {
    if (pauses_ > 0 && --pauses_ == 0) send_held();
}

// The set has nothing more for it.
void Mirror::complete() {
    complete_ = true;
    complete_at_ = loop_.now();
    if (!over_ && timeout_.count() > 0) timer_.arm(loop_.timers(), timeout_);
}

void Mirror::leave() {
    set_ = nullptr;
    if (complete_ || over_) return;
    abandon();
    end();
}

void Mirror::on_response_headers(http::HeaderMap& headers, bool end_stream) {
    const std::string_view text = headers.get(HeaderId::status);
    uint16_t status = 0;
    std::from_chars(text.data(), text.data() + text.size(), status);
    cluster_.report_status(endpoint_, outlier_status(headers, status));
    count(status);
    if (end_stream) finish_response();
}

void Mirror::on_response_body(network::Buffer& data, bool end_stream) {
    data.clear();
    if (end_stream) finish_response();
}

void Mirror::on_response_trailers(http::HeaderMap&) { finish_response(); }

void Mirror::finish_response() {
    if (complete_) {
        const auto took = std::chrono::duration_cast<milliseconds>(loop_.now() - complete_at_);
        cluster_.stats().record_time(static_cast<uint64_t>(took.count()), true);
    }
    // The rest of the request has no reader.
    if (sent_) {
        encoder_ = nullptr;
    } else {
        abandon();
    }
    end();
}

void Mirror::on_stream_reset(StreamReset reason) {
    encoder_ = nullptr;
    if (reason == StreamReset::remote) cluster_.stats().upstream_rq_rx_reset.add();
    fail(reason);
}

void Mirror::fail(StreamReset reason) {
    if (reason != StreamReset::unprocessed && reason != StreamReset::overflow)
        cluster_.report_local_origin(endpoint_, upstream::LocalOrigin::failed);
    count(status_of(reason));
    end();
}

void Mirror::on_timeout(void* self) {
    auto& mirror = *static_cast<Mirror*>(self);
    mirror.cluster_.stats().upstream_rq_timeout.add();
    mirror.cluster_.report_local_origin(mirror.endpoint_, upstream::LocalOrigin::timeout);
    mirror.endpoint_.numbers().rq_timeout.add();
    mirror.count(504);
    mirror.abandon();
    mirror.end();
}

void Mirror::count(uint16_t status) {
    cluster_.stats().count_response(status, true);
    if (endpoint_) (status >= 500 ? endpoint_.numbers().rq_error : endpoint_.numbers().rq_success).add();
}

void Mirror::abandon() {
    if (upstream::PoolTicket* const ticket = std::exchange(ticket_, nullptr)) ticket->cancel();
    if (http::RequestEncoder* const encoder = std::exchange(encoder_, nullptr)) encoder->reset(StreamReset::local);
}

void Mirror::end() {
    if (std::exchange(over_, true)) return;
    clusters_.note_background(-1);
    timer_.cancel();
    endpoint_.reset();
    held_.clear();
    if (set_) set_->forget(*this);
    set_ = nullptr;
    loop_.destroy_later(std::unique_ptr<network::Deferred>(this));
}

// One that fails may take others along: they share connections.
void MirrorSet::forget(const Mirror& mirror) {
    std::replace(mirrors_.begin(), mirrors_.end(), const_cast<Mirror*>(&mirror), static_cast<Mirror*>(nullptr));
}

size_t MirrorSet::send_body(const network::Buffer& data, bool end_stream) {
    size_t given_up = 0;
    for (size_t i = 0; i < mirrors_.size(); ++i) {
        if (mirrors_[i] && !mirrors_[i]->send_body(data, end_stream)) ++given_up;
    }
    std::erase(mirrors_, nullptr);
    return given_up;
}

void MirrorSet::send_trailers(const http::HeaderMap& trailers) {
    for (size_t i = 0; i < mirrors_.size(); ++i) {
        if (mirrors_[i]) mirrors_[i]->send_trailers(trailers);
    }
    std::erase(mirrors_, nullptr);
}

void MirrorSet::leave_all() {
    std::vector<Mirror*> mirrors;
    mirrors.swap(mirrors_);
    for (Mirror* const mirror : mirrors) {
        if (mirror) mirror->leave();
    }
}

}  // namespace heirloom::router
