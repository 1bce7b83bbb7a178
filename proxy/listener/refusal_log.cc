// SPDX-License-Identifier: Apache-2.0
#include "proxy/listener/refusal_log.h"

namespace heirloom::listener {

void RefusalLog::log(const network::AcceptedConnection& accepted, std::chrono::steady_clock::time_point start,
                     bool unmatched) {
    const shm::SocketAddress peer = shm::from_sockaddr(accepted.peer, accepted.peer_length);
    shm::SocketAddress local = listening_;
    sockaddr_storage storage;
    socklen_t length = sizeof storage;
    if (accepted.client_target) {
        local = *accepted.client_target;
    } else if (listening_.is_any() &&
               ::getsockname(accepted.fd.get(), reinterpret_cast<sockaddr*>(&storage), &length) == 0) {
        local = shm::from_sockaddr(reinterpret_cast<const sockaddr*>(&storage), length);
    }
    http::StreamInfo info;
    info.protocol.reset();
    info.start = start;
    info.end = loop_.now();
    info.start_wall = loop_.wall_now() - (*info.end - start);
    info.downstream_direct_remote = &peer;
    info.downstream_local = &local;
    if (accepted.client) info.downstream_remote = accepted.client->to_string();
    info.requested_server_name = accepted.server_name;
    if (unmatched) {
        info.set_flag(http::ResponseFlag::no_route_found);
        info.response_code_details = "filter_chain_not_found";
    }
    const http::HeaderMap none;
    log_->log({info, none, nullptr, nullptr, config::LogType::not_set});
}

}  // namespace heirloom::listener
