// SPDX-License-Identifier: Apache-2.0
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <sstream>
#include <string_view>
#include <unordered_map>

#include "proxy/config/document.h"

namespace heirloom::config {
namespace {

Mark to_mark(const YAML::Mark& mark) {
    if (mark.is_null()) return {};
    return {static_cast<uint32_t>(mark.line) + 1, static_cast<uint32_t>(mark.column) + 1};
}

// Anything but `?` (nothing said) makes a scalar a string: quotes (`!`), or an explicit tag.
bool is_plain(const std::string& tag) { return tag.empty() || tag == "?"; }

// The scanner reads a flow collection to its end before it says anything, at 250 bytes of memory per bracket. Brackets
// in quotes count too, hence a bound that no real text comes near.
bool has_absurd_nesting(std::string_view text) {
    int64_t open = 0;
    for (const char c : text) {
        if (c == '[' || c == '{') ++open;
        if ((c == ']' || c == '}') && open > 0) --open;
        if (open > 100000) return true;
    }
    return false;
}

// Builds the tree from the parser's events. Trouble is thrown as the parser's own exception: it is what unwinds the
// parser, and parse_yaml() catches it.
class TreeHandler : public YAML::EventHandler {
  public:
    explicit TreeHandler(Document& document) : builder_(document) {}

    void OnDocumentStart(const YAML::Mark& mark) override {
        if (++documents_ > 1) throw YAML::ParserException(mark, "more than one document in the file");
    }
    void OnDocumentEnd() override {}
    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        remember(mark, anchor, builder_.null(to_mark(mark)));
    }
    void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        const auto found = anchors_.find(anchor);
        if (found == anchors_.end()) throw YAML::ParserException(mark, "alias of an unknown anchor");
        if (builder_.alias(to_mark(mark), found->second) == nullptr) fail(mark);
    }
    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  const std::string& value) override {
        remember(mark, anchor, builder_.scalar(to_mark(mark), value, is_plain(tag)));
    }
    void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value) override {
        remember(mark, anchor, builder_.begin(to_mark(mark), Node::Kind::list));
    }
    void OnSequenceEnd() override { builder_.end(); }
    void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                    YAML::EmitterStyle::value) override {
        remember(mark, anchor, builder_.begin(to_mark(mark), Node::Kind::map));
    }
    void OnMapEnd() override { builder_.end(); }

  private:
    [[noreturn]] void fail(const YAML::Mark& mark) { throw YAML::ParserException(mark, builder_.problem()); }
    void remember(const YAML::Mark& mark, YAML::anchor_t anchor, const Node* node) {
        if (node == nullptr) fail(mark);
        if (anchor != 0) anchors_[anchor] = node;
    }

    DocumentBuilder builder_;
    std::unordered_map<YAML::anchor_t, const Node*> anchors_;
    int documents_ = 0;
};

}  // namespace

Result<Document> parse_yaml(std::string name, const std::string& text) {
    if (has_absurd_nesting(text)) return Error{name + ": nested too deeply"};
    Document document;
    document.name = std::move(name);
    TreeHandler handler(document);
    try {
        std::istringstream stream(text);
        YAML::Parser parser(stream);
        while (parser.HandleNextDocument(handler)) {
        }
    } catch (const YAML::Exception& problem) {
        return Error{format_mark(document.name, to_mark(problem.mark)) + ": " + problem.msg};
    } catch (const std::exception& problem) {  // out of memory, and what a library may think of
        return Error{document.name + ": " + problem.what()};
    }
    return document;
}

}  // namespace heirloom::config
