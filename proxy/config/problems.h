// SPDX-License-Identifier: Apache-2.0
// Problems: what is wrong with a configuration, each with its place in the text. Path: the field a problem is about
// ("static_resources.listeners[0].address"); the place is looked up only when there is something to report.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "proxy/config/document.h"

namespace heirloom::config {

class Path {
  public:
    Path() = default;
    Path field(std::string_view name) const;  // a.b
    Path item(size_t index) const;            // a[3]
    Path item(std::string_view name, size_t index) const { return field(name).item(index); }
    Path key(std::string_view key) const;    // a["k"]
    Path parent() const;                     // of a.b and a[3]: a
    bool is_below(const Path& other) const;  // or the same
    const std::string& text() const { return text_; }

  private:
    std::string text_;
};

inline constexpr size_t kMaxProblems = 20;

class Problems {
  public:
    // In the order of merging: the file, then the inline text. REQUIRES: `document` outlives this.
    void add_source(const Document& document) { sources_.push_back(&document); }

    // Structural: found while the text is turned into messages. Whatever is read later at or below the field's parent
    // is not reported, as it may only be a consequence.
    void syntax_error(const Document& source, Mark mark, const Path& path, const std::string& what);
    // Found while reading the messages. Points at the field, else at the innermost thing around it that is in the text.
    void error(const Path& path, const std::string& what);
    void warning(const Document& source, Mark mark, const Path& path, const std::string& what);

    // "FILE:LINE:COLUMN: field.path", for what is found out about this place later.
    std::string where(const Path& path) const;

    bool any() const { return count_ != 0; }
    // Was there a structural error below `path`, or above it?
    bool is_damaged_below(const Path& path) const;
    // The lines, in the order of the text, without a newline at the end; after 20 the number of the others.
    std::string text() const;
    std::vector<std::string> take_warnings() { return std::move(warnings_); }

  private:
    struct Place {
        size_t source = 0;
        Mark mark;
        size_t depth = 0;  // path segments that were found
    };
    struct Problem {
        Place place;
        std::string text;
    };
    Place locate(const Path& path) const;
    void add(const Place& place, const Path& path, const std::string& what);
    std::string line(const Place& place, const Path& path, const std::string& what) const;

    std::vector<const Document*> sources_;
    std::vector<Problem> problems_;
    std::vector<Path> broken_;   // of structural errors
    std::vector<Path> damaged_;  // their parents
    std::vector<std::string> warnings_;
    size_t count_ = 0;
};

// Does the key of a file name the field? (snake_case or lowerCamelCase)
bool is_same_field(std::string_view key, std::string_view field_name);

}  // namespace heirloom::config
