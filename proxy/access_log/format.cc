// SPDX-License-Identifier: Apache-2.0
#include "proxy/access_log/format.h"

#include <utility>

#include "proxy/config/json_text.h"

namespace heirloom::access_log {

using config::LogForm;
using config::LogOperator;

Format::Format(config::LogFormat format) : missing_(format.missing) {
    std::string before;
    for (config::LogPiece& piece : format.pieces) {
        if (piece.op == LogOperator::literal) {
            before += piece.text;
            continue;
        }
        const bool quoted = piece.form == LogForm::json_value && !is_number(piece.op);
        const LogForm form = piece.form;
        pieces_.push_back({std::exchange(before, {}), form, quoted, make_operation(std::move(piece), times_)});
    }
    if (!before.empty()) pieces_.emplace_back().before = std::move(before);
}

void Format::append(std::string& out, const Record& record, std::chrono::system_clock::time_point now) {
    for (const Piece& piece : pieces_) {
        out.append(piece.before);
        if (piece.operation.op == LogOperator::literal) continue;  // the text after the last value
        const size_t before = out.size();
        if (piece.quoted) out.push_back('"');
        const size_t start = out.size();
        if (!append_value(out, piece.operation, times_, record, now)) {
            out.resize(before);
            out.append(piece.form == LogForm::json_value ? "null" : missing_);
            continue;
        }
        if (piece.form != LogForm::text) config::escape_json(out, start, scratch_);
        if (piece.quoted) out.push_back('"');
    }
}

}  // namespace heirloom::access_log
