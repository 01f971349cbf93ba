// compaction.hpp: which tables to merge, merging them, and dropping what may be forgotten. Yours to
// write; book/09-compaction.md explains.
//
// Goal: tables do not pile up, and what nobody can read any more gives its space back, without any
// reader noticing.
//
//   level 0   [ ][ ][ ][ ]              full at level0_compact_count tables: all of them go down
//   levels 1 to 3                       not used yet: level 0 skips them
//   level 4   [   ][   ]                at most level_base_bytes      <- the base level
//   level 5   [   ][   ][ ... ]         a level_ratio times as much: one table too many goes down
//   level 6   [   ][   ][   ][ ... ]    everything else
//
// Steps (each is checked by `labs/lab check 09`)
//   09.1  level_targets, pick_leveled                           about 50 minutes
//   09.2  merge_into_tables; its tests have no tombstones       about 60 minutes
//   09.3  may_forget: which tombstones may go                   about 25 minutes
//
// Given, in include/lsmith/compaction_plans.hpp, which is worth reading before you begin: what a
// plan is, make_plan and other helpers for choosing, tiered picking, picking a range, running a
// plan; and table_cache.hpp, whose TableCache creates and removes tables. Installing the edit is
// the engine's work. GarbageRule of mvcc.hpp is there already, though its chapter is the next.
//
// Invariants. Forgetting too much is the worst that a store can do, so every doubt keeps:
//  1. A plan's inputs are complete: whatever older table an input would pass on its way down, or
//     meet where it goes, is an input too.
//  2. A version goes only when a newer one in its stripe hides it from all snapshots.
//  3. A tombstone goes only when it is in the oldest stripe and no table outside the merge, at any
//     level, covers its key and reaches back before it.
//  4. All versions of a user key stay in one table, whatever its size.
//  5. An input that fails fails the merge. What it did not show may be all that remains of a key.
//
// The public declarations are the contract that the rest of the engine calls: leave them as they
// are. Bodies, helpers and includes are yours.
//
// Threads: functions of their arguments.
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
  const std::uint64_t base_bytes = options.level_base_bytes;
  // Not above it: level 0 would pass its tables.
  const int base_level_max = highest_used_level(version);
  LevelTargets targets;
  int level = level_count - 1;
  std::uint64_t size_bytes = version.level_bytes(level);
  targets.bytes_max[level] = std::max(size_bytes, base_bytes);
  while (level > 1 && (size_bytes > base_bytes || level > base_level_max)) {
    size_bytes /= static_cast<std::uint64_t>(options.level_ratio);
    targets.bytes_max[--level] = std::max(size_bytes, base_bytes);
  }
  targets.base_level = level;
  return targets;
}

// The level that holds its measure the most times over, or nothing when none is due. Of equals the
// upper one: what stands there is in the way of more reads.
inline std::optional<int> most_urgent_level(const Version& version, const Options& options,
                                            const LevelTargets& targets) {
  std::optional<int> urgent;
  double urgent_fullness = 0;
  const std::size_t count = version.level(0).size();
  if (count >= static_cast<std::size_t>(options.level0_compact_count)) {
    urgent = 0;
    urgent_fullness = static_cast<double>(count) / options.level0_compact_count;
  }
  for (int level = targets.base_level; level < level_count - 1; ++level) {
    const std::uint64_t size_bytes = version.level_bytes(level);
    const std::uint64_t bytes_max = targets.bytes_max[level];
    const double fullness = static_cast<double>(size_bytes) / static_cast<double>(bytes_max);
    if (size_bytes <= bytes_max || fullness <= urgent_fullness) continue;
    urgent = level;
    urgent_fullness = fullness;
  }
  return urgent;
}

// The table that rewrites the least in the next level for each byte of its own; the level holds
// one at least.
inline TableRef cheapest_table(const Version& version, int level) {
  TableRef cheapest;
  double cost_min = 0;
  for (const TableRef& table : version.level(level)) {
    std::uint64_t met_bytes = 0;
    for (const TableRef& met : version.overlapping(level + 1, table->first_key, table->last_key))
      met_bytes += met->file_bytes;
    const double cost = static_cast<double>(met_bytes) / static_cast<double>(table->file_bytes);
    if (cheapest && cost >= cost_min) continue;
    cheapest = table;
    cost_min = cost;
  }
  return cheapest;
}

