// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/http1_encode.h"

#include <algorithm>
#include <charconv>

#include "proxy/http/http1_chars.h"

namespace heirloom::http {
namespace {

// Fields that are not copied from the map.
constexpr std::array<bool, kWellKnownHeaders + 1> kOwnedByCodec = [] {
    std::array<bool, kWellKnownHeaders + 1> table{};
    for (const HeaderId id : {HeaderId::method, HeaderId::path, HeaderId::authority, HeaderId::scheme, HeaderId::status,
                              HeaderId::host, HeaderId::connection, HeaderId::keep_alive, HeaderId::proxy_connection,
                              HeaderId::transfer_encoding, HeaderId::content_length}) {
        table[static_cast<size_t>(id)] = true;
    }
    return table;
}();

// An order of names without regard to case.
bool comes_before(std::string_view a, std::string_view b) {
    if (a.size() != b.size()) return a.size() < b.size();
    return std::ranges::lexicographical_compare(a, b, {}, token_lower, token_lower);
}

constexpr size_t kPerField = 4;  // ": " and CRLF
constexpr size_t kTargetGrowth = 3;

// Up to a colon, which it returns, or the end.
char* capitalize(char* at, const char* end) {
    bool begins = true;
    for (; at < end && *at != ':'; ++at) {
        const bool letter = *at >= 'a' && *at <= 'z';
        if (begins && letter) *at = static_cast<char>(*at - 'a' + 'A');
        begins = !letter && !(*at >= 'A' && *at <= 'Z') && !(*at >= '0' && *at <= '9');
    }
    return at;
}

}  // namespace

HeadWriter::HeadWriter(network::Buffer& out, const HeaderMap& headers, size_t extra) : out_(out) {
    size_t room = extra + 2;
    for (const HeaderField& field : headers.fields()) {
        const size_t growth = field.id == HeaderId::path ? kTargetGrowth : 1;
        room += field.name.size() + field.value.size() * growth + kPerField;
    }
    begin_ = out.reserve(room).data();
    at_ = begin_;
}

void HeadWriter::put_target(std::string_view target) {
    if (is_target(target)) return put(target);
    constexpr std::string_view kHex = "0123456789ABCDEF";
    for (const char c : target) {
        if (is_target_char(c)) {
            *at_++ = c;
        } else {
            *at_++ = '%';
            *at_++ = kHex[static_cast<uint8_t>(c) >> 4];
            *at_++ = kHex[static_cast<uint8_t>(c) & 15];
        }
    }
}

void HeadWriter::put_status(uint16_t status) {
    at_[0] = static_cast<char>('0' + status / 100 % 10);
    at_[1] = static_cast<char>('0' + status / 10 % 10);
    at_[2] = static_cast<char>('0' + status % 10);
    at_ += 3;
}

void HeadWriter::put_fields(const HeaderMap& headers) {
    for (const HeaderField& field : headers.fields()) {
        if (field.removed || kOwnedByCodec[static_cast<size_t>(field.id)]) continue;
        if (field.id == HeaderId::other && (field.name.empty() || field.name[0] == ':' || has_control(field.name))) {
            continue;
        }
        char* at = copy_bytes(at_, field.name);
        std::memcpy(at, ": ", 2);
        at = copy_text(at + 2, field.value);
        if (!at) continue;
        std::memcpy(at, "\r\n", 2);
        at_ = at + 2;
    }
}

void HeadWriter::capitalize_names(FirstLine first) {
    char* at = begin_;
    if (first == FirstLine::apart) at = std::find(at, at_, '\n') + 1;
    while (at < at_) {
        at = capitalize(at, at_);
        at = std::find(at, at_, '\n') + 1;
    }
}

void HeadWriter::restore_names(const WrittenHead& written) {
    // A client may send thousands: not each with each. The first spelling of a name stays in front.
    std::vector<std::string_view> names(written.names);
    std::ranges::stable_sort(names, comes_before);
    char* at = std::find(begin_, at_, '\n') + 1;
    while (at < at_) {
        char* const colon = std::find(at, at_, ':');
        const std::string_view name(at, static_cast<size_t>(colon - at));
        const auto known = std::ranges::lower_bound(names, name, comes_before);
        if (known != names.end() && equals_ignoring_case(*known, name)) {
            copy_bytes(at, *known);
        } else if (written.capitalize_rest) {
            capitalize(at, colon);
        }
        at = std::find(colon, at_, '\n') + 1;
    }
}

void HeadWriter::finish() {
    put("\r\n");
    out_.commit(static_cast<size_t>(at_ - begin_));
}

void BodyEncoder::encode(network::Buffer& data, network::Buffer& out) {
    if (data.empty()) return;
    switch (framing_) {
        case BodyFraming::none:
            break;
        case BodyFraming::length: {
            const auto take = static_cast<size_t>(std::min<uint64_t>(remaining_, data.size()));
            out.move_from(data, take);
            remaining_ -= take;
            break;
        }
        case BodyFraming::chunked: {
            char line[20];
            char* end = std::to_chars(line, line + 16, data.size(), 16).ptr;
            *end++ = '\r';
            *end++ = '\n';
            out.append(std::string_view(line, static_cast<size_t>(end - line)));
            out.move_from(data);
            out.append("\r\n");
            break;
        }
        case BodyFraming::until_close:
            out.move_from(data);
            break;
    }
    data.clear();
}

bool BodyEncoder::finish(network::Buffer& out, const HeaderMap* trailers, bool proper_case_names) {
    if (framing_ == BodyFraming::chunked) {
        if (trailers) {
            out.append("0\r\n");
            HeadWriter writer(out, *trailers, 0);
            writer.put_fields(*trailers);
            if (proper_case_names) writer.capitalize_names(HeadWriter::FirstLine::field);
            writer.finish();
        } else {
            out.append("0\r\n\r\n");
        }
    }
    return framing_ != BodyFraming::length || remaining_ == 0;
}

bool read_content_length(const HeaderMap& headers, uint64_t& out) {
    const std::string_view text = headers.get(HeaderId::content_length);
    if (text.empty() || text.size() > 18) return false;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    return error == std::errc() && end == text.data() + text.size();
}

}  // namespace heirloom::http
