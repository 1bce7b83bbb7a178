// SPDX-License-Identifier: Apache-2.0
#include "proxy/admin/html.h"

namespace heirloom::admin {

namespace {

constexpr std::string_view kHead = R"(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="UTF-8">
<meta name="viewport" content="width=device-width">
<style>
body { font-family: sans-serif; margin: 2em; }
table { border-collapse: collapse; }
td { border-top: 1px solid #ccc; padding: 0.4em 1em 0.4em 0; vertical-align: top; }
td.help, label { color: #444; }
label { display: block; font-size: 85%; margin: 0.2em 0; }
form { margin: 0; }
pre { margin-top: 1em; }
</style>
)";

// Empty fields and choices are not sent: `filter=` would be a filter and `level=` a level.
constexpr std::string_view kTail = R"(<script>
addEventListener('submit', function (event) {
  for (const field of event.target.elements) if (field.name && field.value === '') field.disabled = true;
});
</script>
</body>
</html>
)";

void append_options(std::string& out, std::string_view choices, std::string_view now) {
    while (true) {
        const size_t comma = choices.find(", ");
        const std::string_view choice = choices.substr(0, comma);
        out += choice == now && !now.empty() ? "<option selected>" : "<option>";
        out += html_escaped(choice) + "</option>";
        if (comma == std::string_view::npos) return;
        choices.remove_prefix(comma + 2);
    }
}

void append_input(std::string& out, const Parameter& parameter, const Query& now) {
    const std::string name = html_escaped(parameter.name);
    const std::string value = now.get(parameter.name).value_or("");
    out += "<label title=\"" + html_escaped(parameter.help) + "\">";
    switch (parameter.kind) {
        case Parameter::Kind::flag:
            out += "<input type=\"checkbox\" name=\"" + name + "\"" + (now.has(parameter.name) ? " checked" : "") +
                   "> " + name;
            break;
        case Parameter::Kind::text:
            out += name + " <input type=\"text\" name=\"" + name + "\"" +
                   (value.empty() ? "" : " value=\"" + html_escaped(value) + "\"") + ">";
            break;
        case Parameter::Kind::choice:
            out += name + " <select name=\"" + name + "\">";
            append_options(out, parameter.choices, value);
            out += "</select>";
            break;
    }
    out += "</label>\n";
}

}  // namespace

std::string html_escaped(std::string_view text) {
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

void append_page_head(std::string& out, std::string_view title) {
    out += kHead;
    out += "<title>" + html_escaped(title) + "</title>\n</head>\n<body>\n<h1>" + html_escaped(title) + "</h1>\n";
}

void append_page_tail(std::string& out) { out += kTail; }

void append_form(std::string& out, const Path& path, const Query& now) {
    const std::string name = html_escaped(path.path);
    out += "<form action=\"" + name + "\" method=\"" + (path.post ? "post" : "get") + "\">";
    for (const Parameter& parameter : path.parameters) append_input(out, parameter, now);
    out += "<button>" + name + "</button></form>";
}

}  // namespace heirloom::admin
