// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/http1_head.h"

#include <algorithm>
#include <limits>

#include "proxy/http/http1_chars.h"

namespace heirloom::http {
namespace {

constexpr std::string_view kSyntax = "http1.codec_error";
constexpr size_t kAuthorityIndex = 0;  // of the request's map

bool parse_content_length(std::string_view text, uint64_t& out) {
    // 18 digits are far beyond any body and cannot overflow.
    if (text.empty() || text.size() > 18) return false;
    out = 0;
    for (const char c : text) {
        if (!is_digit(c)) return false;
        out = out * 10 + static_cast<uint64_t>(c - '0');
    }
    return true;
}

void read_connection_tokens(std::string_view value, MessageHead& head) {
    while (!value.empty()) {
        const size_t comma = std::min(value.find(','), value.size());
        std::string_view token = value.substr(0, comma);
        value.remove_prefix(std::min(comma + 1, value.size()));
        while (!token.empty() && is_blank(token.front())) token.remove_prefix(1);
        while (!token.empty() && is_blank(token.back())) token.remove_suffix(1);
        if (equals_ignoring_case(token, "close")) head.connection_close = true;
        if (equals_ignoring_case(token, "keep-alive")) head.connection_keep_alive = true;
        if (equals_ignoring_case(token, "upgrade")) head.connection_upgrade = true;
    }
}

// Framing, routing and connection fields mean nothing after the body; a receiver that merged them could be misled.
bool is_forbidden_trailer(HeaderId id) {
    return id == HeaderId::content_length || id == HeaderId::transfer_encoding || id == HeaderId::host ||
           id == HeaderId::connection || id == HeaderId::te || id == HeaderId::trailer || id == HeaderId::upgrade ||
           id == HeaderId::keep_alive || id == HeaderId::proxy_connection || id == HeaderId::expect;
}

// Fields that framing has to look at.
constexpr std::array<bool, kWellKnownHeaders + 1> kExamined = [] {
    std::array<bool, kWellKnownHeaders + 1> table{};
    for (const HeaderId id :
         {HeaderId::content_length, HeaderId::transfer_encoding, HeaderId::connection, HeaderId::host}) {
        table[static_cast<size_t>(id)] = true;
    }
    return table;
}();

}  // namespace

void HeadParser::start(Kind kind, const Http1Settings& settings) {
    *this = HeadParser();
    kind_ = kind;
    settings_ = &settings;
}

void HeadParser::restart(HeaderMap& map) {
    map.clear();
    position_ = 0;
    field_count_ = 0;
    transfer_encoding_seen_ = false;
    transfer_encoding_unknown_ = false;
    host_seen_ = false;
    authority_from_url_ = false;
    broken_characters_ = false;
    head_ = MessageHead();
}

HeadParser::Line HeadParser::refuse(uint16_t status, std::string_view details) {
    error_ = {status, details};
    return Line::refused;
}

HeadParser::Progress HeadParser::fail(uint16_t status, std::string_view details) {
    error_ = {status, details};
    return Progress::failed;
}

// One empty line before a request line is left over from clients that end a body with one. Returns false when more
// bytes are needed to tell.
bool HeadParser::skip_empty_line(network::Buffer& buffer) {
    if (kind_ != Kind::request || empty_line_seen_) return true;
    if (buffer.empty()) return false;
    if (buffer.front().front() != '\r') {
        empty_line_seen_ = true;
        return true;
    }
    if (buffer.size() < 2) return false;
    empty_line_seen_ = true;
    if (buffer.linearize(2) == "\r\n") buffer.consume(2);
    return true;
}

HeadParser::Progress HeadParser::parse(network::Buffer& buffer, HeaderMap& map) {
    if (!skip_empty_line(buffer) || buffer.empty()) return Progress::incomplete;
    const size_t limit = settings_->max_headers_bytes;
    if (buffer.front().size() < buffer.size()) buffer.linearize(std::min(buffer.size(), limit + 1));
    const std::span<char> bytes = buffer.front_mutable();
    const size_t size = std::min(bytes.size(), size_t{std::numeric_limits<uint32_t>::max()});
    if (bytes.data() != base_) {
        // The first call, or the bytes have moved into another block: the views are void.
        restart(map);
        base_ = bytes.data();
    }
    char* const end = bytes.data() + size;
    if (scanned_ > position_ && scanned_ <= size && !std::memchr(bytes.data() + scanned_, '\n', size - scanned_)) {
        return wait_for_more(bytes.data(), size);
    }
    Line line = Line::field;
    while (line != Line::end) {
        char* const begin = bytes.data() + position_;
        const bool first = position_ == 0 && kind_ != Kind::trailers;
        line = first ? start_line(begin, end, map) : field_lines(begin, end, map);
        if (line == Line::malformed) {
            // Judged only when the whole line is there, so that the verdict does not depend on how it was cut.
            const char* at = bytes.data() + position_;
            const auto* newline = static_cast<const char*>(std::memchr(at, '\n', static_cast<size_t>(end - at)));
            if (newline) line_end_ = static_cast<uint32_t>(newline + 1 - bytes.data());
            line = newline ? refuse(400, broken_characters_ ? "http1.invalid_characters" : kSyntax) : Line::incomplete;
        }
        if (line == Line::incomplete) return wait_for_more(bytes.data(), size);
        if (line_end_ > limit) {
            if (first && method_is_broken(begin, end)) return fail(400, kSyntax);
            return fail(431, "http1.headers_too_large");
        }
        if (line == Line::refused) return Progress::failed;
        position_ = line_end_;
    }
    map.pin(buffer.pin_front());
    buffer.consume(position_);
    return finish(map);
}

// Something that is not HTTP at all (TLS, binary) may never send a line end: it is refused by its first bytes.
bool HeadParser::method_is_broken(const char* begin, const char* end) const {
    if (kind_ != Kind::request) return false;
    while (begin != end && token_lower(*begin) != 0) ++begin;
    return begin != end && *begin != ' ';
}

HeadParser::Progress HeadParser::wait_for_more(const char* begin, size_t size) {
    if (position_ == 0 && method_is_broken(begin, begin + size)) return fail(400, kSyntax);
    if (size > settings_->max_headers_bytes) return fail(431, "http1.headers_too_large");
    scanned_ = static_cast<uint32_t>(size);
    return Progress::incomplete;
}

HeadParser::Line HeadParser::start_line(char* begin, char* end, HeaderMap& map) {
    auto* newline = static_cast<char*>(std::memchr(begin, '\n', static_cast<size_t>(end - begin)));
    if (!newline) return Line::incomplete;
    line_end_ = static_cast<uint32_t>(newline + 1 - base_);
    if (newline == begin || newline[-1] != '\r') return Line::malformed;
    const std::string_view line(begin, static_cast<size_t>(newline - 1 - begin));
    if (kind_ == Kind::response) {
        StatusLine status;
        if (!parse_status_line(line, status)) return Line::malformed;
        head_.status = status.status;
        head_.protocol = status.protocol;
        map.add_view(HeaderId::status, name_of(HeaderId::status), status.digits);
        if (settings_->preserve_case) note_written(map);
        if (settings_->preserve_case && settings_->forward_reason) map.note_written().reason = status.reason;
        return Line::field;
    }
    RequestLine request;
    if (const CodecError error =
            parse_request_line(line, settings_->accept_http10, settings_->allow_absolute_url, request);
        error.status != 0) {
        return refuse(error.status, error.details);
    }
    if (settings_->preserve_case) note_written(map);
    head_.protocol = request.protocol;
    head_.connect = request.connect;
    head_.head_request = request.method == "HEAD";
    authority_from_url_ = !request.authority.empty();
    map.add_view(HeaderId::authority, name_of(HeaderId::authority), request.authority);  // see kAuthorityIndex
    if (!request.connect) map.add_view(HeaderId::path, name_of(HeaderId::path), request.path);
    map.add_view(HeaderId::method, name_of(HeaderId::method), request.method);
    if (!request.scheme.empty()) map.add_view(HeaderId::scheme, name_of(HeaderId::scheme), request.scheme);
    return Line::field;
}

void HeadParser::note_written(HeaderMap& map) const {
    map.note_written().capitalize_rest = settings_->capitalize_added;
}

// All lines that are there, up to the empty one or to one that is not to be accepted; position_ is behind the last good
// one.
HeadParser::Line HeadParser::field_lines(char* begin, char* end, HeaderMap& map) {
    const char* const limit = base_ + settings_->max_headers_bytes;
    for (;; position_ = line_end_) {
        if (begin == end) return Line::incomplete;
        char* at = begin;
        if (*at == '\r') {
            if (at + 1 == end) return Line::incomplete;
            if (at[1] != '\n') return Line::malformed;
            line_end_ = static_cast<uint32_t>(at + 2 - base_);
            return Line::end;
        }
        const bool keep = settings_->preserve_case && kind_ != Kind::trailers;
        if (keep) {
            while (at != end && token_lower(*at) != 0) ++at;
        } else {
            at = lower_token(at, end);
        }
        if (at == end) return Line::incomplete;
        if (*at != ':' || at == begin) return Line::malformed;
        std::string_view name(begin, static_cast<size_t>(at - begin));
        ++at;
        while (at != end && is_blank(*at)) ++at;
        const char* stop = find_control(at, end);
        if (stop == end) return Line::incomplete;
        if (*stop != '\r') {
            broken_characters_ = *stop != '\n';
            return Line::malformed;
        }
        if (stop + 1 == end) return Line::incomplete;
        if (stop[1] != '\n') return Line::malformed;
        begin = const_cast<char*>(stop) + 2;
        line_end_ = static_cast<uint32_t>(begin - base_);
        if (begin > limit) return Line::refused;  // the caller looks at line_end_ first
        while (stop != at && is_blank(stop[-1])) --stop;
        const std::string_view value(at, static_cast<size_t>(stop - at));
        if (++field_count_ > settings_->max_headers_count) return refuse(431, "http1.too_many_headers");
        if (keep) name = map.keep_name(name);
        const HeaderId id = lookup_header(name);
        if (kExamined[static_cast<size_t>(id)] || kind_ == Kind::trailers) {
            if (accept_field(id, name, value, map) == Line::refused) return Line::refused;
        } else {
            map.add_view(id, name, value);
        }
    }
}

HeadParser::Line HeadParser::accept_field(HeaderId id, std::string_view name, std::string_view value, HeaderMap& map) {
    if (kind_ == Kind::trailers) {
        if (!is_forbidden_trailer(id)) map.add_view(id, name, value);
        return Line::field;
    }
    if (id == HeaderId::content_length) {
        if (head_.has_content_length || !parse_content_length(value, head_.content_length)) return refuse(400, kSyntax);
        head_.has_content_length = true;
    } else if (id == HeaderId::transfer_encoding) {
        if (transfer_encoding_seen_ || !equals_ignoring_case(value, "chunked")) transfer_encoding_unknown_ = true;
        transfer_encoding_seen_ = true;
    } else if (id == HeaderId::connection) {
        read_connection_tokens(value, head_);
    } else if (kind_ == Kind::request && id == HeaderId::host) {
        if (host_seen_) return refuse(400, kSyntax);
        host_seen_ = true;
        if (!is_valid_authority(value)) return refuse(400, "http.invalid_authority");
        // The host is known as `:authority`, whatever the protocol; that of an absolute target wins.
        if (!authority_from_url_) map.fields()[kAuthorityIndex].value = value;
        return Line::field;
    }
    map.add_view(id, name, value);
    return Line::field;
}

HeadParser::Progress HeadParser::finish(HeaderMap& map) {
    if (kind_ == Kind::trailers) return Progress::complete;
    if (transfer_encoding_seen_) {
        if (head_.protocol == Protocol::http10) return fail(400, "http1.transfer_encoding_not_allowed");
        if (transfer_encoding_unknown_) return fail(501, "http1.invalid_transfer_encoding");
        if (head_.has_content_length) return fail(400, "http1.content_length_and_chunked_not_allowed");
        head_.chunked = true;
    }
    if (kind_ == Kind::response) return Progress::complete;
    if (head_.connect) {
        if (head_.chunked) return fail(400, "http1.transfer_encoding_not_allowed");
        if (head_.content_length != 0) return fail(400, "http1.content_length_not_allowed");
    }
    if (!host_seen_ && !authority_from_url_) {
        if (head_.protocol != Protocol::http10 || settings_->default_host_for_http10.empty()) {
            return fail(400, "missing_host_header");
        }
        map.fields()[kAuthorityIndex].value = settings_->default_host_for_http10;
    }
    return Progress::complete;
}

}  // namespace heirloom::http
