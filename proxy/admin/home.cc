// SPDX-License-Identifier: Apache-2.0
// `/` and `/help`: both are the table of paths, for a browser and for a terminal.
#include "proxy/admin/html.h"
#include "shm/version.h"

namespace heirloom::admin {

namespace {

void append_row(std::string& out, const Path& path) {
    const std::string name = html_escaped(path.path);
    out += "<tr><td>";
    if (!path.post) out += "<a href=\"" + name + "\">" + name + "</a>";
    if (path.post || !path.parameters.empty()) append_form(out, path, Query());
    out += "</td><td class=\"help\">" + html_escaped(path.help) + "</td></tr>\n";
}

}  // namespace

void handle_home(const Request& request, Answer& answer) {
    answer.content_type = kHtml;
    std::string& out = answer.body;
    append_page_head(out, "Heirloom admin");
    out += "<p>Version " + html_escaped(version_string()) + ", epoch " + std::to_string(request.server.epoch()) + ", " +
           std::string(name_of(request.server.state())) + "</p>\n<table>\n";
    for (const Path& path : paths()) append_row(out, path);
    out += "</table>\n";
    append_page_tail(out);
}

void handle_help(const Request&, Answer& answer) { answer.body = help_text(); }

}  // namespace heirloom::admin
