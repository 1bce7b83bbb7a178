// SPDX-License-Identifier: Apache-2.0
#include "proxy/stats/quantiles.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace heirloom::stats {

namespace {

constexpr std::array<double, 19> kEnvoyBounds = {0.5,  1,    5,     10,    25,    50,     100,    250,     500,    1000,
                                                 2500, 5000, 10000, 30000, 60000, 300000, 600000, 1800000, 3600000};

}  // namespace

double quantile(std::span<const double> bounds, const shm::HistogramSnapshot& histogram, double percent) {
    uint64_t total = 0;
    for (const uint64_t bin : histogram.bins) total += bin;
    if (total == 0) return std::numeric_limits<double>::quiet_NaN();
    const double rank = std::max(percent / 100 * static_cast<double>(total), std::numeric_limits<double>::min());
    double before = 0;
    for (size_t i = 0; i < histogram.bins.size(); ++i) {
        const auto count = static_cast<double>(histogram.bins[i]);
        if (count == 0 || before + count < rank) {
            before += count;
            continue;
        }
        const double low = i == 0 ? 0 : std::floor(bounds[i - 1]) + 1;
        if (i >= bounds.size()) return low;  // +Inf: no more is known
        const double high = std::floor(bounds[i]);
        return high <= low ? low : low + (high - low) * (rank - before) / count;
    }
    return std::numeric_limits<double>::quiet_NaN();
}

std::vector<Bucket> buckets(std::span<const double> bounds, const shm::HistogramSnapshot& histogram) {
    const bool has_all = std::includes(bounds.begin(), bounds.end(), kEnvoyBounds.begin(), kEnvoyBounds.end());
    std::vector<Bucket> result;
    uint64_t cumulative = 0;
    for (size_t i = 0; i < bounds.size() && i < histogram.bins.size(); ++i) {
        cumulative += histogram.bins[i];
        if (!has_all || std::binary_search(kEnvoyBounds.begin(), kEnvoyBounds.end(), bounds[i])) {
            result.push_back({bounds[i], cumulative});
        }
    }
    return result;
}

}  // namespace heirloom::stats