inline std::optional<CompactionPlan> pick_leveled(const Version& version, const Options& options) {
  const LevelTargets targets = level_targets(version, options);
  const std::optional<int> level = most_urgent_level(version, options, targets);
  if (!level) return std::nullopt;

  std::vector<LevelTable> inputs;
  if (*level == 0)
    add_tables(inputs, 0, version.level(0));
  else
    inputs.emplace_back(*level, cheapest_table(version, *level));
  const int output_level = *level == 0 ? targets.base_level : *level + 1;
  // Levels in between are empty. Looking once is enough: the tables met stand side by side, so
  // wherever they reach beyond the extent, nothing else of their level is there.
  const KeyExtent extent = extent_of(inputs);
  add_tables(inputs, output_level, version.overlapping(output_level, extent.first, extent.last));
  return make_plan(version, std::move(inputs), output_level,
                   *level == 0 ? "level 0 has many tables" : "a level is above its target");
}

// Whether a tombstone that the rule calls drop_unless_older may be dropped. Only merge_into_tables
// calls this; it is a function of its own so that 09.2 can be finished first.
inline bool may_forget(const MergeContext& context, std::string_view key, std::uint64_t tag) {
  if (context.keeps_tombstones) return false;
  // All levels, not only those below the output: were a plan not complete, this would still hold.
  return std::none_of(context.others.begin(), context.others.end(), [&](const TableRef& table) {
    return table->covers(key) && table->first_sequence < sequence_of(tag);
  });
}

// The tables that a merge writes. Removes them at its end unless finish() handed them over.
class MergeOutput {
 public:
  /// Borrows the context.
  explicit MergeOutput(const MergeContext& context) : context_(context) {}
  MergeOutput(const MergeOutput&) = delete;
  MergeOutput& operator=(const MergeOutput&) = delete;
  ~MergeOutput();

  /// Writes the next entry, into a new table if need be.
  Status add(std::string_view key, std::uint64_t tag, std::string_view value);
  /// Ends the last table and hands all of them over.
  Result<std::vector<TableMeta>> finish();

 private:
  Status begin_table();
  Status end_table();

  const MergeContext& context_;
  // The one that is being written, too; of that one only the number is known.
  std::vector<TableMeta> tables_;
  std::unique_ptr<TableBuilder> builder_;  // null between tables
  std::string last_key_;                   // that was written
};

inline MergeOutput::~MergeOutput() {
  builder_.reset();  // its file is open as long as it lives
  for (const TableMeta& table : tables_)
    context_.tables.remove(table.number).ignore();  // best effort; no manifest names it
}

inline Status MergeOutput::add(std::string_view key, std::uint64_t tag, std::string_view value) {
  // Only between user keys: were one's versions cut apart, the newer could go down without the
  // older.
  const bool is_full = builder_ && builder_->size_bytes() >= context_.table_bytes_max;
  if (is_full && key != last_key_)
    if (Status ended = end_table(); !ended.ok()) return ended;
  if (!builder_)
    if (Status begun = begin_table(); !begun.ok()) return begun;
  last_key_ = key;
  return builder_->add(key, tag, value);
}

inline Status MergeOutput::begin_table() {
  // Noted before it is made: create() may fail with the file there already.
  tables_.emplace_back().number = context_.numbers.take();
  auto builder = context_.tables.create(tables_.back().number);
  if (!builder.ok()) return std::move(builder).status();
  builder_ = std::move(*builder);
  return Status();
}

inline Status MergeOutput::end_table() {
  auto table = builder_->finish();
  if (!table.ok()) return std::move(table).status();
  table->number = tables_.back().number;
  tables_.back() = std::move(*table);
  builder_.reset();
  return Status();
}

inline Result<std::vector<TableMeta>> MergeOutput::finish() {
  if (builder_)
    if (Status ended = end_table(); !ended.ok()) return ended;
  return std::exchange(tables_, {});
}

inline Result<std::vector<TableMeta>> merge_into_tables(MergeCursor& input,
                                                        const MergeContext& context) {
  MergeOutput output(context);
  GarbageRule rule(context.snapshots);
  for (input.seek_to_first(); input.is_valid(); input.next()) {
    if (context.is_cancelled.load(std::memory_order_relaxed))
      return Status(Code::cancelled, "the merge was stopped");
    const GarbageRule::Fate fate = rule.judge(input.key(), input.tag());
    if (fate == GarbageRule::Fate::drop) continue;
    const bool is_question = fate == GarbageRule::Fate::drop_unless_older;
    if (is_question && may_forget(context, input.key(), input.tag())) continue;
    if (Status added = output.add(input.key(), input.tag(), input.value()); !added.ok())
      return added;
  }
  // A failed input looks like one that came to its end.
  if (Status status = input.status(); !status.ok()) return status;
  return output.finish();
}

}  // namespace lsmith
