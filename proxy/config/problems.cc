// SPDX-License-Identifier: Apache-2.0
#include "proxy/config/problems.h"

#include <algorithm>

namespace heirloom::config {
namespace {

constexpr size_t kMaxBroken = 1000;

struct Segment {
    enum class Kind { field, index, key } kind;
    std::string_view name;
    size_t index = 0;
};

// Splits what Path composed. Keys may hold anything but end with `"]`.
std::vector<Segment> split(std::string_view text) {
    std::vector<Segment> segments;
    size_t i = 0;
    while (i < text.size()) {
        if (text[i] == '.') ++i;
        if (text.substr(i, 2) == "[\"") {
            const size_t end = std::min(text.find("\"]", i + 2), text.size());
            segments.push_back({Segment::Kind::key, text.substr(i + 2, end - i - 2)});
            i = end + 2;
        } else if (i < text.size() && text[i] == '[') {
            size_t index = 0;
            for (++i; i < text.size() && text[i] != ']'; ++i) index = index * 10 + static_cast<size_t>(text[i] - '0');
            segments.push_back({Segment::Kind::index, {}, index});
            ++i;
        } else {
            const size_t end = std::min(text.find_first_of(".[", i), text.size());
            segments.push_back({Segment::Kind::field, text.substr(i, end - i)});
            i = end;
        }
    }
    return segments;
}

// The last one wins, as in the message builder.
const Node::Member* find_member(const Node& node, const Segment& segment) {
    for (auto member = node.members.rbegin(); member != node.members.rend(); ++member) {
        const bool same =
            segment.kind == Segment::Kind::key ? member->key == segment.name : is_same_field(member->key, segment.name);
        if (same) return &*member;
    }
    return nullptr;
}

size_t count_items(const Node& node) {
    if (node.kind == Node::Kind::list) return node.items.size();
    return node.kind == Node::Kind::null ? 0 : 1;
}

}  // namespace

bool is_same_field(std::string_view key, std::string_view field_name) {
    if (key == field_name) return true;
    size_t i = 0;
    bool upper = false;
    for (const char c : field_name) {
        if (c == '_') {
            upper = true;
            continue;
        }
        const char wanted = upper && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
        if (i >= key.size() || key[i++] != wanted) return false;
        upper = false;
    }
    return i == key.size();
}

Path Path::field(std::string_view name) const {
    Path path = *this;
    if (!path.text_.empty()) path.text_ += '.';
    path.text_ += name;
    return path;
}

Path Path::item(size_t index) const {
    Path path = *this;
    path.text_ += "[" + std::to_string(index) + "]";
    return path;
}

Path Path::key(std::string_view key) const {
    Path path = *this;
    path.text_.append("[\"").append(key).append("\"]");
    return path;
}

Path Path::parent() const {
    Path path;
    const std::vector<Segment> segments = split(text_);
    for (size_t i = 0; i + 1 < segments.size(); ++i) {
        switch (segments[i].kind) {
            case Segment::Kind::field:
                path = path.field(segments[i].name);
                break;
            case Segment::Kind::index:
                path = path.item(segments[i].index);
                break;
            case Segment::Kind::key:
                path = path.key(segments[i].name);
                break;
        }
    }
    return path;
}

bool Path::is_below(const Path& other) const {
    if (!text_.starts_with(other.text_)) return false;
    if (other.text_.empty() || text_.size() == other.text_.size()) return true;
    const char next = text_[other.text_.size()];
    return next == '.' || next == '[';
}

Problems::Place Problems::locate(const Path& path) const {
    const std::vector<Segment> segments = split(path.text());
    // One cursor per source. An index counts through the sources, as repeated fields are appended.
    std::vector<const Node*> cursors;
    for (const Document* source : sources_) cursors.push_back(source->root);
    Place best;
    if (!cursors.empty() && cursors[0] != nullptr) best.mark = {1, 1};
    for (size_t depth = 0; depth < segments.size(); ++depth) {
        size_t index = segments[depth].index;
        for (size_t i = 0; i < cursors.size(); ++i) {
            const Node* node = cursors[i];
            cursors[i] = nullptr;
            if (node == nullptr) continue;
            if (segments[depth].kind == Segment::Kind::index) {
                const size_t count = count_items(*node);
                if (index < count) {
                    cursors[i] = node->kind == Node::Kind::list ? node->items[index] : node;
                    best = {i, cursors[i]->mark, depth + 1};
                    index = kMaxDocumentNodes;  // the others do not have it
                } else if (index != kMaxDocumentNodes) {
                    index -= count;
                }
            } else if (const Node::Member* member = find_member(*node, segments[depth])) {
                cursors[i] = member->value;
                best = {i, member->mark, depth + 1};  // the later source wins, as it does in the merge
            }
        }
    }
    return best;
}

std::string Problems::line(const Place& place, const Path& path, const std::string& what) const {
    std::string text = sources_.empty() ? std::string() : format_mark(sources_[place.source]->name, place.mark) + ": ";
    if (!path.text().empty()) text += path.text() + ": ";
    return text + what;
}

void Problems::add(const Place& place, const Path& path, const std::string& what) {
    if (++count_ <= kMaxProblems) problems_.push_back({place, line(place, path, what)});
}

void Problems::syntax_error(const Document& source, Mark mark, const Path& path, const std::string& what) {
    const auto found = std::find(sources_.begin(), sources_.end(), &source);
    if (broken_.size() < kMaxBroken) {
        damaged_.push_back(path.parent());
        broken_.push_back(path);
    }
    add({static_cast<size_t>(found - sources_.begin()), mark, 0}, path, what);
}

void Problems::error(const Path& path, const std::string& what) {
    if (broken_.size() == kMaxBroken) return;  // enough to tell, and to search
    for (const Path& broken : broken_) {
        if (path.is_below(broken)) return;
    }
    // An unknown field at the top says nothing about its siblings.
    static const Path top = Path().field("static_resources");
    for (const Path& damaged : damaged_) {
        if (!damaged.text().empty() && damaged.text() != top.text() && path.is_below(damaged)) return;
    }
    add(count_ < kMaxProblems ? locate(path) : Place(), path, what);  // the others are only counted
}

void Problems::warning(const Document& source, Mark mark, const Path& path, const std::string& what) {
    const auto found = std::find(sources_.begin(), sources_.end(), &source);
    if (warnings_.size() < 1000) {
        warnings_.push_back(line({static_cast<size_t>(found - sources_.begin()), mark, 0}, path, what));
    }
}

std::string Problems::where(const Path& path) const {
    const Place place = locate(path);
    return sources_.empty() ? path.text() : format_mark(sources_[place.source]->name, place.mark) + ": " + path.text();
}

bool Problems::is_damaged_below(const Path& path) const {
    return std::any_of(damaged_.begin(), damaged_.end(),
                       [&](const Path& damaged) { return damaged.is_below(path) || path.is_below(damaged); });
}

std::string Problems::text() const {
    std::vector<const Problem*> sorted;
    for (const Problem& problem : problems_) sorted.push_back(&problem);
    std::stable_sort(sorted.begin(), sorted.end(), [](const Problem* a, const Problem* b) {
        const auto key = [](const Place& p) { return std::make_tuple(p.source, p.mark.line, p.mark.column); };
        return key(a->place) < key(b->place);
    });
    std::string text;
    for (const Problem* problem : sorted) {
        if (!text.empty()) text += '\n';
        text += problem->text;
    }
    if (count_ > kMaxProblems) text += "\nand " + std::to_string(count_ - kMaxProblems) + " more";
    return text;
}

}  // namespace heirloom::config
