// SPDX-License-Identifier: Apache-2.0
#include "shm/ticket_ring.h"

#include <sys/random.h>

#include <algorithm>
#include <cassert>
#include <cstring>

namespace heirloom::shm {

Status TicketRing::rotate() {
    Key fresh{};
    if (getentropy(fresh.data(), fresh.size()) < 0) return Error::from_errno("session ticket keys: no random bytes");
    count_ = std::min(count_ + 1, kMostKeys);
    // Each place that had a key gets another: nothing of the one that goes is left.
    std::copy_backward(keys_.begin(), keys_.begin() + static_cast<ptrdiff_t>(count_ - 1),
                       keys_.begin() + static_cast<ptrdiff_t>(count_));
    keys_[0] = fresh;
    explicit_bzero(fresh.data(), fresh.size());
    return Ok{};
}

void TicketRing::assign(std::span<const Key> keys) {
    assert(keys.size() <= kMostKeys);
    clear();
    std::copy(keys.begin(), keys.end(), keys_.begin());
    count_ = keys.size();
}

void TicketRing::clear() {
    explicit_bzero(keys_.data(), sizeof keys_);
    count_ = 0;
}

proto::Message TicketRing::to_message() const {
    proto::Message message;
    message.mutable_ticket_keys();
    for (const Key& key : keys()) message.mutable_ticket_keys()->add_keys(key.data(), key.size());
    return message;
}

void wipe(proto::Message& message) {
    if (!message.has_ticket_keys()) return;
    for (std::string& key : *message.mutable_ticket_keys()->mutable_keys()) explicit_bzero(key.data(), key.size());
}

}  // namespace heirloom::shm
