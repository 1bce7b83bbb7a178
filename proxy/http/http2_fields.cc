// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/http2_fields.h"

#include <array>
#include <charconv>
#include <string>

#include "proxy/http/http1_chars.h"
#include "proxy/http/http1_request_line.h"

namespace heirloom::http {
namespace {

// Not for HTTP/2, or written before the other fields.
constexpr std::array<bool, kWellKnownHeaders + 1> kLeftOut = [] {
    std::array<bool, kWellKnownHeaders + 1> table{};
    for (const HeaderId id : {HeaderId::method, HeaderId::path, HeaderId::authority, HeaderId::scheme, HeaderId::status,
                              HeaderId::host, HeaderId::connection, HeaderId::keep_alive, HeaderId::proxy_connection,
                              HeaderId::transfer_encoding, HeaderId::upgrade}) {
        table[static_cast<size_t>(id)] = true;
    }
    return table;
}();

constexpr std::string_view kProtocol = ":protocol";

constexpr size_t kMostPseudo = 5;  // put before the other fields

nghttp2_nv field_of(std::string_view name, std::string_view value, bool lasting_name, bool indexed = true) {
    // The library copies what it is not told to be lasting. It never writes.
    return {const_cast<uint8_t*>(reinterpret_cast<const uint8_t*>(name.data())),
            const_cast<uint8_t*>(reinterpret_cast<const uint8_t*>(value.data())), name.size(), value.size(),
            static_cast<uint8_t>((lasting_name ? NGHTTP2_NV_FLAG_NO_COPY_NAME : NGHTTP2_NV_FLAG_NONE) |
                                 (indexed ? NGHTTP2_NV_FLAG_NONE : NGHTTP2_NV_FLAG_NO_INDEX))};
}

void put(FieldList& out, HeaderId id, std::string_view value) { out.add(field_of(name_of(id), value, true)); }

void put_fields(const HeaderMap& headers, bool with_length, FieldList& out) {
    for (const HeaderField& field : headers.fields()) {
        if (field.removed || kLeftOut[static_cast<size_t>(field.id)]) continue;
        if (field.id == HeaderId::content_length && !with_length) continue;
        if (field.id == HeaderId::te && field.value != "trailers") continue;
        if (field.id == HeaderId::other && (field.name.empty() || field.name.front() == ':')) continue;
        if (has_control(field.value)) continue;
        // No two requests have the same id: in the table it would only push out what comes again, and be searched.
        const bool indexed = !field.never_indexed && field.id != HeaderId::x_request_id;
        out.add(field_of(field.name, field.value, field.id != HeaderId::other, indexed));
    }
}

}  // namespace

void FieldCollector::begin(HeaderMap& map) {
    map_ = &map;
    bytes_ = 0;
    count_ = 0;
}

bool complete_request_head(HeaderMap& headers) {
    if (headers.has(HeaderId::host)) {
        size_t hosts = 0;
        std::string_view host;
        for (const HeaderField& field : headers.fields()) {
            if (field.id != HeaderId::host || field.removed) continue;
            host = field.value;
            ++hosts;
        }
        if (hosts > 1) return false;
        if (!headers.has(HeaderId::authority)) {
            headers.add_view(HeaderId::authority, name_of(HeaderId::authority), host);
        } else if (headers.get(HeaderId::authority) != host) {
            return false;
        }
        headers.remove(HeaderId::host);
    }
    // The HTTP/1 encoder writes the authority as it is.
    if (headers.has(HeaderId::authority) && !is_valid_authority(headers.get(HeaderId::authority))) return false;
    if (headers.has(HeaderId::path) && !is_target(headers.get(HeaderId::path))) return false;
    if (headers.has(HeaderId::cookie)) {
        size_t cookies = 0;
        for (const HeaderField& field : headers.fields()) cookies += field.id == HeaderId::cookie && !field.removed;
        if (cookies > 1) {
            std::string joined;
            for (const HeaderField& field : headers.fields()) {
                if (field.id != HeaderId::cookie || field.removed) continue;
                if (!joined.empty()) joined += "; ";
                joined += field.value;
            }
            headers.set(HeaderId::cookie, joined);
        }
    }
    return true;
}

bool read_connect(HeaderMap& headers) {
    if (headers.get(HeaderId::method) != "CONNECT") return false;
    const HeaderField* protocol = headers.find(kProtocol);
    if (!protocol) return true;
    headers.add_view(HeaderId::connection, name_of(HeaderId::connection), "Upgrade");
    headers.add_copy(HeaderId::upgrade, headers.find(kProtocol)->value);
    headers.remove(kProtocol);
    headers.set(HeaderId::method, "GET");
    return true;
}

bool read_connect_response(HeaderMap& headers, std::string_view upgrade) {
    if (status_of(headers) / 100 != 2) return false;
    headers.remove(HeaderId::content_length);
    if (upgrade.empty()) return true;
    headers.set(HeaderId::status, "101");
    headers.set(HeaderId::upgrade, upgrade);
    return true;
}

uint16_t status_of(const HeaderMap& headers) {
    const std::string_view digits = headers.get(HeaderId::status);
    if (digits.size() < 3) return 0;
    return static_cast<uint16_t>((digits[0] - '0') * 100 + (digits[1] - '0') * 10 + (digits[2] - '0'));
}

void list_request(const HeaderMap& headers, bool secure, FieldList& out) {
    out.begin(kMostPseudo + headers.fields().size());
    const std::string_view method = headers.get(HeaderId::method);
    const std::string_view protocol = headers.get(HeaderId::upgrade);
    put(out, HeaderId::method, protocol.empty() ? method : std::string_view("CONNECT"));
    if (headers.has(HeaderId::authority)) put(out, HeaderId::authority, headers.get(HeaderId::authority));
    if (method != "CONNECT") {
        const std::string_view scheme = headers.get(HeaderId::scheme);
        put(out, HeaderId::scheme, scheme.empty() ? std::string_view(secure ? "https" : "http") : scheme);
        put(out, HeaderId::path, headers.get(HeaderId::path));
    }
    if (!protocol.empty()) out.add(field_of(kProtocol, protocol, true));
    put_fields(headers, protocol.empty() && method != "CONNECT", out);
}

void list_response(const HeaderMap& headers, bool tunnel, FieldList& out) {
    out.begin(kMostPseudo + headers.fields().size());
    const uint16_t status = status_of(headers);
    put(out, HeaderId::status, status == 101 ? std::string_view("200") : headers.get(HeaderId::status));
    put_fields(headers, status >= 200 && status != 204 && !tunnel, out);
}

void list_interim(uint16_t status, const HeaderMap& headers, FieldList& out) {
    static constexpr char kDigits[] = "100101102103104105106107108109";
    out.begin(kMostPseudo + headers.fields().size());
    const size_t offset = status >= 100 && status < 110 ? (status - 100u) * 3 : 0;
    put(out, HeaderId::status, {kDigits + offset, 3});
    put_fields(headers, false, out);
}

void list_trailers(const HeaderMap& trailers, FieldList& out) {
    out.begin(trailers.fields().size());
    put_fields(trailers, false, out);
}

}  // namespace heirloom::http
