// SPDX-License-Identifier: Apache-2.0
// Quantiles and Prometheus buckets out of a histogram's bins. Values are whole numbers, so a bin that holds one whole
// number gives it back exactly; a wider bin is taken as evenly filled.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "shm/segment.h"

namespace heirloom::stats {

// Envoy's, in percent.
inline constexpr std::array<double, 10> kQuantiles = {0, 25, 50, 75, 90, 95, 99, 99.5, 99.9, 100};

// The value at `percent`; NaN for an empty histogram.
double quantile(std::span<const double> bounds, const shm::HistogramSnapshot& histogram, double percent);

struct Bucket {
    double upper_bound;
    uint64_t cumulative;  // values <= upper_bound
};
// Without +Inf. `wanted`: the upper bounds; where one is no edge of a bin (the bins are older than the configuration),
// the bin around it is taken as evenly filled. Empty: Envoy's default buckets where the bins have those edges, else one
// bucket per bin.
std::vector<Bucket> buckets(std::span<const double> bounds, const shm::HistogramSnapshot& histogram,
                            std::span<const double> wanted = {});

// A bin that holds something. The last one, without an upper bound, has width 0.
struct Bin {
    double lower_bound, width;
    uint64_t count;
};
std::vector<Bin> filled_bins(std::span<const double> bounds, const shm::HistogramSnapshot& histogram);

}  // namespace heirloom::stats
