// SPDX-License-Identifier: Apache-2.0
// The admin interface: a StreamHandlerFactory like the router, run by a connection manager on the main thread.
#pragma once

#include <memory>

#include "proxy/admin/server_view.h"
#include "proxy/http/stream.h"

namespace heirloom::admin {

std::unique_ptr<http::StreamHandlerFactory> make_admin(ServerView& server);

}  // namespace heirloom::admin
