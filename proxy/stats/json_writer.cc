// SPDX-License-Identifier: Apache-2.0
#include "proxy/stats/json_writer.h"

#include <fmt/format.h>

#include <cmath>

namespace heirloom::stats {

namespace {

// Length of the UTF-8 sequence at the front, 0 when there is none.
size_t sequence_length(std::string_view text) {
    const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
    const auto follows = [&](size_t from, size_t count) {
        if (text.size() < from + count) return false;
        for (size_t i = from; i < from + count; ++i) {
            if ((byte(i) & 0xc0) != 0x80) return false;
        }
        return true;
    };
    const unsigned char lead = byte(0);
    if (lead < 0x80) return 1;
    if (lead >= 0xc2 && lead <= 0xdf) return follows(1, 1) ? 2 : 0;
    if (lead >= 0xe0 && lead <= 0xef) {
        if (!follows(1, 2) || (lead == 0xe0 && byte(1) < 0xa0) || (lead == 0xed && byte(1) > 0x9f)) return 0;
        return 3;
    }
    if (lead >= 0xf0 && lead <= 0xf4) {
        if (!follows(1, 3) || (lead == 0xf0 && byte(1) < 0x90) || (lead == 0xf4 && byte(1) > 0x8f)) return 0;
        return 4;
    }
    return 0;
}

}  // namespace

void JsonWriter::new_line() {
    if (!pretty_) return;
    out_.push_back('\n');
    out_.append(static_cast<size_t>(depth_), ' ');
}

void JsonWriter::before_value() {
    if (after_key_) {
        after_key_ = false;
        return;
    }
    if (depth_ == 0) return;
    if (!first_) out_.push_back(',');
    first_ = false;
    new_line();
}

void JsonWriter::open(char bracket) {
    before_value();
    out_.push_back(bracket);
    ++depth_;
    first_ = true;
}

void JsonWriter::close(char bracket) {
    --depth_;
    if (!first_) new_line();
    first_ = false;
    out_.push_back(bracket);
}

void JsonWriter::key(std::string_view name) {
    before_value();
    quoted(name);
    out_.append(pretty_ ? ": " : ":");
    after_key_ = true;
}

void JsonWriter::quoted(std::string_view value) {
    out_.push_back('"');
    while (!value.empty()) {
        const char c = value.front();
        size_t length = 1;
        if (c == '"' || c == '\\') {
            out_.push_back('\\');
            out_.push_back(c);
        } else if (c == '\n') {
            out_.append("\\n");
        } else if (c == '\t') {
            out_.append("\\t");
        } else if (c == '\r') {
            out_.append("\\r");
        } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
            fmt::format_to(std::back_inserter(out_), "\\u{:04x}", static_cast<unsigned>(c));
        } else if ((length = sequence_length(value)) != 0) {
            out_.append(value.substr(0, length));
        } else {
            out_.append("\\ufffd");
            length = 1;
        }
        value.remove_prefix(length);
    }
    out_.push_back('"');
}

void JsonWriter::text(std::string_view value) {
    before_value();
    quoted(value);
}

void JsonWriter::number(uint64_t value) {
    before_value();
    fmt::format_to(std::back_inserter(out_), "{}", value);
}

void JsonWriter::real(double value) {
    if (!std::isfinite(value)) return null();
    before_value();
    fmt::format_to(std::back_inserter(out_), "{}", value);
}

void JsonWriter::boolean(bool value) {
    before_value();
    out_.append(value ? "true" : "false");
}

void JsonWriter::null() {
    before_value();
    out_.append("null");
}

void JsonWriter::json(std::string_view value) {
    const auto string_end = [&](size_t from) {
        size_t i = from + 1;
        while (i < value.size() && value[i] != '"') i += value[i] == '\\' ? 2 : 1;
        return std::min(i + 1, value.size());
    };
    for (size_t i = 0; i < value.size();) {
        const char c = value[i];
        if (c == '{' || c == '[') {
            open(c);
            ++i;
        } else if (c == '}' || c == ']') {
            close(c);
            ++i;
        } else if (c == ':') {
            out_.append(pretty_ ? ": " : ":");
            after_key_ = true;
            ++i;
        } else if (c == ',' || c == ' ' || c == '\n' || c == '\t' || c == '\r') {
            ++i;  // before_value() puts them
        } else {
            const size_t end = c == '"' ? string_end(i) : std::min(value.find_first_of(",]} \n\t\r", i), value.size());
            before_value();
            out_.append(value.substr(i, end - i));
            i = end;
        }
    }
}

void JsonWriter::field(std::string_view name, std::string_view value) {
    key(name);
    text(value);
}

void JsonWriter::field(std::string_view name, uint64_t value) {
    key(name);
    number(value);
}

void JsonWriter::field(std::string_view name, bool value) {
    key(name);
    boolean(value);
}

}  // namespace heirloom::stats
