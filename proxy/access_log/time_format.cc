// SPDX-License-Identifier: Apache-2.0
#include "proxy/access_log/time_format.h"

#include <array>

#include "proxy/access_log/append.h"

namespace heirloom::access_log {

namespace {

constexpr std::string_view kDefault = "%Y-%m-%dT%H:%M:%S.%3fZ";
constexpr std::array<uint32_t, 10> kDivisors = {1000000000, 100000000, 10000000, 1000000, 100000,
                                                10000,      1000,      100,      10,      1};

bool is_digit(char c) { return c >= '1' && c <= '9'; }

}  // namespace

TimeFormat::TimeFormat(std::string_view format, bool local) : local_(local) {
    if (format.empty()) format = kDefault;
    std::string text;
    const auto finish = [&](bool epoch, int digits) { parts_.push_back({std::exchange(text, {}), epoch, digits, {}}); };
    for (size_t i = 0; i < format.size(); ++i) {
        const std::string_view rest = format.substr(i);
        if (rest.size() < 2 || rest[0] != '%') {
            text.push_back(rest[0]);
        } else if (rest[1] == 's') {
            if (!text.empty()) finish(false, 0);
            finish(true, 0);
            i += 1;
        } else if (rest[1] == 'f') {
            finish(false, 9);
            i += 1;
        } else if (rest.size() >= 3 && is_digit(rest[1]) && rest[2] == 'f') {
            finish(false, rest[1] - '0');
            i += 2;
        } else if (rest.size() >= 4 && rest[1] == 'E' && is_digit(rest[2]) && rest[3] == 'S') {
            text += "%S.";
            finish(false, rest[2] - '0');
            i += 3;
        } else {
            text.append(rest.substr(0, 2));
            i += 1;
        }
    }
    if (!text.empty()) finish(false, 0);
}

void TimeFormat::render(time_t second) {
    second_ = second;
    tm broken{};
    if (local_) {
        localtime_r(&second, &broken);
    } else {
        gmtime_r(&second, &broken);
    }
    for (Part& part : parts_) {
        part.rendered.clear();
        if (part.epoch) {
            append_number(part.rendered, static_cast<uint64_t>(second));
        } else if (!part.format.empty()) {
            std::array<char, 512> text;
            part.rendered.assign(text.data(), strftime(text.data(), text.size(), part.format.c_str(), &broken));
        }
    }
}

void TimeFormat::append(std::string& out, Time when) {
    using namespace std::chrono;
    const auto since = when.time_since_epoch();
    const auto whole = floor<seconds>(since);
    if (whole.count() != second_) render(whole.count());
    for (const Part& part : parts_) {
        out.append(part.rendered);
        if (part.digits == 0) continue;
        const auto fraction = static_cast<uint32_t>(duration_cast<nanoseconds>(since - whole).count());
        append_padded(out, fraction / kDivisors[static_cast<size_t>(part.digits)], part.digits);
    }
}

}  // namespace heirloom::access_log
