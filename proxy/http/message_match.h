// SPDX-License-Identifier: Apache-2.0
// Do a message's fields and its path fit a matcher of the configuration? Pure; allocates nothing.
#pragma once

#include "proxy/config/matchers.h"
#include "proxy/http/headers.h"

namespace heirloom::http {

// Several lines of one name are looked at one by one: it fits when any of them does (inverted: when none does).
bool matches(const config::HeaderMatch& match, const HeaderMap& headers);

// `path` as in `:path`, with its query.
bool matches(const config::QueryMatch& match, std::string_view path);

// Is it a gRPC message by its content-type (application/grpc, application/grpc+...)?
bool is_grpc(const HeaderMap& headers);

}  // namespace heirloom::http
