// SPDX-License-Identifier: Apache-2.0
// Result<T>: a value, or why there is none. For expected trouble (network, peer, file, config); bugs assert.
#pragma once

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>
#include <variant>

namespace heirloom {

struct Error {
    std::string text;        // one line, complete: names the object and the reason
    int code = 0;            // errno where there is one, else 0
    bool retriable = false;  // the same call may work later

    // "TEXT: strerror(errno)"; reads errno, so call it first thing after the failure.
    static Error from_errno(std::string text) {
        const int code = errno;
        return {std::move(text) + ": " + std::strerror(code), code, code == EAGAIN || code == EINTR};
    }
};

template <class T>
class [[nodiscard]] Result {
  public:
    Result(T value) : state_(std::move(value)) {}
    Result(Error error) : state_(std::move(error)) {}

    bool ok() const { return state_.index() == 0; }
    explicit operator bool() const { return ok(); }
    // REQUIRES: ok().
    T& value() & { return std::get<0>(state_); }
    const T& value() const& { return std::get<0>(state_); }
    T&& value() && { return std::get<0>(std::move(state_)); }
    T& operator*() { return value(); }
    const T& operator*() const { return value(); }
    T* operator->() { return &value(); }
    const T* operator->() const { return &value(); }
    // REQUIRES: !ok().
    const Error& error() const { return std::get<1>(state_); }

  private:
    std::variant<T, Error> state_;
};

// For functions that return nothing on success: `return Ok{};`.
struct Ok {};
using Status = Result<Ok>;

}  // namespace heirloom
