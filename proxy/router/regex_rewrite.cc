// SPDX-License-Identifier: Apache-2.0
#include "proxy/router/regex_rewrite.h"

#include <re2/re2.h>

#include <array>

namespace heirloom::router {
namespace {

constexpr int kGroups = 10;  // \0 to \9

// Length of the UTF-8 character at `at`: the expression sees characters, so none is cut in two.
size_t character_at(std::string_view text, size_t at) {
    size_t length = 1;
    while (at + length < text.size() && (static_cast<unsigned char>(text[at + length]) & 0xC0) == 0x80) ++length;
    return length;
}

}  // namespace

void replace_all(std::string& out, std::string_view text, const config::RegexRewrite& rewrite) {
    const re2::StringPiece all(text.data(), text.size());
    std::array<re2::StringPiece, kGroups> groups;
    const int wanted = 1 + re2::RE2::MaxSubmatch({rewrite.substitution.data(), rewrite.substitution.size()});
    const char* behind_last = nullptr;
    for (size_t at = 0; at <= text.size();) {
        if (!rewrite.pattern->Match(all, at, text.size(), re2::RE2::UNANCHORED, groups.data(), wanted)) {
            out.append(text.substr(at));
            return;
        }
        const auto found = static_cast<size_t>(groups[0].data() - text.data());
        out.append(text.substr(at, found - at));
        at = found;
        if (groups[0].data() == behind_last && groups[0].empty()) {
            if (at == text.size()) return;
            const size_t length = character_at(text, at);
            out.append(text.substr(at, length));
            at += length;
            continue;
        }
        rewrite.pattern->Rewrite(&out, {rewrite.substitution.data(), rewrite.substitution.size()}, groups.data(),
                                 wanted);
        at = found + groups[0].size();
        behind_last = text.data() + at;
    }
}

}  // namespace heirloom::router
