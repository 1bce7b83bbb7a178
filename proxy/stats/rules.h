// SPDX-License-Identifier: Apache-2.0
// What the configuration says of statistics: which are kept, in which buckets a histogram is shown, which tags a name
// has. Immutable; made by proxy/config/read_stats_config.cc.
//
// A name that is rejected gets no cell and no name in the segment. An older generation, under another configuration,
// may have registered it: whoever shows stats asks accepts() too.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace re2 {
class RE2;
}

namespace heirloom::stats {

// One of stats_tags, in the order of the configuration.
struct TagRule {
    enum class Kind { regex, fixed, standard };  // standard: Envoy's own tag of that name
    std::string name;
    Kind kind = Kind::regex;
    std::shared_ptr<const re2::RE2> regex;  // matches anywhere: group 1 is taken out, group 2 (or 1) is the value
    std::string first_element;              // of regex: it only fits names that begin with this and a dot; "": any
    std::string value;                      // of fixed
};

struct BucketRule {
    std::function<bool(std::string_view)> matches;  // of the full name
    std::vector<double> bounds;                     // rising, > 0
};

struct Rules {
    bool all_standard_tags = true;
    std::vector<TagRule> tags;
    std::function<bool(std::string_view)> rejects;  // of the full name; empty: none
    std::vector<BucketRule> buckets;                // the first that matches counts

    bool accepts(std::string_view name) const { return !rejects || !rejects(name); }
    // Empty: Envoy's default buckets.
    std::span<const double> buckets_of(std::string_view name) const;
};

// Everything is kept, with Envoy's tags and buckets.
const Rules& default_rules();

}  // namespace heirloom::stats
