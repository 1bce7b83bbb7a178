// SPDX-License-Identifier: Apache-2.0
// What `local_reply_config` makes of an answer of this proxy's own: the first mapper whose filter it passes may change
// status, text and fields, then a format makes the body. One for each connection manager and worker, and only where it
// is configured; once its text has grown it allocates what the fields of the reply take.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/access_log/filter.h"
#include "proxy/access_log/format.h"
#include "proxy/config/local_reply_config.h"
#include "proxy/network/event_loop.h"
#include "proxy/router/header_mutation.h"

namespace heirloom::connection_manager {

// The parts that it may change. The views are valid until the next reply.
struct MappedReply {
    uint16_t status = 0;
    std::string_view body;
    std::string_view content_type;
};

class LocalReplyMapper {
  public:
    LocalReplyMapper(network::EventLoop& loop, std::shared_ptr<const config::LocalReplyConfig> config);
    LocalReplyMapper(const LocalReplyMapper&) = delete;
    LocalReplyMapper& operator=(const LocalReplyMapper&) = delete;

    // `head`: the reply's fields, `:status` among them; `info` says why it is made, and gets the status.
    void apply(MappedReply& reply, http::HeaderMap& head, const http::HeaderMap& request, http::StreamInfo& info);

  private:
    struct Format {
        access_log::Format text;
        std::string_view content_type;
    };
    struct Mapper {
        const config::LocalReplyMapper* config;
        access_log::Filter filter;
        std::unique_ptr<router::HeaderMutator> headers;  // null: none
        std::optional<Format> format;
    };
    static std::optional<Format> compile(const std::optional<config::LocalReplyFormat>& config);

    network::EventLoop& loop_;
    const std::shared_ptr<const config::LocalReplyConfig> config_;
    std::vector<Mapper> mappers_;
    std::optional<Format> format_;
    std::string text_;
};

}  // namespace heirloom::connection_manager
