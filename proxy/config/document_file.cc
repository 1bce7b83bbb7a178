// SPDX-License-Identifier: Apache-2.0
#include "proxy/config/document_file.h"

#include <algorithm>

#include "proxy/config/scalar_values.h"

namespace heirloom::config {
namespace {

Result<Document> parse(const std::string& path, const std::string& text) {
    if (has_extension(path, ".yaml") || has_extension(path, ".yml")) return parse_yaml(path, text);
    Result<Document> document = parse_json(path, text);
    if (document || has_extension(path, ".json")) return document;
    return Error{document.error().text + " (a file is read as YAML only if its name ends in .yaml or .yml)"};
}

}  // namespace

bool has_extension(std::string_view path, std::string_view extension) {
    if (path.size() < extension.size()) return false;
    const std::string_view end = path.substr(path.size() - extension.size());
    return std::equal(end.begin(), end.end(), extension.begin(),
                      [](char a, char b) { return tolower(static_cast<unsigned char>(a)) == b; });
}

Status check_utf8(const std::string& name, std::string_view text) {
    const size_t position = find_invalid_utf8(text);
    if (position == std::string_view::npos) return Ok{};
    const std::string_view before = text.substr(0, position);
    const auto line = static_cast<uint32_t>(std::count(before.begin(), before.end(), '\n')) + 1;
    const auto column = static_cast<uint32_t>(position - (before.rfind('\n') + 1)) + 1;
    return Error{format_mark(name, {line, column}) + ": not UTF-8"};
}

Result<LoadedDocument> load_document_file(const std::string& path, size_t max_bytes, FileKind kind) {
    Result<std::string> text = read_config_file(path, max_bytes, kind);
    if (!text) return text.error();
    if (Status status = check_utf8(path, *text); !status) return status.error();
    Result<Document> document = parse(path, *text);
    if (!document) return document.error();
    return LoadedDocument{std::move(*text), std::move(*document)};
}

}  // namespace heirloom::config
