// SPDX-License-Identifier: Apache-2.0
// Flusher: tells sinks (statsd, dog_statsd) what the segment holds. Main thread.
//
// A counter of the segment is what all generations ever counted; a sink wants what is new. How much it was told is a
// counter too, `heirloom.told.<name>`, in the same segment: it survives a reload and a kill as the counter itself does.
// The difference is told, then added to it, datagram by datagram: a generation that is killed in between repeats at
// most the lines of one datagram, and loses none.
//
// One generation tells at a time: the live one, which says so by the gauge `heirloom.teller` in its own row, from its
// first flush to end(). A new one waits until nobody else says so; of one that dies, the segment's owner drops the
// gauge. What a draining generation still counts is told by the live one. Single values of histograms are no numbers of
// the segment: each generation tells its own.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "proxy/stats/line_writer.h"
#include "proxy/stats/rules.h"
#include "proxy/stats/store.h"
#include "proxy/stats/value_log.h"
#include "shm/segment.h"

namespace heirloom::stats {

struct Sink {
    std::string prefix;
    bool tags = false;  // dog_statsd: names without their tags, tags behind the value
    std::unique_ptr<LineWriter> writer;
};

class Flusher {
  public:
    // `rules` outlive this.
    Flusher(Registrar& registrar, uint32_t generation_slot, const Rules& rules, std::vector<Sink> sinks);
    ~Flusher();

    // When all names are registered, and before this generation is live: takes note of every stat. What was counted
    // before anybody was told of a counter will not be told.
    void prepare();
    // This generation is live: flush() tells from now on.
    void begin() { wants_to_tell_ = true; }
    // False: another generation has not ended yet; try again soon.
    bool flush();
    // Tells what there is; then the next generation may.
    void end();
    // The values that histograms of this process recorded.
    void tell_values(ValueLog& log);

  private:
    struct Line {
        std::string head;  // "envoy.cluster.x.upstream_rq_total:"
        std::string tail;  // "" or "|#a:b"
    };
    struct Stat {
        bool is_gauge;
        uint32_t slot;
        Counter told;             // of a gauge: not 0 when it ever was anything else than 0
        std::vector<Line> lines;  // one for each sink
    };
    struct Codes {  // a counter by code
        std::string name;
        uint32_t first_slot, first_told;
        std::map<uint32_t, Stat> seen;  // by position
    };
    struct Told {
        Counter counter;
        uint64_t amount;
    };

    std::vector<Line> lines_of(const std::string& name) const;
    void note(const shm::StatInfo& info, const std::string& name, bool is_new);
    void note_codes(const shm::StatInfo& info, const std::string& name, bool is_new);
    void skip_past(uint32_t slot, Counter told);
    bool may_tell();
    void tell_codes(Codes& codes);
    void tell_counter(const Stat& stat);
    void tell_gauge(const Stat& stat);
    void tell(const std::vector<Line>& lines, uint64_t value, std::string_view type);
    void commit();

    Registrar& registrar_;
    shm::Segment& segment_;
    const uint32_t generation_slot_;
    const Rules& rules_;
    std::vector<Sink> sinks_;
    bool has_room_ = false;  // for what was told, in the segment; else nothing is told
    std::vector<Stat> stats_;
    std::unordered_map<uint32_t, std::vector<Line>> histograms_;  // by first slot
    std::vector<Codes> codes_;
    std::vector<Told> sent_;  // with lines that are not flushed yet
    std::string text_;        // of the line that is made, keeps its memory
    Gauge teller_;
    bool wants_to_tell_ = false;
    bool tells_ = false;
};

}  // namespace heirloom::stats
