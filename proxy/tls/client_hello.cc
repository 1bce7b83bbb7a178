// SPDX-License-Identifier: Apache-2.0
#include "proxy/tls/client_hello.h"

#include <utility>

namespace heirloom::tls {
namespace {

constexpr uint8_t kHandshakeRecord = 22;
constexpr uint8_t kClientHelloMessage = 1;
constexpr size_t kRecordHeader = 5;
constexpr size_t kMessageHeader = 4;
constexpr size_t kMostRecordBytes = 16 * 1024;
constexpr size_t kMostNameBytes = 255;
constexpr uint64_t kServerNameExtension = 0;
constexpr uint64_t kAlpnExtension = 16;

// Takes numbers and length-prefixed pieces off the front; fails for good when there is not enough.
class Reader {
  public:
    explicit Reader(std::string_view bytes) : bytes_(bytes) {}
    bool ok() const { return ok_; }
    bool at_end() const { return bytes_.empty(); }
    std::string_view take(size_t n) {
        if (n > bytes_.size()) {
            ok_ = false;
            bytes_ = {};
            return {};
        }
        const std::string_view piece = bytes_.substr(0, n);
        bytes_.remove_prefix(n);
        return piece;
    }
    size_t number(size_t width) {
        size_t value = 0;
        for (const char c : take(width)) value = value << 8 | static_cast<uint8_t>(c);
        return value;
    }
    std::string_view vector(size_t width) { return take(number(width)); }

  private:
    std::string_view bytes_;
    bool ok_ = true;
};

bool read_server_name(std::string_view extension, ClientHello& hello) {
    Reader outer(extension);
    Reader names(outer.vector(2));
    if (!outer.ok() || !outer.at_end() || names.at_end()) return false;
    const size_t type = names.number(1);
    const std::string_view name = names.vector(2);
    // Nobody ever defined a second type of name.
    if (!names.ok() || !names.at_end() || type != 0) return false;
    if (name.empty() || name.size() > kMostNameBytes || name.find('\0') != name.npos) return false;
    hello.server_name.assign(name);
    for (char& c : hello.server_name) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return true;
}

bool read_alpn(std::string_view extension, ClientHello& hello) {
    Reader outer(extension);
    Reader protocols(outer.vector(2));
    if (!outer.ok() || !outer.at_end() || protocols.at_end()) return false;
    while (!protocols.at_end()) {
        const std::string_view protocol = protocols.vector(1);
        if (!protocols.ok() || protocol.empty()) return false;
        hello.alpn.emplace_back(protocol);
    }
    return true;
}

bool read_hello(std::string_view body, ClientHello& hello) {
    Reader reader(body);
    const size_t major = reader.number(1);
    reader.take(1 + 32);  // minor version, random
    const size_t session_id = reader.vector(1).size();
    const size_t ciphers = reader.vector(2).size();
    const size_t compressions = reader.vector(1).size();
    if (!reader.ok() || major != 3 || session_id > 32 || ciphers < 2 || ciphers % 2 != 0 || compressions == 0) {
        return false;
    }
    if (reader.at_end()) return true;  // TLS 1.2 may come without extensions
    Reader extensions(reader.vector(2));
    if (!reader.ok() || !reader.at_end()) return false;
    bool named = false;
    bool offered = false;
    while (!extensions.at_end()) {
        const uint64_t type = extensions.number(2);
        const std::string_view extension = extensions.vector(2);
        if (!extensions.ok()) return false;
        if (type == kServerNameExtension && (std::exchange(named, true) || !read_server_name(extension, hello))) {
            return false;
        }
        if (type == kAlpnExtension && (std::exchange(offered, true) || !read_alpn(extension, hello))) return false;
    }
    return true;
}

}  // namespace

HelloOutcome parse_client_hello(std::string_view bytes, ClientHello& hello) {
    const HelloOutcome unfinished =
        bytes.size() >= kMostHelloBytes ? HelloOutcome::too_large : HelloOutcome::incomplete;
    bytes = bytes.substr(0, kMostHelloBytes);
    std::string gathered;  // only when the message spans records
    std::string_view message;
    for (;;) {
        // Each byte is judged as it comes: what is not TLS shall not be waited for.
        const auto byte = [&](size_t i) { return static_cast<uint8_t>(bytes[i]); };
        if (bytes.size() > 0 && byte(0) != kHandshakeRecord) return HelloOutcome::not_tls;
        if (bytes.size() > 1 && byte(1) != 3) return HelloOutcome::not_tls;
        if (bytes.size() < kRecordHeader) return unfinished;
        const size_t length = static_cast<size_t>(byte(3)) << 8 | byte(4);
        if (length == 0 || length > kMostRecordBytes) return HelloOutcome::not_tls;
        const std::string_view fragment = bytes.substr(kRecordHeader, length);
        if (message.empty()) {
            message = fragment;
        } else {
            if (gathered.empty()) gathered = message;
            gathered += fragment;
            message = gathered;
        }
        if (!message.empty() && static_cast<uint8_t>(message[0]) != kClientHelloMessage) return HelloOutcome::not_tls;
        if (message.size() >= kMessageHeader) {
            const size_t body = Reader(message.substr(1)).number(3);
            if (body + kMessageHeader + kRecordHeader > kMostHelloBytes) return HelloOutcome::too_large;
            if (message.size() >= body + kMessageHeader) {
                ClientHello found;
                if (!read_hello(message.substr(kMessageHeader, body), found)) return HelloOutcome::not_tls;
                hello = std::move(found);
                return HelloOutcome::parsed;
            }
        }
        if (fragment.size() < length) return unfinished;
        bytes.remove_prefix(kRecordHeader + length);
    }
}

}  // namespace heirloom::tls
