// SPDX-License-Identifier: Apache-2.0
// What the storm's clients have in common: how a loss is named, how latencies are kept, how figures are printed (one
// JSON line), and the two volatile ends: time is up, SIGTERM.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "tests/harness/storm_transport.h"

namespace storm {

using Clock = std::chrono::steady_clock;

// Each is one request, stream, tunnel or connection that ended as it must not.
enum class Failure : uint8_t {
    refused,
    connect_error,
    reset,
    closed_under_request,  // an orderly end, but an answer was owed
    short_body,
    bad_status,
    bad_response,
    timeout,
    truncated,     // TLS: FIN without close_notify
    not_resumed,   // TLS: the session offered was not taken
    goaway_error,  // HTTP/2: GOAWAY with an error
    stream_reset,  // HTTP/2: RST_STREAM
    cut_early,     // before the parent-shutdown bound
    count
};
inline constexpr std::array<const char*, static_cast<size_t>(Failure::count)> kFailureNames = {
    "refused", "connect_error", "reset",       "closed_under_request", "short_body",   "bad_status", "bad_response",
    "timeout", "truncated",     "not_resumed", "goaway_error",         "stream_reset", "cut_early"};

class Failures {
  public:
    void add(Failure failure, uint64_t count = 1) { counts_[static_cast<size_t>(failure)] += count; }
    uint64_t of(Failure failure) const { return counts_[static_cast<size_t>(failure)]; }
    uint64_t sum() const {
        uint64_t sum = 0;
        for (const uint64_t count : counts_) sum += count;
        return sum;
    }

  private:
    std::array<uint64_t, static_cast<size_t>(Failure::count)> counts_{};
};

// What an end of the connection means where an answer was owed.
inline Failure failure_of(Transport::Io how) {
    switch (how) {
        case Transport::Io::end:
            return Failure::closed_under_request;
        case Transport::Io::truncated:
            return Failure::truncated;
        case Transport::Io::refused:
            return Failure::refused;
        case Transport::Io::reset:
            return Failure::reset;
        case Transport::Io::error:
        case Transport::Io::again:
        case Transport::Io::bytes:
            break;
    }
    return Failure::connect_error;
}

class Latencies {
  public:
    void add(Clock::duration took) {
        const auto bin = static_cast<size_t>(took / std::chrono::microseconds(50));
        ++bins_[std::min(bin, bins_.size() - 1)];
        ++count_;
    }
    double ms(double share) const {
        uint64_t seen = 0;
        for (size_t bin = 0; bin < bins_.size() && count_ > 0; ++bin) {
            seen += bins_[bin];
            if (static_cast<double>(seen) >= share * static_cast<double>(count_))
                return static_cast<double>(bin + 1) * 0.05;
        }
        return 0;
    }

  private:
    uint64_t count_ = 0;
    std::vector<uint32_t> bins_ = std::vector<uint32_t>(200'001);  // of 50 us
};

// One JSON object on one line.
class Line {
  public:
    explicit Line(bool final) { text_ = final ? "{\"final\":true" : "{\"final\":false"; }
    Line& add(const char* name, uint64_t value) { return put(name, std::to_string(value)); }
    Line& add(const Failures& failures) {
        add("failures", failures.sum());
        for (size_t i = 0; i < kFailureNames.size(); ++i) add(kFailureNames[i], failures.of(static_cast<Failure>(i)));
        return *this;
    }
    Line& add(const Handshakes& handshakes) {
        return add("full_handshakes", handshakes.full).add("resumed", handshakes.resumed);
    }
    Line& add(const Latencies& latencies) {
        const auto put_ms = [&](const char* name, double share) {
            char text[32];
            std::snprintf(text, sizeof text, "%.2f", latencies.ms(share));
            put(name, text);
        };
        put_ms("p50_ms", 0.5);
        put_ms("p99_ms", 0.99);
        put_ms("max_ms", 1.0);
        return *this;
    }
    Line& put(const char* name, const std::string& json) {
        text_ += ",\"" + std::string(name) + "\":" + json;
        return *this;
    }
    void print() const {
        std::printf("%s}\n", text_.c_str());
        std::fflush(stdout);
    }

  private:
    std::string text_;
};

inline volatile std::sig_atomic_t stop_asked = 0;
inline void obey_signals() {
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGTERM, [](int) { stop_asked = 1; });
}

}  // namespace storm
