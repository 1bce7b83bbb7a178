// SPDX-License-Identifier: Apache-2.0
#include "proxy/config/document.h"

namespace heirloom::config {

std::string format_mark(std::string_view name, Mark mark) {
    std::string text(name);
    if (mark.line != 0) text += ":" + std::to_string(mark.line) + ":" + std::to_string(mark.column);
    return text;
}

Node* DocumentBuilder::make(Mark mark, Node::Kind kind) {
    if (document_.nodes.size() >= kMaxDocumentNodes) {
        problem_ = "the document has too many nodes";
        return nullptr;
    }
    Node& node = document_.nodes.emplace_back();
    node.kind = kind;
    node.mark = mark;
    return &node;
}

bool DocumentBuilder::place(Mark mark, const Node* node) {
    if (open_.empty()) {
        document_.root = node;
        return true;
    }
    Open& open = open_.back();
    if (open.node->kind == Node::Kind::list) {
        open.node->items.push_back(node);
        return true;
    }
    if (open.has_key) {
        open.node->members.back().value = node;
        open.has_key = false;
        return true;
    }
    if (node->kind == Node::Kind::list || node->kind == Node::Kind::map) {
        problem_ = "a key must be a word, not a list or a map";
        return false;
    }
    open.node->members.push_back({node->kind == Node::Kind::null ? "null" : node->text, mark, nullptr});
    open.has_key = true;
    return true;
}

const Node* DocumentBuilder::scalar(Mark mark, std::string text, bool plain) {
    Node* node = make(mark, Node::Kind::scalar);
    if (node == nullptr) return nullptr;
    node->text = std::move(text);
    node->plain = plain;
    return place(mark, node) ? node : nullptr;
}

const Node* DocumentBuilder::null(Mark mark) {
    Node* node = make(mark, Node::Kind::null);
    return node != nullptr && place(mark, node) ? node : nullptr;
}

const Node* DocumentBuilder::begin(Mark mark, Node::Kind kind) {
    if (open_.size() >= kMaxDocumentDepth) {
        problem_ = "nested too deeply";
        return nullptr;
    }
    Node* node = make(mark, kind);
    if (node == nullptr || !place(mark, node)) return nullptr;
    open_.push_back({node});
    return node;
}

const Node* DocumentBuilder::alias(Mark mark, const Node* target) { return place(mark, target) ? target : nullptr; }

void DocumentBuilder::end() { open_.pop_back(); }

}  // namespace heirloom::config
