// SPDX-License-Identifier: Apache-2.0
#include "proxy/access_log/values.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <utility>

#include "proxy/access_log/append.h"
#include "proxy/access_log/filter.h"
#include "proxy/access_log/grpc_status.h"
#include "proxy/access_log/tls_values.h"

namespace heirloom::access_log {

namespace {

using config::LogOperator;
using http::ResponseFlag;
using OptionalTime = std::optional<http::StreamInfo::Steady>;

bool is_local_time(LogOperator op) { return op == LogOperator::start_time_local || op == LogOperator::emit_time_local; }

bool is_time(LogOperator op) {
    return op == LogOperator::start_time || op == LogOperator::emit_time ||
           op == LogOperator::downstream_peer_cert_v_start || op == LogOperator::downstream_peer_cert_v_end ||
           op == LogOperator::upstream_peer_cert_v_start || op == LogOperator::upstream_peer_cert_v_end ||
           is_local_time(op);
}

bool is_header(LogOperator op) {
    return op == LogOperator::req || op == LogOperator::resp || op == LogOperator::trailer;
}

std::string host_name() {
    std::array<char, 256> name{};
    return gethostname(name.data(), name.size() - 1) == 0 && name[0] != '\0' ? name.data() : "-";
}

bool append_text(std::string& out, std::string_view value) {
    out.append(value);
    return !value.empty();
}

bool append_count(std::string& out, uint64_t value) {
    append_number(out, value);
    return true;
}

bool append_milliseconds(std::string& out, const OptionalTime& from, const OptionalTime& to) {
    if (!from || !to) return false;
    const auto elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(*to - *from).count();
    return append_count(out, static_cast<uint64_t>(std::max<int64_t>(elapsed, 0)));
}

bool append_flags(std::string& out, const http::StreamInfo& info, std::string_view (*name)(ResponseFlag)) {
    const size_t before = out.size();
    const auto append_flag = [&](ResponseFlag flag) {
        if (out.size() != before) out.push_back(',');
        out.append(name(flag));
    };
    // Envoy prints the exhausted retry of a request before the reason of the last attempt; the others, and those of a
    // TCP connection, stand in the table's order.
    const uint32_t flags = info.response_flags;
    const uint32_t retries =
        info.protocol ? 1u << static_cast<unsigned>(ResponseFlag::upstream_retry_limit_exceeded) : 0u;
    if (flags & retries) append_flag(ResponseFlag::upstream_retry_limit_exceeded);
    for (uint32_t rest = flags & ~retries; rest != 0; rest &= rest - 1) {
        append_flag(static_cast<ResponseFlag>(__builtin_ctz(rest)));
    }
    if (out.size() == before) out.push_back('-');
    return true;
}

bool append_details(std::string& out, std::string_view details, bool keep_blanks) {
    const size_t before = out.size();
    out.append(details);
    if (!keep_blanks) std::replace(out.begin() + static_cast<std::ptrdiff_t>(before), out.end(), ' ', '_');
    return !details.empty();
}

// All values of the header, joined by a comma. False: it is not there.
bool append_header(std::string& out, const http::HeaderMap& headers, http::HeaderId id, std::string_view name) {
    if (id != http::HeaderId::other && !headers.has(id)) return false;
    if (id <= http::HeaderId::status) {  // a pseudo header comes once
        const std::string_view value = headers.get(id);
        out.append(value);
        return value.data() != nullptr;
    }
    bool found = false;
    for (const http::HeaderField& field : headers.fields()) {
        if (field.removed || field.id != id || (id == http::HeaderId::other && field.name != name)) continue;
        if (found) out.push_back(',');
        out.append(field.value);
        found = true;
    }
    return found;
}

bool append_remote(std::string& out, const http::StreamInfo& info, LogOperator op) {
    const bool by_headers = !info.downstream_remote.empty();
    if (!by_headers && !info.downstream_direct_remote) return false;
    if (op == LogOperator::downstream_remote_address) {
        by_headers ? void(out.append(info.downstream_remote)) : append_address(out, *info.downstream_direct_remote);
    } else if (op == LogOperator::downstream_remote_address_without_port) {
        by_headers ? void(out.append(ip_of(info.downstream_remote))) : append_ip(out, *info.downstream_direct_remote);
    } else if (by_headers) {
        return append_text(out, port_of(info.downstream_remote));
    } else {
        append_number(out, info.downstream_direct_remote->port());
    }
    return true;
}

bool append_optional(std::string& out, const shm::SocketAddress* address,
                     void (*append)(std::string&, const shm::SocketAddress&)) {
    if (address) append(out, *address);
    return address != nullptr;
}

const network::TlsSession* upstream_tls(const http::StreamInfo& info) {
    return info.upstream_details ? info.upstream_details->tls.get() : nullptr;
}

void append_port(std::string& out, const shm::SocketAddress& address) { append_number(out, address.port()); }

// The endpoint of a connection that came to be.
const shm::SocketAddress* connected_host(const http::StreamInfo& info) {
    return info.upstream_local ? info.upstream_host : nullptr;
}

bool append_headers(std::string& out, const http::HeaderMap* headers, const Operation& operation) {
    if (!headers) return false;
    return append_header(out, *headers, operation.id, operation.text) ||
           (!operation.alternative.empty() &&
            append_header(out, *headers, operation.alternative_id, operation.alternative));
}

bool append_validity(std::string& out, TimeFormat& format, const network::TlsSession* tls,
                     std::chrono::system_clock::time_point network::CertificateInfo::*when) {
    const network::CertificateInfo* peer = tls ? tls->peer_certificate() : nullptr;
    if (peer) format.append(out, peer->*when);
    return peer != nullptr;
}

}  // namespace

Operation make_operation(config::LogPiece&& piece, std::vector<TimeFormat>& times) {
    Operation made;
    made.op = piece.op;
    made.text = std::move(piece.text);
    made.alternative = std::move(piece.alternative);
    if (piece.max_length) made.max_length = *piece.max_length;
    if (is_time(piece.op)) {
        made.time = times.size();
        times.emplace_back(made.text, is_local_time(piece.op));
    } else if (is_header(piece.op)) {
        made.id = http::lookup_header(made.text);
        made.alternative_id = http::lookup_header(made.alternative);
    } else if (piece.op == LogOperator::hostname) {
        made.text = host_name();
    } else if (piece.op == LogOperator::environment) {
        const char* value = std::getenv(made.text.c_str());
        made.text = value ? std::string(value).substr(0, made.max_length) : "-";  // a text also in JSON, as in Envoy
    } else if (piece.op == LogOperator::common_duration) {
        made.request = make_duration(made.text);
    } else if (piece.op == LogOperator::path) {
        made.request = make_path(made.text);
    }
    return made;
}

bool append_value(std::string& out, const Operation& operation, std::vector<TimeFormat>& times, const Record& record,
                  std::chrono::system_clock::time_point now) {
    const http::StreamInfo& info = record.info;
    const size_t before = out.size();
    const auto cut = [&](bool found) {
        if (out.size() - before > operation.max_length) out.resize(before + operation.max_length);
        return found;
    };
    switch (operation.op) {
        case LogOperator::literal:  // the text after the last value
            break;
        case LogOperator::local_reply_body:  // empty, and there all the same, in a log
            out.append(record.local_reply_body);
            return true;
        case LogOperator::hostname:
        case LogOperator::environment:
            return append_text(out, operation.text);
        case LogOperator::start_time:
        case LogOperator::start_time_local:
            times[operation.time].append(out, info.start_wall);
            return true;
        case LogOperator::emit_time:
        case LogOperator::emit_time_local:
            times[operation.time].append(out, now);
            return true;
        case LogOperator::bytes_received:
            return append_count(out, info.bytes_received);
        case LogOperator::bytes_sent:
            return append_count(out, info.bytes_sent);
        case LogOperator::request_headers_bytes:
            return append_count(out, info.request_headers_bytes);
        case LogOperator::response_headers_bytes:
            return append_count(out, info.response_headers_bytes);
        case LogOperator::response_trailers_bytes:
            return append_count(out, record.trailers ? record.trailers->byte_size() : 0);
        case LogOperator::protocol:
            return append_text(out, info.protocol ? http::name_of(*info.protocol) : std::string_view{});
        case LogOperator::upstream_protocol:
            return append_text(out,
                               info.upstream_protocol ? http::name_of(*info.upstream_protocol) : std::string_view{});
        case LogOperator::response_code:
            return append_count(out, info.response_code);
        case LogOperator::response_code_details:
            return append_details(out, info.response_code_details, operation.text == "ALLOW_WHITESPACES");
        case LogOperator::connection_termination_details:
            return append_text(out, info.connection_termination_details);
        case LogOperator::response_flags:
            return append_flags(out, info, &http::short_name_of);
        case LogOperator::response_flags_long:
            return append_flags(out, info, &http::long_name_of);
        case LogOperator::duration:
            // In a field of a message under way: so far.
            return append_milliseconds(out, info.start, info.end ? info.end : std::chrono::steady_clock::now());
        case LogOperator::request_duration:
            return append_milliseconds(out, info.start, info.request_end);
        case LogOperator::request_tx_duration:
            return append_milliseconds(out, info.start, info.upstream_request_end);
        case LogOperator::response_duration:
            return append_milliseconds(out, info.start, info.upstream_response_start);
        case LogOperator::response_tx_duration:
            return append_milliseconds(out, info.upstream_response_start, info.end);
        case LogOperator::common_duration:
            return append_duration(out, operation.request, info);
        case LogOperator::route_name:
            return append_text(out, info.route_name);
        case LogOperator::upstream_host:
            return append_optional(out, info.upstream_host, &append_address);
        case LogOperator::upstream_host_name:
            if (!info.upstream_host_name.empty()) return append_text(out, info.upstream_host_name);
            return append_optional(out, info.upstream_host, &append_address);
        case LogOperator::upstream_host_name_without_port:
            if (!info.upstream_host_name.empty()) return append_text(out, ip_of(info.upstream_host_name));
            return append_optional(out, info.upstream_host, &append_ip);
        case LogOperator::upstream_cluster:
            return append_text(out, info.upstream_cluster);
        case LogOperator::upstream_local_address:
            return append_optional(out, info.upstream_local ? &*info.upstream_local : nullptr, &append_address);
        case LogOperator::upstream_local_address_without_port:
            return append_optional(out, info.upstream_local ? &*info.upstream_local : nullptr, &append_ip);
        case LogOperator::upstream_local_port:
            return append_optional(out, info.upstream_local ? &*info.upstream_local : nullptr, &append_port);
        case LogOperator::upstream_remote_address:
            return append_optional(out, connected_host(info), &append_address);
        case LogOperator::upstream_remote_address_without_port:
            return append_optional(out, connected_host(info), &append_ip);
        case LogOperator::upstream_remote_port:
            return append_optional(out, connected_host(info), &append_port);
        case LogOperator::upstream_request_attempt_count:
            return append_count(out, info.upstream_attempts);
        case LogOperator::downstream_remote_address:
        case LogOperator::downstream_remote_address_without_port:
        case LogOperator::downstream_remote_port:
            return append_remote(out, info, operation.op);
        case LogOperator::downstream_direct_remote_address:
            return append_optional(out, info.downstream_direct_remote, &append_address);
        case LogOperator::downstream_direct_remote_address_without_port:
            return append_optional(out, info.downstream_direct_remote, &append_ip);
        case LogOperator::downstream_direct_remote_port:
            return append_optional(out, info.downstream_direct_remote, &append_port);
        case LogOperator::downstream_local_address:
            return append_optional(out, info.downstream_local, &append_address);
        case LogOperator::downstream_local_address_without_port:
            return append_optional(out, info.downstream_local, &append_ip);
        case LogOperator::downstream_local_port:
            return append_optional(out, info.downstream_local, &append_port);
        case LogOperator::connection_id:
            return append_count(out, info.connection_id);
        case LogOperator::stream_id:
            return append_text(out, record.request.get(http::HeaderId::x_request_id));
        case LogOperator::access_log_type:
            return append_text(out, config::name_of(type_of(record)));
        case LogOperator::filter_chain_name:
            return append_text(out, info.filter_chain_name);
        case LogOperator::requested_server_name: {
            std::string_view name = info.requested_server_name;
            if (name.empty() && info.downstream_tls) name = info.downstream_tls->sni();
            return append_server_name(out, name);
        }
        case LogOperator::downstream_tls_version:
        case LogOperator::downstream_tls_cipher:
        case LogOperator::downstream_tls_session_id:
        case LogOperator::downstream_peer_subject:
        case LogOperator::downstream_peer_issuer:
        case LogOperator::downstream_peer_serial:
        case LogOperator::downstream_peer_fingerprint_256:
        case LogOperator::downstream_peer_fingerprint_1:
        case LogOperator::downstream_peer_cert:
        case LogOperator::downstream_peer_uri_san:
        case LogOperator::downstream_peer_dns_san:
        case LogOperator::downstream_peer_ip_san:
        case LogOperator::downstream_peer_email_san:
        case LogOperator::downstream_local_subject:
        case LogOperator::downstream_local_uri_san:
        case LogOperator::downstream_local_dns_san:
        case LogOperator::downstream_local_ip_san:
        case LogOperator::downstream_local_email_san:
            return info.downstream_tls && append_tls_value(out, *info.downstream_tls, operation.op);
        case LogOperator::upstream_tls_version:
        case LogOperator::upstream_tls_cipher:
        case LogOperator::upstream_tls_session_id:
        case LogOperator::upstream_peer_subject:
        case LogOperator::upstream_peer_issuer:
        case LogOperator::upstream_peer_cert:
        case LogOperator::upstream_peer_uri_san:
        case LogOperator::upstream_peer_dns_san:
        case LogOperator::upstream_peer_ip_san:
        case LogOperator::upstream_local_uri_san:
        case LogOperator::upstream_local_dns_san:
        case LogOperator::upstream_local_ip_san: {
            const network::TlsSession* tls = upstream_tls(info);
            return tls && append_tls_value(out, *tls, operation.op);
        }
        case LogOperator::downstream_peer_cert_v_start:
            return append_validity(out, times[operation.time], info.downstream_tls,
                                   &network::CertificateInfo::not_before);
        case LogOperator::downstream_peer_cert_v_end:
            return append_validity(out, times[operation.time], info.downstream_tls,
                                   &network::CertificateInfo::not_after);
        case LogOperator::upstream_peer_cert_v_start:
            return append_validity(out, times[operation.time], upstream_tls(info),
                                   &network::CertificateInfo::not_before);
        case LogOperator::upstream_peer_cert_v_end:
            return append_validity(out, times[operation.time], upstream_tls(info),
                                   &network::CertificateInfo::not_after);
        case LogOperator::upstream_transport_failure_reason:
            return append_details(
                out, info.upstream_details ? info.upstream_details->transport_failure : std::string_view{}, false);
        case LogOperator::grpc_status:
        case LogOperator::grpc_status_number:
            return append_grpc_status(
                out, record,
                operation.op == LogOperator::grpc_status_number ? "NUMBER" : std::string_view(operation.text));
        case LogOperator::req:
            return cut(append_headers(out, &record.request, operation));
        case LogOperator::resp:
            return cut(append_headers(out, record.response, operation));
        case LogOperator::query_param:
            return cut(append_query_parameter(out, operation.text, record.request));
        case LogOperator::path:
            return cut(append_path(out, operation.request, record.request));
        case LogOperator::trailer:
            return cut(append_headers(out, record.trailers, operation));
    }
    return false;
}

}  // namespace heirloom::access_log
