// SPDX-License-Identifier: Apache-2.0
// A compiled access-log format: what can be decided once (header ids, environment, host name, times of the second) is;
// a record is then a walk over the pieces that appends to a string and, once that has grown, allocates nothing. One
// object per log and worker, since it caches the rendered second.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/access_log/access_log.h"
#include "proxy/access_log/time_format.h"
#include "proxy/config/access_log_format.h"
#include "shm/result.h"

namespace heirloom::access_log {

class Format {
  public:
    // Empty text: Envoy's default format. Errors are those of config::parse_access_log_format().
    static Result<Format> compile(std::string_view text);
    // `now`: for %EMIT_TIME%. A value that is missing is printed as `-`.
    void append(std::string& out, const Record& record, std::chrono::system_clock::time_point now);

  private:
    // A value and the literal text before it.
    struct Piece {
        std::string before;
        config::LogOperator op = config::LogOperator::literal;
        std::string text;  // name of a header, or the constant of the process
        std::string alternative;
        http::HeaderId id = http::HeaderId::other;  // of `text`
        http::HeaderId alternative_id = http::HeaderId::other;
        size_t max_length = std::string::npos;
        size_t time = 0;           // index into times_
        bool keep_blanks = false;  // RESPONSE_CODE_DETAILS(ALLOW_WHITESPACES)
    };
    void append_value(std::string& out, const Piece& piece, const Record& record,
                      std::chrono::system_clock::time_point now);

    std::vector<Piece> pieces_;
    std::vector<TimeFormat> times_;
};

}  // namespace heirloom::access_log
