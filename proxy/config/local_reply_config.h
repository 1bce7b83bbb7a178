// SPDX-License-Identifier: Apache-2.0
// What becomes of an answer that is made here and not upstream, before it leaves: `local_reply_config`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "proxy/config/access_log_filter.h"
#include "proxy/config/access_log_format.h"
#include "proxy/config/route_config.h"

namespace heirloom::config {

struct LocalReplyFormat {
    LogFormat format;
    std::string content_type;
};

// For the replies that pass the filter.
struct LocalReplyMapper {
    LogFilter filter;
    std::optional<uint16_t> status;
    std::optional<std::string> body;         // takes the place of the text, before any format
    std::optional<LocalReplyFormat> format;  // instead of the one for all
    HeaderMutation headers;                  // removes nothing
};

struct LocalReplyConfig {
    std::vector<LocalReplyMapper> mappers;  // the first that passes counts, and no other
    std::optional<LocalReplyFormat> format;
};

}  // namespace heirloom::config
