// SPDX-License-Identifier: Apache-2.0
// HeaderMap: the header fields of one message, in order, names in lower case. Names and values are views: into the
// block they were read into (pinned by the map) or into the map's own arena. Well-known names carry an id, so that a
// look-up costs one array access. Re-used for the next message by clear(), which keeps its memory. Belongs to one
// thread.
//
// Pseudo headers are fields too, as in HTTP/2: `:method`, `:path`, `:authority`, `:scheme`, `:status`.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "proxy/network/buffer.h"

namespace heirloom::http {

// The one table of names the data path asks for. X(identifier, "name").
#define HEIRLOOM_WELL_KNOWN_HEADERS(X)                                  \
    X(method, ":method")                                                \
    X(path, ":path")                                                    \
    X(authority, ":authority")                                          \
    X(scheme, ":scheme")                                                \
    X(status, ":status")                                                \
    X(accept, "accept")                                                 \
    X(connection, "connection")                                         \
    X(content_length, "content-length")                                 \
    X(content_type, "content-type")                                     \
    X(cookie, "cookie")                                                 \
    X(date, "date")                                                     \
    X(expect, "expect")                                                 \
    X(host, "host")                                                     \
    X(keep_alive, "keep-alive")                                         \
    X(location, "location")                                             \
    X(proxy_connection, "proxy-connection")                             \
    X(referer, "referer")                                               \
    X(server, "server")                                                 \
    X(te, "te")                                                         \
    X(trailer, "trailer")                                               \
    X(transfer_encoding, "transfer-encoding")                           \
    X(upgrade, "upgrade")                                               \
    X(user_agent, "user-agent")                                         \
    X(via, "via")                                                       \
    X(x_envoy_attempt_count, "x-envoy-attempt-count")                   \
    X(x_envoy_expected_rq_timeout_ms, "x-envoy-expected-rq-timeout-ms") \
    X(x_envoy_external_address, "x-envoy-external-address")             \
    X(x_envoy_internal, "x-envoy-internal")                             \
    X(x_envoy_original_path, "x-envoy-original-path")                   \
    X(x_envoy_overloaded, "x-envoy-overloaded")                         \
    X(x_envoy_upstream_service_time, "x-envoy-upstream-service-time")   \
    X(x_forwarded_client_cert, "x-forwarded-client-cert")               \
    X(x_forwarded_for, "x-forwarded-for")                               \
    X(x_forwarded_proto, "x-forwarded-proto")                           \
    X(x_request_id, "x-request-id")

enum class HeaderId : uint8_t {
#define X(identifier, name) identifier,
    HEIRLOOM_WELL_KNOWN_HEADERS(X)
#undef X
        other,
};
inline constexpr size_t kWellKnownHeaders = static_cast<size_t>(HeaderId::other);

std::string_view name_of(HeaderId id);
// `name` in lower case; HeaderId::other when it is not in the table. One switch on the length, then compares.
HeaderId lookup_header(std::string_view lower_case_name);

struct HeaderField {
    std::string_view name;   // lower case
    std::string_view value;  // no surrounding blanks
    HeaderId id = HeaderId::other;
    bool removed = false;        // kept in place so that indices stay valid; skipped by everyone
    bool never_indexed = false;  // its sender keeps it out of HPACK's tables, so do we (RFC 7541, 6.2.3)
};

// How a head of HTTP/1 was written, where somebody wants to write it so again (`preserve_case`). Views as of fields.
struct WrittenHead {
    std::vector<std::string_view> names;
    std::string_view reason;       // of a response, where it is kept; else ""
    bool capitalize_rest = false;  // names that are not among them are written in proper case, else in lower case
};

class HeaderMap {
  public:
    HeaderMap() = default;
    HeaderMap(HeaderMap&&) noexcept = default;
    HeaderMap& operator=(HeaderMap&&) noexcept = default;

    void clear();
    // Keeps what the views point into alive until clear().
    void pin(network::BlockRef block);

    // Views must outlive the map or point into a pinned block.
    void add_view(HeaderId id, std::string_view name, std::string_view value) {
        fields_.push_back(HeaderField{name, value, id});
        if (id == HeaderId::other) return;
        uint16_t& first = first_[static_cast<size_t>(id)];
        if (first == 0 && fields_.size() <= UINT16_MAX) first = static_cast<uint16_t>(fields_.size());
    }
    // Copies both into the arena. The reference is valid until the next field is added.
    HeaderField& add_copy(std::string_view lower_case_name, std::string_view value);
    void add_copy(HeaderId id, std::string_view value);
    // Replaces the first field of that name and removes further ones; adds it when absent. Copies the value.
    void set(HeaderId id, std::string_view value);
    void set(std::string_view lower_case_name, std::string_view value);
    void remove(HeaderId id);
    void remove(std::string_view lower_case_name);

    // First value; empty view with data() == nullptr when absent.
    std::string_view get(HeaderId id) const {
        const uint16_t first = first_[static_cast<size_t>(id)];
        return first == 0 ? std::string_view() : fields_[first - 1].value;
    }
    bool has(HeaderId id) const { return first_[static_cast<size_t>(id)] != 0; }
    const HeaderField* find(std::string_view lower_case_name) const;
    // All fields, removed ones included (check `removed`).
    const std::vector<HeaderField>& fields() const { return fields_; }
    std::vector<HeaderField>& fields() { return fields_; }
    size_t size() const;  // without removed ones
    bool empty() const { return size() == 0; }
    size_t byte_size() const;  // names + values, as Envoy counts them

    // Copy of `bytes` in the arena; valid until clear().
    std::string_view copy(std::string_view bytes);

    // Null: it came otherwise, or nobody wants to know.
    const WrittenHead* written() const { return has_written_ ? written_.get() : nullptr; }
    WrittenHead& note_written();
    // Remembers the name as it is and returns it in lower case, for a field that is added next.
    std::string_view keep_name(std::string_view name);

  private:
    std::vector<HeaderField> fields_;
    std::array<uint16_t, kWellKnownHeaders> first_{};  // index + 1 of the first field with that id, 0 = absent
    std::vector<network::BlockRef> pinned_;
    std::vector<std::unique_ptr<char[]>> arena_;  // chunks; the first is kept by clear()
    size_t arena_used_ = 0;
    size_t arena_size_ = 0;
    std::unique_ptr<WrittenHead> written_;  // kept by clear()
    bool has_written_ = false;
};

}  // namespace heirloom::http
