// SPDX-License-Identifier: Apache-2.0
// Any packet, received by either side of a channel, and the rule of what comes out.
#include <sys/socket.h>

#include <cstdlib>

#include "shm/channel.h"

using namespace heirloom::shm;

namespace {

void receive_as(Direction receives, const uint8_t* data, size_t size) {
    auto pair = Channel::make_pair();
    if (!pair.ok() || send(pair->first.get(), data, size, MSG_NOSIGNAL) < 0) std::abort();
    Channel channel(std::move(pair->second), receives);
    const auto received = channel.receive();
    if (!received.ok()) {
        if (received.error().code != EPROTO || received.error().text.empty()) std::abort();
        return;
    }
    if (rule_of(received.value().message).direction != receives) std::abort();
    for (uint32_t state = 0; state < 40; ++state) {
        // What only the supervisor says is permitted to no generation.
        if (permitted(received.value().message, state) && receives == Direction::to_generation) std::abort();
    }
    // What was understood is understood again.
    proto::Message again;
    if (!again.ParseFromString(received.value().message.SerializeAsString())) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size > kMaxMessageBytes) return 0;
    receive_as(Direction::to_supervisor, data, size);
    receive_as(Direction::to_generation, data, size);
    return 0;
}
