// SPDX-License-Identifier: Apache-2.0
#include <map>

#include "proxy/admin/paths.h"

namespace heirloom::admin {

void handle_runtime(const Request& request, Answer& answer) {
    const std::vector<runtime::Layer>& layers = request.server.runtime_layers();
    std::map<std::string_view, std::vector<std::string_view>> entries;  // texts by layer
    for (size_t i = 0; i < layers.size(); ++i) {
        for (const auto& [key, value] : layers[i].values) {
            auto& texts = entries[key];
            texts.resize(layers.size());
            texts[i] = value.text;
        }
    }
    answer.content_type = kJson;
    stats::JsonWriter json(answer.body, stats::JsonWriter::Style::pretty);
    json.begin_object();
    json.key("entries");
    json.begin_object();
    for (const auto& [key, texts] : entries) {
        std::string_view last;
        json.key(key);
        json.begin_object();
        json.key("layer_values");
        json.begin_array();
        for (const std::string_view text : texts) {
            if (!text.empty()) last = text;
            json.text(text);
        }
        json.end_array();
        json.field("final_value", last);
        json.end_object();
    }
    json.end_object();
    json.key("layers");
    json.begin_array();
    for (const runtime::Layer& layer : layers) json.text(layer.name);
    json.end_array();
    json.end_object();
    answer.body.push_back('\n');
}

void handle_runtime_modify(const Request& request, Answer& answer) {
    if (request.query.parameters().empty()) {
        return refuse(answer,
                      "usage: /runtime_modify?key1=value1&key2=value2&keyN=valueN\n"
                      "       or send the parameters as form values\n"
                      "use an empty value to remove a previously added override");
    }
    if (const Status done = request.server.modify_runtime(request.query.parameters()); !done) {
        answer.status = 503;
        answer.body = done.error().text;
        return;
    }
    answer.body = "OK\n";
}

}  // namespace heirloom::admin
