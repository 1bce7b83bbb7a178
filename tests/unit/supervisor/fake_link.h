// SPDX-License-Identifier: Apache-2.0
// A generation's process for tests: remembers what it was sent.
#pragma once

#include <vector>

#include "supervisor/seams.h"

namespace heirloom::supervisor {

struct FakeLink final : GenerationLink {
    struct Sent {
        shm::proto::Message message;
        std::vector<int> fds;
    };
    pid_t pid() const override { return 4711; }
    void send(shm::proto::Message message, std::span<const int> fds) override {
        sent.push_back({std::move(message), {fds.begin(), fds.end()}});
    }
    void signal(int number) override { signals.push_back(number); }
    std::string last_words() const override { return {}; }

    std::vector<Sent> sent;
    std::vector<int> signals;
};

}  // namespace heirloom::supervisor
