// SPDX-License-Identifier: Apache-2.0
// The report of one transaction: the first start, a reload, or the restart after a crash. Phases with times, then how
// it ended; told as it happens to whoever waits for it, and kept for `status`.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace heirloom::supervisor {

enum class TransactionKind { start, reload, restart };
std::string_view name_of(TransactionKind kind);

// One who waits: gets each line; the one with `is_last` ends it.
using ReloadListener = std::function<void(const boost::json::object& line, bool is_last)>;

class ReloadReport {
  public:
    ReloadReport(TransactionKind kind, std::vector<ReloadListener> listeners);

    TransactionKind kind() const { return kind_; }
    // {"event":"phase","phase":NAME,"ms":N, details...}
    void phase(std::string_view name, boost::json::object details = {});
    void succeed(uint32_t epoch);
    void fail(std::string_view reason);
    bool is_finished() const { return finished_; }
    boost::json::object to_json() const;

  private:
    int64_t elapsed_ms() const;
    void finish(boost::json::object line);

    TransactionKind kind_;
    std::chrono::steady_clock::time_point began_;
    std::vector<ReloadListener> listeners_;
    boost::json::array phases_;
    boost::json::object result_;
    bool finished_ = false;
};

}  // namespace heirloom::supervisor
