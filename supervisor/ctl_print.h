// SPDX-License-Identifier: Apache-2.0
// What heirloomctl shows to people. Pure: JSON of the control socket in, text out.
#pragma once

#include <boost/json/object.hpp>
#include <string>

namespace heirloom::supervisor {

// One line of a running transaction: "   0.012 s  ready         epoch 3, listeners 2, clusters 4".
std::string print_event(const boost::json::object& line);
// The table of generations, and the last transaction when it failed.
std::string print_status(const boost::json::object& status);
// "1.5 s", "2 m 05 s", "3 h 12 m", "4 d 1 h".
std::string print_age(int64_t milliseconds);

}  // namespace heirloom::supervisor
