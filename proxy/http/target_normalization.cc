// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/target_normalization.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

namespace heirloom::http {
namespace {

enum class Kind : uint8_t {
    pass,      // stays as it is, escaped or not
    unescape,  // an escape of it is undone
    escape,    // is escaped
};

constexpr std::array<Kind, 256> kKinds = [] {
    std::array<Kind, 256> kinds{};
    for (size_t i = 0; i < kinds.size(); ++i) kinds[i] = i <= ' ' || i >= 0x7f ? Kind::escape : Kind::pass;
    for (const char c : std::string_view("\"#<>?`{|}^")) kinds[static_cast<uint8_t>(c)] = Kind::escape;
    for (char c = '0'; c <= '9'; ++c) kinds[static_cast<uint8_t>(c)] = Kind::unescape;
    for (char c = 'A'; c <= 'Z'; ++c)
        kinds[static_cast<uint8_t>(c)] = kinds[static_cast<uint8_t>(c | 0x20)] = Kind::unescape;
    for (const char c : std::string_view("-_~")) kinds[static_cast<uint8_t>(c)] = Kind::unescape;
    return kinds;
}();

Kind kind_of(char c) { return kKinds[static_cast<uint8_t>(c)]; }

bool is_slash(char c) { return c == '/' || c == '\\'; }

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    const char lower = static_cast<char>(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// What the escape at `at` stands for; none: it is no escape.
std::optional<char> unescaped(std::string_view text, size_t at) {
    if (at + 2 >= text.size() || text[at] != '%') return std::nullopt;
    const int high = hex_digit(text[at + 1]), low = hex_digit(text[at + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    return static_cast<char>(high << 4 | low);
}

void append_escaped(std::string& out, char c) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    out += '%';
    out += digits[static_cast<uint8_t>(c) >> 4];
    out += digits[static_cast<uint8_t>(c) & 15];
}

// Bytes of a dot at `at`, which may be escaped; 0: there is none.
size_t dot_at(std::string_view text, size_t at) {
    if (at < text.size() && text[at] == '.') return 1;
    return unescaped(text, at) == '.' ? 3 : 0;
}

bool ends_segment(std::string_view text, size_t at) { return at == text.size() || is_slash(text[at]); }

// A walk from left to right that writes the canonical form of what it has passed.
class Canonicalizer {
  public:
    Canonicalizer(std::string_view path, std::string& out) : path_(path), out_(out) {}

    bool run() {
        while (at_ < path_.size()) {
            const char c = path_[at_];
            if (const size_t dot = dot_at(path_, at_)) {
                pass_dot(dot);
            } else if (c == '%') {
                pass_percent();
            } else {
                ++at_;
                if (c == '\\') {
                    out_ += '/';
                } else if (kind_of(c) == Kind::escape) {
                    append_escaped(out_, c);
                } else {
                    out_ += c;
                }
            }
        }
        return sound_;
    }

  private:
    void pass_dot(size_t dot) {
        const size_t behind = at_ + dot;
        const bool begins_segment = !out_.empty() && out_.back() == '/';
        const size_t second = begins_segment ? dot_at(path_, behind) : 0;
        if (begins_segment && ends_segment(path_, behind)) {
            at_ = std::min(behind + 1, path_.size());
        } else if (second != 0 && ends_segment(path_, behind + second)) {
            at_ = std::min(behind + second + 1, path_.size());
            leave_segment();
        } else {
            out_ += '.';
            at_ = behind;
        }
    }

    // The slash at the end stays, and the one at the begin.
    void leave_segment() {
        if (out_.size() == 1) return;
        out_.resize(out_.rfind('/', out_.size() - 2) + 1);
        if (lone_percent_ && *lone_percent_ >= out_.size()) lone_percent_.reset();
    }

    void pass_percent() {
        const std::optional<char> byte = unescaped(path_, at_);
        if (!byte) {
            lone_percent_ = out_.size();
            out_ += '%';
            ++at_;
            return;
        }
        if (kind_of(*byte) != Kind::unescape) {
            out_.append(path_, at_, 3);  // also the case of its digits
            at_ += 3;
            sound_ = sound_ && *byte != '\0';
            return;
        }
        out_ += *byte;
        at_ += 3;
        if (lone_percent_ && *lone_percent_ + 3 >= out_.size()) guard_lone_percent();
    }

    // "%%300" must not come out as "%00": whoever reads it next would see another path than was judged here. A percent
    // sign that was none and would become one is escaped.
    void guard_lone_percent() {
        const size_t percent = *lone_percent_;
        std::string made = out_.substr(percent);
        if (made.size() == 2) {
            if (at_ == path_.size() || static_cast<uint8_t>(path_[at_]) >= 0x80) return;
            made += path_[at_];
        }
        if (unescaped(made, 0)) out_.insert(percent + 1, "25");
    }

    const std::string_view path_;
    std::string& out_;
    size_t at_ = 0;
    std::optional<size_t> lone_percent_;  // in out_: the last that begins no escape
    bool sound_ = true;
};

// Is there anything that the canonical form would not have?
bool is_canonical(std::string_view path) {
    char before = 0;
    for (const char c : path) {
        if (c == '%' || c == '\\' || kind_of(c) == Kind::escape || (c == '.' && before == '/')) return false;
        before = c;
    }
    return true;
}

std::string_view path_of(std::string_view target) { return target.substr(0, target.find('?')); }

void replace_path(HeaderMap& headers, std::string_view target, std::string& path) {
    path.append(target.substr(path_of(target).size()));
    headers.set(HeaderId::path, path);
}

size_t find_port(std::string_view host) {
    const size_t colon = host.rfind(':');
    const size_t bracket = host.rfind(']');
    return bracket != std::string_view::npos && colon != std::string_view::npos && bracket > colon
               ? std::string_view::npos
               : colon;
}

}  // namespace

bool canonicalize_path(std::string_view path, std::string& result) {
    result.clear();
    result.reserve(path.size());
    return Canonicalizer(path, result).run();
}

bool unescape_slashes(std::string_view path, std::string& result) {
    const auto slash_at = [path](size_t at) {
        const std::optional<char> byte = unescaped(path, at);
        return byte && is_slash(*byte) ? *byte : '\0';
    };
    size_t at = path.find('%');
    while (at != std::string_view::npos && slash_at(at) == '\0') at = path.find('%', at + 1);
    if (at == std::string_view::npos) return false;
    result.assign(path.substr(0, at));
    while (at < path.size()) {
        const char slash = slash_at(at);
        result += slash != '\0' ? slash : path[at];
        at += slash != '\0' ? 3 : 1;
    }
    return true;
}

bool merge_slashes(std::string_view path, std::string& result) {
    if (path.find("//") == std::string_view::npos) return false;
    result.clear();
    for (const char c : path) {
        if (c != '/' || result.empty() || result.back() != '/') result += c;
    }
    return true;
}

PathVerdict normalize_path(HeaderMap& headers, const config::TargetRules& rules) {
    using Slashes = config::TargetRules::EscapedSlashes;
    if (!headers.has(HeaderId::path)) return PathVerdict::go_on;
    PathVerdict verdict = PathVerdict::go_on;
    std::string made;
    const std::string_view asked = headers.get(HeaderId::path);
    if (rules.escaped_slashes != Slashes::keep && unescape_slashes(path_of(asked), made)) {
        if (rules.escaped_slashes == Slashes::refuse) return PathVerdict::refuse;
        if (rules.escaped_slashes == Slashes::redirect) verdict = PathVerdict::redirect;
        replace_path(headers, asked, made);
    }
    const std::string_view unescaped_target = headers.get(HeaderId::path);
    if (rules.normalize_path && !is_canonical(path_of(unescaped_target))) {
        if (!canonicalize_path(path_of(unescaped_target), made)) return PathVerdict::refuse;
        if (made != path_of(unescaped_target)) replace_path(headers, unescaped_target, made);
    }
    const std::string_view canonical_target = headers.get(HeaderId::path);
    if (rules.merge_slashes && merge_slashes(path_of(canonical_target), made))
        replace_path(headers, canonical_target, made);
    return verdict;
}

void normalize_host(HeaderMap& headers, const config::TargetRules& rules, uint16_t listening) {
    using Port = config::TargetRules::StripPort;
    std::string_view host = headers.get(HeaderId::authority);
    if (rules.strip_trailing_dot) {
        const size_t dot = host.rfind('.');
        if (dot != std::string_view::npos && (dot + 1 == host.size() || host[dot + 1] == ':')) {
            std::string without(host);
            headers.set(HeaderId::authority, without.erase(dot, 1));
            host = headers.get(HeaderId::authority);
        }
    }
    if (rules.strip_port == Port::never || headers.get(HeaderId::method) == "CONNECT") return;
    const size_t colon = find_port(host);
    if (colon == std::string_view::npos) return;
    const std::string_view digits = host.substr(colon + 1);
    uint32_t port = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    if (digits.empty() || error != std::errc() || end != digits.data() + digits.size()) return;
    if (rules.strip_port == Port::matching && port != listening) return;
    headers.set(HeaderId::authority, host.substr(0, colon));
}

}  // namespace heirloom::http
