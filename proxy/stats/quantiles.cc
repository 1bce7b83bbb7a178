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

std::vector<Bucket> buckets(std::span<const double> bounds, const shm::HistogramSnapshot& histogram,
                            std::span<const double> wanted) {
    if (wanted.empty()) {
        const bool has_all = std::includes(bounds.begin(), bounds.end(), kEnvoyBounds.begin(), kEnvoyBounds.end());
        wanted = has_all ? std::span<const double>(kEnvoyBounds) : bounds;
    }
    std::vector<Bucket> result;
    uint64_t below = 0;  // in the bins before `bin`
    size_t bin = 0;
    for (const double bound : wanted) {
        for (; bin < bounds.size() && bin < histogram.bins.size() && bounds[bin] <= bound; ++bin) {
            below += histogram.bins[bin];
        }
        uint64_t part = 0;  // of the bin that the bound cuts
        if (bin < bounds.size() && bin < histogram.bins.size()) {
            const double first = bin == 0 ? 0 : std::floor(bounds[bin - 1]) + 1;
            const double whole = std::floor(bounds[bin]) - first + 1, below_bound = std::floor(bound) - first + 1;
            if (below_bound > 0 && whole > 0) {
                part = static_cast<uint64_t>(static_cast<double>(histogram.bins[bin]) * below_bound / whole);
            }
        }
        result.push_back({bound, below + part});
    }
    return result;
}

std::vector<Bin> filled_bins(std::span<const double> bounds, const shm::HistogramSnapshot& histogram) {
    std::vector<Bin> result;
    for (size_t i = 0; i < histogram.bins.size(); ++i) {
        if (histogram.bins[i] == 0) continue;
        const double low = i == 0 ? 0 : bounds[i - 1];
        const double high = i < bounds.size() ? bounds[i] : low;
        result.push_back({low, high - low, histogram.bins[i]});
    }
    return result;
}

}  // namespace heirloom::stats
