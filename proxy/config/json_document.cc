// SPDX-License-Identifier: Apache-2.0
// Strict JSON (RFC 8259). Its own reader, because YAML is not quite a superset (surrogate pairs, tabs) and a file that
// is only nearly JSON must be refused.
#include "proxy/config/document.h"

namespace heirloom::config {
namespace {

class JsonParser {
  public:
    JsonParser(std::string_view text, Document& document) : text_(text), builder_(document) {}

    bool parse() {
        skip_blanks();
        if (!value()) return false;
        skip_blanks();
        return position_ == text_.size() || fail("text after the end of the JSON value");
    }
    Mark mark() const { return {line_, static_cast<uint32_t>(position_ - line_start_) + 1}; }
    const char* problem() const { return problem_; }

  private:
    bool fail(const char* problem) {
        problem_ = problem;
        return false;
    }
    bool built(const Node* node) { return node != nullptr || fail(builder_.problem()); }
    char peek() const { return position_ < text_.size() ? text_[position_] : '\0'; }
    void skip_blanks() {
        for (; position_ < text_.size(); ++position_) {
            const char c = text_[position_];
            if (c == '\n') {
                ++line_;
                line_start_ = position_ + 1;
            } else if (c != ' ' && c != '\t' && c != '\r') {
                return;
            }
        }
    }

    // The depth is bounded by the builder.
    bool value() {
        const Mark start = mark();
        switch (peek()) {
            case '{':
                return built(builder_.begin(start, Node::Kind::map)) && members();
            case '[':
                return built(builder_.begin(start, Node::Kind::list)) && items();
            case '"': {
                std::string text;
                return string(text) && built(builder_.scalar(start, std::move(text), false));
            }
            default:
                return word(start);
        }
    }

    bool members() {
        ++position_;
        for (bool first = true;; first = false) {
            skip_blanks();
            if (first && peek() == '}') break;
            std::string key;
            const Mark start = mark();
            if (peek() != '"') return fail("expected a key in double quotes");
            if (!string(key) || !built(builder_.scalar(start, std::move(key), false))) return false;
            skip_blanks();
            if (peek() != ':') return fail("expected ':' after the key");
            ++position_;
            skip_blanks();
            if (!value()) return false;
            skip_blanks();
            if (peek() == '}') break;
            if (peek() != ',') return fail("expected ',' or '}'");
            ++position_;
        }
        ++position_;
        builder_.end();
        return true;
    }

    bool items() {
        ++position_;
        for (bool first = true;; first = false) {
            skip_blanks();
            if (first && peek() == ']') break;
            if (!value()) return false;
            skip_blanks();
            if (peek() == ']') break;
            if (peek() != ',') return fail("expected ',' or ']'");
            ++position_;
        }
        ++position_;
        builder_.end();
        return true;
    }

    // true, false, null, or a number.
    bool word(Mark start) {
        size_t end = position_;
        while (end < text_.size() && (isalnum(static_cast<unsigned char>(text_[end])) != 0 || text_[end] == '-' ||
                                      text_[end] == '+' || text_[end] == '.')) {
            ++end;
        }
        const std::string_view text = text_.substr(position_, end - position_);
        if (text == "null") {
            position_ = end;
            return built(builder_.null(start));
        }
        if (text != "true" && text != "false" && !is_number(text)) return fail("not JSON: expected a value");
        position_ = end;
        return built(builder_.scalar(start, std::string(text), true));
    }

    static bool is_number(std::string_view text) {
        size_t i = 0;
        const auto digits = [&] {
            const size_t start = i;
            while (i < text.size() && text[i] >= '0' && text[i] <= '9') ++i;
            return i - start;
        };
        if (i < text.size() && text[i] == '-') ++i;
        const size_t first = i;
        const size_t whole = digits();
        if (whole == 0 || (whole > 1 && text[first] == '0')) return false;
        if (i < text.size() && text[i] == '.') {
            ++i;
            if (digits() == 0) return false;
        }
        if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
            ++i;
            if (i < text.size() && (text[i] == '-' || text[i] == '+')) ++i;
            if (digits() == 0) return false;
        }
        return i == text.size();
    }

    bool string(std::string& out) {
        for (++position_; position_ < text_.size(); ++position_) {
            const char c = text_[position_];
            if (c == '"') {
                ++position_;
                return true;
            }
            if (static_cast<unsigned char>(c) < 0x20) return fail("control character in a string");
            if (c != '\\') {
                out += c;
            } else if (!escape(out)) {
                return false;
            }
        }
        return fail("a string does not end");
    }

    // At the backslash; leaves the position at the last character of the escape.
    bool escape(std::string& out) {
        ++position_;
        switch (peek()) {
            case '"':
            case '\\':
            case '/':
                out += peek();
                return true;
            case 'b':
                out += '\b';
                return true;
            case 'f':
                out += '\f';
                return true;
            case 'n':
                out += '\n';
                return true;
            case 'r':
                out += '\r';
                return true;
            case 't':
                out += '\t';
                return true;
            case 'u':
                return unicode(out);
            default:
                return fail("unknown escape in a string");
        }
    }

    bool hex4(uint32_t& code) {
        code = 0;
        for (int i = 0; i < 4; ++i) {
            ++position_;
            const char c = peek();
            uint32_t digit = 0;
            if (c >= '0' && c <= '9') {
                digit = static_cast<uint32_t>(c - '0');
            } else if (c >= 'a' && c <= 'f') {
                digit = static_cast<uint32_t>(c - 'a' + 10);
            } else if (c >= 'A' && c <= 'F') {
                digit = static_cast<uint32_t>(c - 'A' + 10);
            } else {
                return fail("\\u needs four hexadecimal digits");
            }
            code = code * 16 + digit;
        }
        return true;
    }

    bool unicode(std::string& out) {
        uint32_t code = 0;
        if (!hex4(code)) return false;
        if (code >= 0xDC00 && code <= 0xDFFF) return fail("second half of a surrogate pair without the first");
        if (code >= 0xD800 && code <= 0xDBFF) {
            uint32_t low = 0;
            if (text_.substr(position_ + 1, 2) != "\\u")
                return fail("first half of a surrogate pair without the second");
            position_ += 2;
            if (!hex4(low)) return false;
            if (low < 0xDC00 || low > 0xDFFF) return fail("first half of a surrogate pair without the second");
            code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
        }
        const auto put = [&out](uint32_t byte) { out += static_cast<char>(byte); };
        if (code < 0x80) {
            put(code);
        } else if (code < 0x800) {
            put(0xC0 | code >> 6);
            put(0x80 | (code & 0x3F));
        } else if (code < 0x10000) {
            put(0xE0 | code >> 12);
            put(0x80 | (code >> 6 & 0x3F));
            put(0x80 | (code & 0x3F));
        } else {
            put(0xF0 | code >> 18);
            put(0x80 | (code >> 12 & 0x3F));
            put(0x80 | (code >> 6 & 0x3F));
            put(0x80 | (code & 0x3F));
        }
        return true;
    }

    std::string_view text_;
    DocumentBuilder builder_;
    size_t position_ = 0;
    size_t line_start_ = 0;
    uint32_t line_ = 1;
    const char* problem_ = "";
};

}  // namespace

Result<Document> parse_json(std::string name, std::string_view text) {
    Document document;
    document.name = std::move(name);
    document.is_json = true;
    JsonParser parser(text, document);
    if (!parser.parse()) return Error{format_mark(document.name, parser.mark()) + ": " + parser.problem()};
    return document;
}

}  // namespace heirloom::config
