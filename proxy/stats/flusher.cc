// SPDX-License-Identifier: Apache-2.0
#include "proxy/stats/flusher.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <unordered_set>

#include "proxy/stats/tags.h"
#include "shm/stat_names.h"

namespace heirloom::stats {

using shm::StatKind;

namespace {

std::string told_name(std::string_view name) { return std::string(shm::kToldPrefix) + std::string(name); }

std::string tags_behind(const TaggedName& tagged) {
    std::string text;
    for (const Tag& tag : tagged.tags) {
        text.append(text.empty() ? "|#" : ",").append(tag.name).append(":").append(tag.value);
    }
    return text;
}

}  // namespace

Flusher::Flusher(Registrar& registrar, uint32_t generation_slot, const Rules& rules, std::vector<Sink> sinks)
    : registrar_(registrar),
      segment_(registrar.segment()),
      generation_slot_(generation_slot),
      rules_(rules),
      sinks_(std::move(sinks)) {}

Flusher::~Flusher() = default;

std::vector<Flusher::Line> Flusher::lines_of(const std::string& name) const {
    std::vector<Line> lines;
    for (const Sink& sink : sinks_) {
        if (!sink.tags) {
            lines.push_back({sink.prefix + "." + name + ":", ""});
            continue;
        }
        const TaggedName tagged = extract_tags(name, rules_);
        lines.push_back({sink.prefix + "." + tagged.name + ":", tags_behind(tagged)});
    }
    return lines;
}

void Flusher::prepare() {
    const size_t count = segment_.stat_count();
    std::unordered_set<std::string_view> existing;
    std::vector<shm::StatInfo> wanted;
    std::vector<Registrar::Spec> specs;
    specs.push_back({std::string(shm::kTellerName), StatKind::gauge, {}});
    uint64_t used = 1, more = 0;
    for (size_t i = 0; i < count; ++i) {
        const shm::StatInfo info = segment_.stat(i);
        if (info.name.empty()) continue;
        used = std::max(used, uint64_t{info.first_slot} + info.slot_count);
        if (info.name.starts_with(shm::kToldPrefix)) existing.insert(info.name);
        if (shm::is_hidden_stat(info.name)) continue;
        // Which codes of a counter by code are told is decided when they come.
        if (info.kind != StatKind::counter_by_code && !rules_.accepts(info.name)) continue;
        wanted.push_back(info);
        if (info.kind == StatKind::histogram) {
            histograms_.emplace(info.first_slot, lines_of(std::string(info.name)));
        } else {
            specs.push_back(
                {told_name(info.name), info.kind == StatKind::counter_by_code ? info.kind : StatKind::counter, {}});
        }
    }
    for (const Registrar::Spec& spec : specs) {
        if (!existing.contains(spec.name)) more += spec.kind == StatKind::counter_by_code ? shm::kCodeSlots : 1;
    }
    // Cells are never taken back: what cannot all be noted must not take them from the stats of later generations. But
    // for the teller nothing more is taken where all have been there before.
    has_room_ = more <= 1 || used + more <= segment_.shape().stat_slots / 10 * 9;
    if (!has_room_) {
        histograms_.clear();
        spdlog::error("stats_sinks: the segment has no room to note what was told of {} stats; nothing is told",
                      specs.size());
        return;
    }
    registrar_.prefetch(std::move(specs));
    teller_ = registrar_.gauge(shm::kTellerName);
    const shm::Segment::Survey survey(segment_);
    for (const shm::StatInfo& info : wanted) {
        const std::string name(info.name);
        const bool is_new = !existing.contains(told_name(name));
        if (info.kind == StatKind::counter_by_code) {
            note_codes(info, name, is_new);
        } else if (info.kind != StatKind::histogram) {
            note(info, name, is_new);
        }
    }
}

// Without a place for what was told nothing can be told: it would be told again each time.
void Flusher::note(const shm::StatInfo& info, const std::string& name, bool is_new) {
    const Counter told = registrar_.counter(told_name(name));
    if (told.slot() == 0) return;
    const bool is_gauge = info.kind == StatKind::gauge;
    if (is_new && !is_gauge) skip_past(info.first_slot, told);
    stats_.push_back({is_gauge, info.first_slot, told, lines_of(name)});
}

void Flusher::note_codes(const shm::StatInfo& info, const std::string& name, bool is_new) {
    const uint32_t first_told = registrar_.code_counter(told_name(name)).first_slot();
    if (first_told == 0) return;
    for (uint32_t i = 0; i < shm::kCodeSlots && is_new; ++i) skip_past(info.first_slot + i, Counter(first_told + i));
    codes_.push_back({name, info.first_slot, first_told, {}});
}

// What was counted before there was anybody to tell it to.
void Flusher::skip_past(uint32_t slot, Counter told) {
    const uint64_t before = segment_.counter(slot) - segment_.gauge_of(generation_slot_, slot);
    if (before != 0) told.add(before);
}

bool Flusher::may_tell() {
    if (tells_) return true;
    if (!wants_to_tell_) return false;
    const auto others = [this] {
        return segment_.gauge(teller_.slot()) - segment_.gauge_of(generation_slot_, teller_.slot());
    };
    if (others() != 0) return false;
    // Two that begin in the same instant see each other, and both step back.
    teller_.set(1);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    tells_ = others() == 0;
    if (!tells_) teller_.set(0);
    return tells_;
}

bool Flusher::flush() {
    if (!wants_to_tell_ || !has_room_) return true;
    if (!may_tell()) return false;
    // What was told of a stat is read before it is added to; a page that was not there holds nothing yet.
    const shm::Segment::Survey survey(segment_);
    for (const Stat& stat : stats_) {
        if (stat.is_gauge) {
            tell_gauge(stat);
        } else {
            tell_counter(stat);
        }
    }
    for (Codes& codes : codes_) tell_codes(codes);
    commit();
    return true;
}

void Flusher::end() {
    flush();
    wants_to_tell_ = false;
    if (!std::exchange(tells_, false)) return;
    // Who sees the 0 sees all that was told.
    std::atomic_thread_fence(std::memory_order_release);
    teller_.set(0);
}

// Few of the codes ever come; their lines are made when they do.
void Flusher::tell_codes(Codes& codes) {
    for (uint32_t i = 0; i < shm::kCodeSlots; ++i) {
        auto found = codes.seen.find(i);
        if (found == codes.seen.end()) {
            const uint32_t slot = codes.first_slot + i;
            if (segment_.counter(slot) == 0) continue;
            const std::string name = codes.name + std::to_string(i + 100);
            if (!rules_.accepts(name)) continue;
            found = codes.seen.emplace(i, Stat{false, slot, Counter(codes.first_told + i), lines_of(name)}).first;
        }
        tell_counter(found->second);
    }
}

void Flusher::tell_counter(const Stat& stat) {
    uint64_t told = segment_.counter(stat.told.slot()), value = 0;
    // The owner may reset all counters meanwhile: the two must be of the same side of it.
    for (uint64_t again = 0;; told = again) {
        value = segment_.counter(stat.slot);
        again = segment_.counter(stat.told.slot());
        if (again == told) break;
    }
    if (value == 0 && told == 0) return;
    const uint64_t amount = value - told;
    if (static_cast<int64_t>(amount) < 0) {  // a reset came between telling and taking note of it
        stat.told.add(amount);
        return;
    }
    if (value == 0) return;
    tell(stat.lines, amount, "|c");
    if (amount != 0) sent_.push_back({stat.told, amount});
}

void Flusher::tell_gauge(const Stat& stat) {
    const uint64_t value = segment_.gauge(stat.slot);
    const bool was_used = segment_.counter(stat.told.slot()) != 0;
    if (value == 0 && !was_used) return;
    tell(stat.lines, value, "|g");
    if (!was_used) stat.told.add();
}

// A line after which nothing is kept by any sink closes what was sent before.
void Flusher::tell(const std::vector<Line>& lines, uint64_t value, std::string_view type) {
    bool sends = false;
    for (size_t i = 0; i < sinks_.size(); ++i) {
        const size_t most_bytes = lines[i].head.size() + 20 + type.size() + lines[i].tail.size();
        sends = sends || sinks_[i].writer->would_send(most_bytes);
    }
    if (sends) commit();
    for (size_t i = 0; i < sinks_.size(); ++i) {
        text_.clear();
        text_.append(lines[i].head);
        fmt::format_to(std::back_inserter(text_), "{}", value);
        text_.append(type).append(lines[i].tail);
        sinks_[i].writer->write(text_);
    }
}

void Flusher::commit() {
    for (const Sink& sink : sinks_) sink.writer->flush();
    for (const Told& told : sent_) told.counter.add(told.amount);
    sent_.clear();
}

void Flusher::tell_values(ValueLog& log) {
    log.take([this](const ValueLog::Entry& entry) {
        const auto found = histograms_.find(entry.first_slot);
        if (found == histograms_.end()) return;
        for (size_t i = 0; i < sinks_.size(); ++i) {
            const Line& line = found->second[i];
            text_.clear();
            text_.append(line.head);
            fmt::format_to(std::back_inserter(text_), "{}", entry.value);
            text_.append("|ms").append(line.tail);
            sinks_[i].writer->write(text_);
        }
    });
    for (const Sink& sink : sinks_) sink.writer->flush();
}

}  // namespace heirloom::stats
