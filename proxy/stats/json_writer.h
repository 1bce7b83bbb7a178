// SPDX-License-Identifier: Apache-2.0
// Writes JSON at the end of a string, as protobuf prints it (one blank of indent per level, `"key": value`) or compact.
// The caller keeps keys and values in order; commas and indent come from here. Bytes that are not UTF-8 become U+FFFD.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace heirloom::stats {

class JsonWriter {
  public:
    enum class Style { pretty, compact };
    JsonWriter(std::string& out, Style style) : out_(out), pretty_(style == Style::pretty) {}

    void begin_object() { open('{'); }
    void end_object() { close('}'); }
    void begin_array() { open('['); }
    void end_array() { close(']'); }
    void key(std::string_view name);

    void text(std::string_view value);
    void number(uint64_t value);
    void real(double value);  // shortest form; null when it is not finite
    void boolean(bool value);
    void null();
    // A value that is JSON already, in whatever layout: printed in ours. REQUIRES: valid JSON.
    void json(std::string_view value);

    // key() and value in one.
    void field(std::string_view name, std::string_view value);
    void field(std::string_view name, const char* value) { field(name, std::string_view(value)); }
    void field(std::string_view name, uint64_t value);
    void field(std::string_view name, bool value);

  private:
    void before_value();
    void open(char bracket);
    void close(char bracket);
    void new_line();
    void quoted(std::string_view value);

    std::string& out_;
    bool pretty_;
    int depth_ = 0;
    bool first_ = true;  // nothing in the current object or array yet
    bool after_key_ = false;
};

}  // namespace heirloom::stats
