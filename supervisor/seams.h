// SPDX-License-Identifier: Apache-2.0
// What the supervisor's machine sees of the system where tests put something else: the process of a generation.
#pragma once

#include <sys/types.h>

#include <span>
#include <string>

#include "shm/messages.pb.h"

namespace heirloom::supervisor {

class GenerationLink {
  public:
    virtual ~GenerationLink() = default;
    virtual pid_t pid() const = 0;
    // Never blocks and never fails here: what cannot be sent now is queued, a peer that cannot be reached is reported
    // as an event. Descriptors are copied where they have to wait.
    virtual void send(shm::proto::Message message, std::span<const int> fds = {}) = 0;
    // To the whole process group.
    virtual void signal(int number) = 0;
    // The last lines it wrote to stderr, joined; empty when it wrote nothing.
    virtual std::string last_words() const = 0;
};

}  // namespace heirloom::supervisor
