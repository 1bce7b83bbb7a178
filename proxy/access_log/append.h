// SPDX-License-Identifier: Apache-2.0
// Values as text at the end of a string that keeps its memory: no allocation once the string has grown, no locale.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "shm/socket_name.h"

namespace heirloom::access_log {

void append_number(std::string& out, uint64_t value);
// Zero-padded to `digits` (1..9).
void append_padded(std::string& out, uint32_t value, int digits);
// "10.0.0.1:80", "[::1]:80", "/run/x.sock"; an IPv4 client of a dual-stack socket is shown as IPv4, as Envoy does.
void append_address(std::string& out, const shm::SocketAddress& address);
// The same without the port and brackets; unix: the path.
void append_ip(std::string& out, const shm::SocketAddress& address);
// The two halves of an address that is text already ("ip:port" or "[v6]:port"); the whole text when it has no port.
std::string_view ip_of(std::string_view address);
std::string_view port_of(std::string_view address);  // "" when there is none

}  // namespace heirloom::access_log
