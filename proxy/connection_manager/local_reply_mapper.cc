// SPDX-License-Identifier: Apache-2.0
#include "proxy/connection_manager/local_reply_mapper.h"

#include <utility>

namespace heirloom::connection_manager {

std::optional<LocalReplyMapper::Format> LocalReplyMapper::compile(
    const std::optional<config::LocalReplyFormat>& config) {
    if (!config) return std::nullopt;
    return Format{access_log::Format(config->format), config->content_type};
}

LocalReplyMapper::LocalReplyMapper(network::EventLoop& loop, std::shared_ptr<const config::LocalReplyConfig> config)
    : loop_(loop), config_(std::move(config)), format_(compile(config_->format)) {
    for (const config::LocalReplyMapper& one : config_->mappers) {
        mappers_.push_back({&one, access_log::Filter(one.filter),
                            one.headers.empty() ? nullptr : std::make_unique<router::HeaderMutator>(one.headers),
                            compile(one.format)});
    }
}

void LocalReplyMapper::apply(MappedReply& reply, http::HeaderMap& head, const http::HeaderMap& request,
                             http::StreamInfo& info) {
    info.response_code = reply.status;
    access_log::Record record{info, request, &head, nullptr, config::LogType::not_set};
    Format* format = format_ ? &*format_ : nullptr;
    for (Mapper& mapper : mappers_) {
        if (!mapper.filter.passes(record)) continue;
        if (mapper.config->body) reply.body = *mapper.config->body;
        if (mapper.headers) mapper.headers->apply(head, record);
        if (mapper.config->status) {
            reply.status = *mapper.config->status;
            info.response_code = reply.status;
            head.set(http::HeaderId::status, std::to_string(reply.status));
        }
        if (mapper.format) format = &*mapper.format;
        break;
    }
    if (!format) return;
    record.local_reply_body = reply.body;
    text_.clear();
    format->text.append(text_, record, loop_.wall_now());
    reply.body = text_;
    reply.content_type = format->content_type;
}

}  // namespace heirloom::connection_manager
