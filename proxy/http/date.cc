// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/date.h"

#include <array>
#include <cstdint>
#include <cstdio>

namespace heirloom::http {
namespace {

constexpr std::array<const char*, 7> kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<const char*, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                              "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

struct Cache {
    int64_t second = INT64_MIN;
    size_t length = 0;
    std::array<char, 64> text{};
};
thread_local Cache cache;

}  // namespace

std::string_view http_date(std::chrono::system_clock::time_point now) {
    using namespace std::chrono;
    const auto second = floor<seconds>(now);
    if (second.time_since_epoch().count() != cache.second) {
        const auto day = floor<days>(second);
        const year_month_day date{day};
        const hh_mm_ss time{second - day};
        cache.second = second.time_since_epoch().count();
        cache.length = static_cast<size_t>(
            std::snprintf(cache.text.data(), cache.text.size(), "%s, %02u %s %04d %02d:%02d:%02d GMT",
                          kDays[weekday{day}.c_encoding()], static_cast<unsigned>(date.day()),
                          kMonths[static_cast<unsigned>(date.month()) - 1], static_cast<int>(date.year()),
                          static_cast<int>(time.hours().count()), static_cast<int>(time.minutes().count()),
                          static_cast<int>(time.seconds().count())));
    }
    return {cache.text.data(), cache.length};
}

}  // namespace heirloom::http
