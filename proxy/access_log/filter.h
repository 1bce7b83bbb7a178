// SPDX-License-Identifier: Apache-2.0
// Decides whether a record is written. Belongs to one worker's thread; allocates nothing.
#pragma once

#include <cstdint>
#include <vector>

#include "proxy/access_log/access_log.h"
#include "proxy/config/access_log_filter.h"

namespace heirloom::access_log {

class Filter {
  public:
    explicit Filter(const config::LogFilter& config);
    bool passes(const Record& record);

  private:
    bool samples(const Record& record);

    config::LogFilter config_;
    uint32_t flags_ = 0;  // bits of those that are named
    std::vector<Filter> parts_;
    uint64_t random_ = 0;  // state of a SplitMix64
};

// What it is a record of; where it does not say: the end of a plain TCP connection or of a request.
config::LogType type_of(const Record& record);

}  // namespace heirloom::access_log
