// SPDX-License-Identifier: Apache-2.0
#include "proxy/ticket_key_owner.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "proxy/logging.h"

namespace heirloom::server {

TicketKeyOwner::TicketKeyOwner(network::EventLoop& loop) : loop_(loop) { rotate(); }

void TicketKeyOwner::take(std::span<const std::string> keys) {
    if (keys.empty()) return;
    if (const Status set = keys_->set(keys); !set.ok()) {
        SPDLOG_LOGGER_ERROR(main_log(), "the supervisor's keys are not used: {}", set.error().text);
        return;
    }
    timer_.cancel();
    std::vector<shm::TicketRing::Key> newest(std::min(keys.size(), shm::TicketRing::kMostKeys));
    for (size_t i = 0; i < newest.size(); ++i) std::memcpy(newest[i].data(), keys[i].data(), newest[i].size());
    ring_.assign(newest);
    explicit_bzero(newest.data(), newest.size() * sizeof(newest[0]));
}

void TicketKeyOwner::on_supervisor_lost() {
    if (!timer_.armed()) timer_.arm(loop_.timers(), kRotation);
}

void TicketKeyOwner::on_timer(void* self) { static_cast<TicketKeyOwner*>(self)->rotate(); }

void TicketKeyOwner::rotate() {
    timer_.arm(loop_.timers(), kRotation);
    if (const Status rotated = ring_.rotate(); !rotated.ok()) {
        SPDLOG_LOGGER_ERROR(main_log(), "{}", rotated.error().text);
        return;
    }
    std::vector<std::string> keys;
    for (const shm::TicketRing::Key& key : ring_.keys()) keys.emplace_back(key.begin(), key.end());
    (void)keys_->set(keys).ok();  // three keys of the right size
    for (std::string& key : keys) explicit_bzero(key.data(), key.size());
}

}  // namespace heirloom::server
