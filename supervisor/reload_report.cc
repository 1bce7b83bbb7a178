// SPDX-License-Identifier: Apache-2.0
#include "supervisor/reload_report.h"

#include <utility>

namespace heirloom::supervisor {

namespace json = boost::json;

std::string_view name_of(TransactionKind kind) {
    switch (kind) {
        case TransactionKind::start:
            return "start";
        case TransactionKind::reload:
            return "reload";
        case TransactionKind::restart:
            return "restart";
    }
    return {};
}

ReloadReport::ReloadReport(TransactionKind kind, std::vector<ReloadListener> listeners)
    : kind_(kind), began_(std::chrono::steady_clock::now()), listeners_(std::move(listeners)) {}

int64_t ReloadReport::elapsed_ms() const {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - began_).count();
}

void ReloadReport::phase(std::string_view name, json::object details) {
    json::object line{{"event", "phase"}, {"phase", name}, {"ms", elapsed_ms()}};
    for (auto& [key, value] : details) line[key] = value;
    phases_.push_back(line);
    for (const ReloadListener& listener : listeners_) listener(line, false);
}

void ReloadReport::succeed(uint32_t epoch) { finish({{"result", "ok"}, {"epoch", epoch}, {"ms", elapsed_ms()}}); }

void ReloadReport::fail(std::string_view reason) {
    finish({{"result", "error"}, {"reason", reason}, {"ms", elapsed_ms()}});
}

void ReloadReport::finish(json::object line) {
    finished_ = true;
    result_ = std::move(line);
    for (const ReloadListener& listener : std::exchange(listeners_, {})) listener(result_, true);
}

json::object ReloadReport::to_json() const {
    json::object report = result_;
    report["kind"] = name_of(kind_);
    report["phases"] = phases_;
    if (!finished_) report["result"] = "running";
    return report;
}

}  // namespace heirloom::supervisor
