// SPDX-License-Identifier: Apache-2.0
// Document: a parsed configuration text as a plain tree that remembers where everything stood. YAML and JSON give the
// same tree, so that all later steps know one shape. Bounded in size, depth and number of nodes; parsing never throws.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "shm/result.h"

namespace heirloom::config {

inline constexpr size_t kMaxDocumentBytes = 64u << 20;
inline constexpr size_t kMaxDocumentNodes = 4u << 20;
inline constexpr uint32_t kMaxDocumentDepth = 100;

struct Mark {
    uint32_t line = 0;  // from 1; 0: unknown
    uint32_t column = 0;
};

struct Node {
    enum class Kind { null, scalar, list, map };
    struct Member {
        std::string key;
        Mark mark;  // of the key
        const Node* value;
    };

    Kind kind = Kind::null;
    bool plain = true;  // scalar without quotes: may be a number, a boolean
    Mark mark;
    std::string text;                // scalar
    std::vector<const Node*> items;  // list
    std::vector<Member> members;     // map, in the order of the text; a key may occur twice
};

struct Document {
    std::string name;        // file name, or "--config-yaml"; starts each message about it
    std::deque<Node> nodes;  // an alias is one more pointer to its anchor's node
    const Node* root = nullptr;
    bool is_json = false;
};

// Errors: "NAME:LINE:COLUMN: what".
Result<Document> parse_yaml(std::string name, const std::string& text);
Result<Document> parse_json(std::string name, std::string_view text);

std::string format_mark(std::string_view name, Mark mark);

// Takes the tree's pieces in the order of the text. Used by the two parsers.
class DocumentBuilder {
  public:
    explicit DocumentBuilder(Document& document) : document_(document) {}

    // All return null when a bound is broken or a map key is not a scalar: see problem().
    const Node* scalar(Mark mark, std::string text, bool plain);
    const Node* null(Mark mark);
    const Node* begin(Mark mark, Node::Kind kind);  // list or map
    const Node* alias(Mark mark, const Node* target);
    void end();

    const char* problem() const { return problem_; }

  private:
    struct Open {
        Node* node;
        bool has_key = false;
    };
    Node* make(Mark mark, Node::Kind kind);
    bool place(Mark mark, const Node* node);

    Document& document_;
    std::vector<Open> open_;
    const char* problem_ = "";
};

}  // namespace heirloom::config
