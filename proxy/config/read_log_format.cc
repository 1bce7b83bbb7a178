// SPDX-License-Identifier: Apache-2.0
#include <google/protobuf/struct.pb.h>

#include <map>

#include "envoy/config/core/v3/substitution_format_string.pb.h"
#include "proxy/config/json_text.h"
#include "proxy/config/readers.h"

namespace heirloom::config {
namespace {

using envoy::config::core::v3::SubstitutionFormatString;
using google::protobuf::Struct;
using google::protobuf::Value;

constexpr size_t kMaxFormatBytes = 1 << 20;

// Turns a template into the text of one line, cut where values come in.
class JsonTemplate {
  public:
    explicit JsonTemplate(Problems& problems) : problems_(problems) {}

    LogFormat format(const Struct& message, const Path& path) {
        add(message, path);
        text_ += '\n';
        end_text();
        return {std::move(pieces_)};
    }

  private:
    void add(const Struct& message, const Path& path) {
        const std::map<std::string, const Value*> sorted = [&] {
            std::map<std::string, const Value*> fields;
            for (const auto& [key, value] : message.fields()) fields.emplace(key, &value);
            return fields;
        }();
        const char* separator = "{";
        for (const auto& [key, value] : sorted) {
            text_ += separator;
            append_json_string(text_, key);
            text_ += ':';
            add(*value, path.key(key));
            separator = ",";
        }
        text_ += sorted.empty() ? "{}" : "}";
    }

    void add(const Value& value, const Path& path) {
        switch (value.kind_case()) {
            case Value::kNullValue:
            case Value::KIND_NOT_SET:
                text_ += "null";
                return;
            case Value::kNumberValue:
                return append_json_number(text_, value.number_value());
            case Value::kBoolValue:
                text_ += value.bool_value() ? "true" : "false";
                return;
            case Value::kStringValue:
                return add_string(value.string_value(), path);
            case Value::kStructValue:
                return add(value.struct_value(), path);
            case Value::kListValue:
                break;
        }
        size_t index = 0;
        text_ += '[';
        for (const Value& item : value.list_value().values()) {
            if (index != 0) text_ += ',';
            add(item, path.item(index++));
        }
        text_ += ']';
    }

    void add_string(const std::string& text, const Path& path) {
        Result<std::vector<LogPiece>> pieces = parse_access_log_format(text);
        if (!pieces) return problems_.error(path, pieces.error().text);
        if (pieces->size() == 1 && pieces->front().op != LogOperator::literal) {
            return add_operator(std::move(pieces->front()), LogForm::json_value);
        }
        text_ += '"';
        for (LogPiece& piece : *pieces) {
            if (piece.op != LogOperator::literal) {
                add_operator(std::move(piece), LogForm::json_part);
                continue;
            }
            std::string quoted;
            append_json_string(quoted, piece.text);
            text_.append(quoted, 1, quoted.size() - 2);
        }
        text_ += '"';
    }

    void add_operator(LogPiece piece, LogForm form) {
        end_text();
        piece.form = form;
        pieces_.push_back(std::move(piece));
    }

    void end_text() {
        if (text_.empty()) return;
        pieces_.emplace_back().text = std::exchange(text_, {});
    }

    Problems& problems_;
    std::string text_;
    std::vector<LogPiece> pieces_;
};

}  // namespace

LogFormat read_text_log_format(const std::string& text, const Path& path, Problems& problems) {
    Result<std::vector<LogPiece>> pieces = parse_access_log_format(text);
    if (pieces) return {std::move(*pieces)};
    problems.error(path, pieces.error().text);
    return {};
}

LogFormat read_json_log_format(const Struct& message, const Path& path, Problems& problems) {
    return JsonTemplate(problems).format(message, path);
}

LogFormat read_log_format(const SubstitutionFormatString& message, const Path& path, Problems& problems) {
    LogFormat format;
    switch (message.format_case()) {
        case SubstitutionFormatString::kTextFormat:
            format = read_text_log_format(message.text_format(), path.field("text_format"), problems);
            break;
        case SubstitutionFormatString::kTextFormatSource: {
            const Path at = path.field("text_format_source");
            format = read_text_log_format(read_data_source(message.text_format_source(), at, kMaxFormatBytes, problems),
                                          at, problems);
            break;
        }
        case SubstitutionFormatString::kJsonFormat:
            format = read_json_log_format(message.json_format(), path.field("json_format"), problems);
            break;
        case SubstitutionFormatString::FORMAT_NOT_SET:
            problems.error(path, "one of text_format, json_format, text_format_source is required");
            break;
    }
    if (message.omit_empty_values()) format.missing = "";
    return format;
}

}  // namespace heirloom::config
