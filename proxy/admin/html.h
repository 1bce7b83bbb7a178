// SPDX-License-Identifier: Apache-2.0
// The few pieces that pages for a browser are made of.
#pragma once

#include <string>
#include <string_view>

#include "proxy/admin/paths.h"

namespace heirloom::admin {

std::string html_escaped(std::string_view text);
// Up to and with the opening of the body.
void append_page_head(std::string& out, std::string_view title);
void append_page_tail(std::string& out);
// A form with an input for each parameter, filled with what `now` says.
void append_form(std::string& out, const Path& path, const Query& now);

}  // namespace heirloom::admin
