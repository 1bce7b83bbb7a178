// SPDX-License-Identifier: Apache-2.0
#include "proxy/router/header_mutation.h"

#include <algorithm>
#include <chrono>

namespace heirloom::router {
namespace {

using Action = config::HeaderToAdd::Action;

// What comes from a certificate or a peer may hold anything; a field must not end early or begin another.
void make_harmless(std::string& text, size_t from) {
    for (size_t i = from; i < text.size(); ++i) {
        const auto byte = static_cast<unsigned char>(text[i]);
        if ((byte < 0x20 && byte != '\t') || byte == 0x7f) text[i] = '_';
    }
}

bool is_blank(char c) { return c == ' ' || c == '\t'; }

bool any_response(const config::HeaderMutations& config) { return !config.response.empty(); }
bool any(const config::HeaderMutations& config) { return !config.request.empty() || any_response(config); }

}  // namespace

HeaderMutator::HeaderMutator(const config::HeaderMutation& config) : config_(config) {
    for (const config::HeaderToAdd& one : config.add) {
        Addition& addition = additions_.emplace_back();
        addition.config = &one;
        auto pieces = config::parse_access_log_format(one.value);
        if (!pieces || pieces->empty()) continue;  // config/ has checked it
        if (pieces->size() == 1 && pieces->front().op == config::LogOperator::literal) {
            addition.constant = std::move(pieces->front().text);
        } else {
            addition.made = std::make_unique<access_log::Format>(config::LogFormat{std::move(*pieces), ""});
        }
    }
}

void HeaderMutator::make_value(Addition& addition, const http::HeaderMap& headers, const access_log::Record& record) {
    addition.begin = text_.size();
    if (addition.made) {
        addition.made->append(text_, record, std::chrono::system_clock::now());
        make_harmless(text_, addition.begin);
    } else {
        text_.append(addition.constant);
    }
    addition.end = text_.size();
    while (addition.begin < addition.end && is_blank(text_[addition.begin])) ++addition.begin;
    while (addition.begin < addition.end && is_blank(text_[addition.end - 1])) --addition.end;
    addition.due = addition.begin != addition.end || addition.config->keep_empty;
    if (!addition.due) return;
    const http::HeaderField* const present = headers.find(addition.config->name);
    switch (addition.config->action) {
        case Action::append:
        case Action::overwrite:
            break;
        case Action::add_if_absent:
            addition.due = present == nullptr;
            break;
        case Action::overwrite_if_present:
            addition.due = present != nullptr;
            break;
    }
}

void HeaderMutator::apply(http::HeaderMap& headers, const access_log::Record& record) {
    for (const std::string& name : config_.remove) headers.remove(name);
    text_.clear();
    for (Addition& addition : additions_) make_value(addition, headers, record);
    const auto value_of = [this](const Addition& addition) {
        return std::string_view(text_).substr(addition.begin, addition.end - addition.begin);
    };
    const auto overwrites = [](const Addition& addition) {
        return addition.config->action == Action::overwrite || addition.config->action == Action::overwrite_if_present;
    };
    for (const Addition& addition : additions_) {
        if (addition.due && overwrites(addition)) headers.set(addition.config->name, value_of(addition));
    }
    for (const Addition& addition : additions_) {
        if (addition.due && !overwrites(addition)) headers.add_copy(addition.config->name, value_of(addition));
    }
}

RouteMutators::Level RouteMutators::compile(const config::HeaderMutations& config) {
    Level level;
    if (!config.request.empty()) level.request = std::make_unique<HeaderMutator>(config.request);
    if (!config.response.empty()) level.response = std::make_unique<HeaderMutator>(config.response);
    return level;
}

RouteMutators::RouteMutators(const config::RouteTableConfig& table) {
    bool does_anything = any(table.mutations);
    const auto level_of = [&](const config::HeaderMutations& config) -> Level* {
        if (!any(config)) return nullptr;
        does_anything = true;
        return levels_.emplace_back(std::make_unique<Level>(compile(config))).get();
    };
    Level* const of_table = level_of(table.mutations);
    for (const config::VirtualHostConfig& host : table.virtual_hosts) {
        Level* const of_host = level_of(host.mutations);
        for (const config::RouteConfig& route : host.routes) {
            Route& compiled = routes_.emplace_back();
            compiled.levels = {level_of(route.mutations), of_host, of_table};
            if (table.most_specific_mutations_win) std::reverse(compiled.levels.begin(), compiled.levels.end());
            compiled.any_response =
                any_response(route.mutations) || any_response(host.mutations) || any_response(table.mutations);
            if (!route.forward) continue;
            compiled.first_weighted = static_cast<uint32_t>(weighted_.size());
            for (const config::WeightedCluster& cluster : route.forward->weighted_clusters) {
                does_anything = does_anything || any(cluster.mutations);
                compiled.any_response = compiled.any_response || any_response(cluster.mutations);
                weighted_.push_back(compile(cluster.mutations));
            }
        }
    }
    if (!does_anything) routes_.clear();
}

void RouteMutators::mutate_weighted_request(uint32_t route, uint32_t weighted, http::HeaderMap& headers,
                                            const http::StreamInfo& info) {
    const Level& level = weighted_[routes_[route].first_weighted + weighted];
    if (level.request) level.request->apply(headers, {info, headers, nullptr, nullptr});
}

void RouteMutators::mutate_request(uint32_t route, http::HeaderMap& headers, const http::StreamInfo& info) {
    for (Level* const level : routes_[route].levels) {
        if (level && level->request) level->request->apply(headers, {info, headers, nullptr, nullptr});
    }
}

void RouteMutators::mutate_response(uint32_t route, uint32_t weighted, http::HeaderMap& headers,
                                    const http::HeaderMap& request, const http::StreamInfo& info) {
    const access_log::Record record{info, request, &headers, nullptr};
    if (weighted != kNoChoice) {
        const Level& level = weighted_[routes_[route].first_weighted + weighted];
        if (level.response) level.response->apply(headers, record);
    }
    for (Level* const level : routes_[route].levels) {
        if (level && level->response) level->response->apply(headers, record);
    }
}

}  // namespace heirloom::router
