// SPDX-License-Identifier: Apache-2.0
// `/` and `/help`: both are the table of paths, for a browser and for a terminal.
#include "proxy/admin/paths.h"
#include "shm/version.h"

namespace heirloom::admin {

namespace {

constexpr std::string_view kHead = R"(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="UTF-8">
<meta name="viewport" content="width=device-width">
<title>Heirloom admin</title>
<style>
body { font-family: sans-serif; margin: 2em; }
table { border-collapse: collapse; }
td { border-top: 1px solid #ccc; padding: 0.4em 1em 0.4em 0; vertical-align: top; }
td.help, label { color: #444; }
label { display: block; font-size: 85%; margin: 0.2em 0; }
form { margin: 0; }
</style>
</head>
<body>
)";

std::string escaped(std::string_view text) {
    std::string result;
    for (const char c : text) {
        switch (c) {
            case '<':
                result += "&lt;";
                break;
            case '>':
                result += "&gt;";
                break;
            case '&':
                result += "&amp;";
                break;
            case '"':
                result += "&quot;";
                break;
            default:
                result.push_back(c);
        }
    }
    return result;
}

void append_input(std::string& out, const Parameter& parameter) {
    const std::string name = escaped(parameter.name);
    out += "<label title=\"" + escaped(parameter.help) + "\">";
    switch (parameter.kind) {
        case Parameter::Kind::flag:
            out += "<input type=\"checkbox\" name=\"" + name + "\"> " + name;
            break;
        case Parameter::Kind::text:
            out += name + " <input type=\"text\" name=\"" + name + "\">";
            break;
        case Parameter::Kind::choice: {
            out += name + " <select name=\"" + name + "\">";
            std::string_view rest = parameter.choices;
            while (true) {
                const size_t comma = rest.find(", ");
                out += "<option>" + escaped(rest.substr(0, comma)) + "</option>";
                if (comma == std::string_view::npos) break;
                rest.remove_prefix(comma + 2);
            }
            out += "</select>";
            break;
        }
    }
    out += "</label>\n";
}

void append_row(std::string& out, const Path& path) {
    const std::string name = escaped(path.path);
    out += "<tr><td>";
    if (!path.post) out += "<a href=\"" + name + "\">" + name + "</a>";
    if (path.post || !path.parameters.empty()) {
        out += "<form action=\"" + name + "\" method=\"" + (path.post ? "post" : "get") + "\">";
        for (const Parameter& parameter : path.parameters) append_input(out, parameter);
        out += "<button>" + name + "</button></form>";
    }
    out += "</td><td class=\"help\">" + escaped(path.help) + "</td></tr>\n";
}

// Empty fields and choices are not sent: `filter=` would be a filter and `level=` a level.
constexpr std::string_view kTail = R"(</table>
<script>
addEventListener('submit', function (event) {
  for (const field of event.target.elements) if (field.name && field.value === '') field.disabled = true;
});
</script>
</body>
</html>
)";

}  // namespace

void handle_home(const Request& request, Answer& answer) {
    answer.content_type = kHtml;
    std::string& out = answer.body;
    out = kHead;
    out += "<h1>Heirloom admin</h1>\n<p>Version " + escaped(version_string()) + ", epoch " +
           std::to_string(request.server.epoch()) + ", " + std::string(name_of(request.server.state())) +
           "</p>\n<table>\n";
    for (const Path& path : paths()) append_row(out, path);
    out += kTail;
}

void handle_help(const Request&, Answer& answer) { answer.body = help_text(); }

}  // namespace heirloom::admin
