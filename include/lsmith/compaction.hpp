// compaction.hpp: which tables to merge, merging them, and dropping what may be forgotten.
//
//   level 0   [ ][ ][ ][ ]              full at level0_compact_count tables: all of them go down
//   levels 1 to 3                       not used yet: level 0 skips them
//   level 4   [   ][   ]                at most level_base_bytes      <- the base level
//   level 5   [   ][   ][ ... ]         a level_ratio times as much: one table too many goes down
//   level 6   [   ][   ][   ][ ... ]    everything else
//
// Sizes are counted from the bottom, so nearly all data is in the last level and what the levels
// above repeat is a tenth of it, at any size (RocksDB calls this dynamic level bytes).
//
// A merge reads its inputs as one sorted stream and writes what must be kept. Forgetting too much
// is the worst that a store can do, so every doubt keeps:
//  1. A version goes only when a newer one in its stripe hides it from all snapshots (mvcc.hpp).
//  2. A tombstone goes only when it is in the oldest stripe and no table outside the merge, at any
//     level, covers its key and reaches back before it. "This is the last level" is not enough, nor
//     is it needed.
//  3. All versions of a user key stay in one table, whatever its size: were they cut apart, a later
//     merge could take the newer part down past the older (LevelDB, issue 320).
//  4. An input that fails fails the merge. What it did not show may be all that remains of a key.
//
// What this body changes from the textbook: the tables outside the merge are passed in step with
// its keys, where the textbook asks all of them about every tombstone; a key is copied only when a
// table is full, not at every entry; and the cheapest table of a level is found in one pass over
// two levels.
//
// Threads: functions of their arguments. Cost: a merge is linear in its entries, and nothing is
// allocated for one.
#pragma once

#include <lsmith/compaction_plans.hpp>
#include <lsmith/manifest.hpp>
#include <lsmith/merge_iterator.hpp>
#include <lsmith/mvcc.hpp>
#include <lsmith/options.hpp>
#include <lsmith/sstable.hpp>
#include <lsmith/status.hpp>
#include <lsmith/table_cache.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lsmith {

/// How large each level may be. Level sizes are counted from the bottom: the last level is as large
/// as it is, each one above a level_ratio smaller, down to level_base_bytes; levels above that stay
/// empty and level 0 merges straight into the first one that is used.
struct LevelTargets {
  int base_level = level_count - 1;  ///< where level 0 goes; never below a level that holds tables
  std::array<std::uint64_t, level_count> bytes_max{};  ///< for levels from base_level on
};
LevelTargets level_targets(const Version& version, const Options& options);

/// The most urgent merge of a leveled tree, or nothing when every level is within its target. All
/// tables of level 0 are merged at once. The inputs are complete: no table outside them, at the
/// levels in between or at the output level, shares a user key with them.
std::optional<CompactionPlan> pick_leveled(const Version& version, const Options& options);

/// Writes the entries of `input` that the garbage rule keeps, in order, into new tables; returns
/// what they hold (none when nothing is left). They are durable but for their names (sync_dir). On
/// failure, which includes cancellation and an input that failed, the tables made so far are
/// removed.
Result<std::vector<TableMeta>> merge_into_tables(MergeCursor& input, const MergeContext& context);

inline LevelTargets level_targets(const Version& version, const Options& options) {
  assert(options.level_ratio >= 2);
  LevelTargets targets;
  std::uint64_t size_bytes = version.level_bytes(level_count - 1);
  for (int level = level_count - 1;; --level) {
    targets.base_level = level;
    targets.bytes_max[level] = std::max<std::uint64_t>(size_bytes, options.level_base_bytes);
    if (level == 1 || size_bytes <= options.level_base_bytes) break;
    size_bytes /= static_cast<std::uint64_t>(options.level_ratio);
  }
  // The last level has shrunk, or another way of compacting filled this one: it is not skipped.
  for (int level = highest_used_level(version); level < targets.base_level; --targets.base_level)
    targets.bytes_max[targets.base_level - 1] = options.level_base_bytes;
  return targets;
}

// All of level 0, and what overlaps with it where it goes.
inline CompactionPlan plan_level0(const Version& version, int base_level) {
  std::vector<LevelTable> inputs;
  add_tables(inputs, 0, version.level(0));
  const KeyExtent extent = extent_of(inputs);
  add_tables(inputs, base_level, version.overlapping(base_level, extent.first, extent.last));
  return make_plan(version, std::move(inputs), base_level, "level 0 has many tables");
}

// The table of a level whose move down rewrites the least below for each byte of its own, and what
// it overlaps with there. All versions of a user key that a level holds are in one table. Both
// levels are sorted, so one pass over them finds all overlaps.
inline CompactionPlan plan_one_table(const Version& version, int level) {
  const std::vector<TableRef>& below = version.level(level + 1);
  const TableRef* cheapest = nullptr;
  double least = 0;
  std::size_t begin = 0;
  for (const TableRef& table : version.level(level)) {
    while (begin < below.size() && below[begin]->last_key < table->first_key)
      ++begin;
    double cost = 0;
    for (std::size_t i = begin; i < below.size() && below[i]->first_key <= table->last_key; ++i)
      cost += static_cast<double>(below[i]->file_bytes);
    cost /= static_cast<double>(table->file_bytes);
    if (cheapest != nullptr && cost >= least) continue;
    least = cost;
    cheapest = &table;
  }
  assert(cheapest != nullptr);
  std::vector<LevelTable> inputs = {{level, *cheapest}};
  const TableMeta& chosen = **cheapest;
  add_tables(inputs, level + 1, version.overlapping(level + 1, chosen.first_key, chosen.last_key));
  return make_plan(version, std::move(inputs), level + 1, "a level is larger than its target");
}

