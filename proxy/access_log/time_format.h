// SPDX-License-Identifier: Apache-2.0
// %START_TIME(...)% and its kin. What changes once a second is rendered once a second; a record costs a copy and, where
// the format asks for a fraction, its digits. One object per operator and worker.
#pragma once

#include <chrono>
#include <ctime>
#include <string>
#include <string_view>
#include <vector>

namespace heirloom::access_log {

class TimeFormat {
  public:
    using Time = std::chrono::system_clock::time_point;
    // strftime, and beside it %s (seconds since 1970), %f and %1f..%9f (digits of the fraction; 9 without a figure),
    // %E1S..%E9S (seconds with that many digits). Empty: Envoy's default, `2016-04-15T20:17:00.310Z`.
    TimeFormat(std::string_view format, bool local);
    void append(std::string& out, Time when);

  private:
    struct Part {
        std::string format;  // for strftime; empty: seconds since 1970 when `epoch`, else nothing
        bool epoch = false;
        int digits = 0;        // of the fraction, after the text
        std::string rendered;  // for second_
    };
    void render(time_t second);

    std::vector<Part> parts_;
    bool local_;
    time_t second_ = -1;
};

}  // namespace heirloom::access_log
