// SPDX-License-Identifier: Apache-2.0
// An access-log format, text or JSON, ready to run: a record is a walk over the pieces that appends to a string and,
// once that has grown, allocates nothing. One object per log and worker, since it caches the rendered second.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/access_log/values.h"

namespace heirloom::access_log {

class Format {
  public:
    explicit Format(config::LogFormat format);
    // `now`: for %EMIT_TIME%.
    void append(std::string& out, const Record& record, std::chrono::system_clock::time_point now);

  private:
    // A value and the literal text before it.
    struct Piece {
        std::string before;
        config::LogForm form = config::LogForm::text;
        bool quoted = false;
        Operation operation;
    };

    std::vector<Piece> pieces_;
    std::vector<TimeFormat> times_;
    std::string_view missing_;
    std::string scratch_;
};

}  // namespace heirloom::access_log