inline std::optional<CompactionPlan> pick_leveled(const Version& version, const Options& options) {
  const LevelTargets targets = level_targets(version, options);
  // How many times its target a level is.
  const double level0_score = static_cast<double>(version.level(0).size()) /
                              static_cast<double>(options.level0_compact_count);
  double largest = 1.0;
  int fullest = -1;
  for (int level = targets.base_level; level < level_count - 1; ++level) {
    const double score = static_cast<double>(version.level_bytes(level)) /
                         static_cast<double>(targets.bytes_max[level]);
    if (score > largest) largest = score, fullest = level;
  }
  if (level0_score >= largest) return plan_level0(version, targets.base_level);
  if (fullest > 0) return plan_one_table(version, fullest);
  return std::nullopt;
}

// The tables that one merge writes. Those that are not taken by finish() are removed again.
class OutputTables {
 public:
  explicit OutputTables(const MergeContext& context) : context_(context) {
    assert(context.table_bytes_max > 0);
  }
  ~OutputTables() {
    builder_ = nullptr;
    for (const TableMeta& table : tables_)
      context_.tables.remove(table.number).ignore();
  }

  Status add(std::string_view key, std::uint64_t tag, std::string_view value) {
    if (is_full_ && key != last_key_)
      if (Status s = end_table(); !s.ok()) return s;
    if (!builder_)
      if (Status s = begin_table(); !s.ok()) return s;
    if (Status s = builder_->add(key, tag, value); !s.ok()) return s;
    if (is_full_ || builder_->size_bytes() < context_.table_bytes_max) return {};
    is_full_ = true;
    last_key_.assign(key);
    return {};
  }

  Result<std::vector<TableMeta>> finish() {
    if (builder_)
      if (Status s = end_table(); !s.ok()) return s;
    return std::exchange(tables_, {});
  }

 private:
  Status begin_table() {
    tables_.emplace_back().number = context_.numbers.take();  // first, so that it is removed
    auto builder = context_.tables.create(tables_.back().number);
    if (!builder.ok()) return std::move(builder).status();
    builder_ = std::move(*builder);
    return {};
  }

  Status end_table() {
    auto meta = builder_->finish();
    if (!meta.ok()) return std::move(meta).status();
    meta->number = tables_.back().number;
    tables_.back() = std::move(*meta);
    builder_ = nullptr;
    is_full_ = false;
    return {};
  }

  const MergeContext& context_;
  std::vector<TableMeta> tables_;          // the last one is still being written while there is
  std::unique_ptr<TableBuilder> builder_;  // a builder
  bool is_full_ = false;  // the table ends before the first key that is not last_key_
  std::string last_key_;
};

// Says of keys that come in order whether a table outside the merge may hold something older of
// them.
class OlderTables {
 public:
  explicit OlderTables(const std::vector<TableRef>& tables) {
    for (const TableRef& table : tables)
      ahead_.push_back(table.get());
    std::sort(ahead_.begin(), ahead_.end(),
              [](const TableMeta* a, const TableMeta* b) { return a->first_key > b->first_key; });
  }

  bool may_hold(std::string_view key, Sequence sequence) {
    for (; !ahead_.empty() && ahead_.back()->first_key <= key; ahead_.pop_back())
      around_.push_back(ahead_.back());
    std::erase_if(around_, [&](const TableMeta* table) { return table->last_key < key; });
    return std::any_of(around_.begin(), around_.end(),
                       [&](const TableMeta* table) { return table->first_sequence < sequence; });
  }

 private:
  std::vector<const TableMeta*> ahead_;   // begin behind the key; the nearest is last
  std::vector<const TableMeta*> around_;  // cover the key
};

inline Result<std::vector<TableMeta>> merge_into_tables(MergeCursor& input,
                                                        const MergeContext& context) {
  using Fate = GarbageRule::Fate;
  GarbageRule rule(context.snapshots);
  OutputTables output(context);
  OlderTables others(context.others);
  std::size_t count = 0;
  for (input.seek_to_first(); input.is_valid(); input.next()) {
    // Relaxed: the flag only asks to stop, nothing else is learned from it.
    if (count++ % 256 == 0 && context.is_cancelled.load(std::memory_order_relaxed))
      return Status(Code::cancelled, "the merge was stopped");
    const Fate fate = rule.judge(input.key(), input.tag());
    if (fate == Fate::drop) continue;
    if (fate == Fate::drop_unless_older && !context.keeps_tombstones &&
        !others.may_hold(input.key(), sequence_of(input.tag())))
      continue;
    if (Status s = output.add(input.key(), input.tag(), input.value()); !s.ok()) return s;
  }
  if (Status s = input.status(); !s.ok()) return s;
  return output.finish();
}

}  // namespace lsmith
