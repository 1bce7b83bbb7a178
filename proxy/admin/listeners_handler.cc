// SPDX-License-Identifier: Apache-2.0
#include "proxy/admin/paths.h"

namespace heirloom::admin {

void handle_listeners(const Request& request, Answer& answer) {
    const std::vector<ListenerStatus> listeners = request.server.listeners();
    if (request.query.get("format") != "json") {
        for (const ListenerStatus& listener : listeners) {
            answer.body += listener.name + "::" + listener.address.to_string() + "\n";
        }
        return;
    }
    answer.content_type = kJson;
    stats::JsonWriter json(answer.body, stats::JsonWriter::Style::pretty);
    json.begin_object();
    if (!listeners.empty()) {
        json.key("listener_statuses");
        json.begin_array();
        for (const ListenerStatus& listener : listeners) {
            json.begin_object();
            json.field("name", listener.name);
            json.key("local_address");
            write_address(json, listener.address);
            json.end_object();
        }
        json.end_array();
    }
    json.end_object();
    answer.body.push_back('\n');
}

}  // namespace heirloom::admin
