// compaction.hpp: which tables to merge, merging them, and dropping what may be forgotten.
//
// Different from the textbook: of a level that is too large the table with the smallest number goes
// down, the one that was written first; of two equally urgent levels the lower one comes first. A
// merge takes a user key at a time: its versions are judged together, and what is kept of them is
// written together. What was made is removed by the function that sees the failure.
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
#include <limits>
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

// Sizes from the bottom up: {last level, a level_ratio less, …}, until it is worth no further
// level.
inline LevelTargets level_targets(const Version& version, const Options& options) {
  assert(options.level_ratio >= 2);
  const std::uint64_t base_bytes = options.level_base_bytes;
  std::vector<std::uint64_t> sizes = {version.level_bytes(level_count - 1)};
  while (sizes.back() > base_bytes && sizes.size() < level_count - 1)
    sizes.push_back(sizes.back() / static_cast<std::uint64_t>(options.level_ratio));

  LevelTargets targets;
  const int smallest_useful = level_count - static_cast<int>(sizes.size());
  targets.base_level = std::min(smallest_useful, highest_used_level(version));
  sizes.resize(static_cast<std::size_t>(level_count - targets.base_level));
  for (int level = level_count - 1; level >= targets.base_level; --level) {
    const auto steps_up = static_cast<std::size_t>(level_count - 1 - level);
    targets.bytes_max[static_cast<std::size_t>(level)] = std::max(sizes[steps_up], base_bytes);
  }
  return targets;
}

// The plan that merges tables of one level into another, with what they meet there.
inline CompactionPlan plan_merge(const Version& version, int level,
                                 const std::vector<TableRef>& tables, int output_level,
                                 std::string_view reason) {
  std::vector<LevelTable> inputs;
  add_tables(inputs, level, tables);
  const KeyExtent extent = extent_of(inputs);
  add_tables(inputs, output_level, version.overlapping(output_level, extent.first, extent.last));
  return make_plan(version, std::move(inputs), output_level, reason);
}

inline std::optional<CompactionPlan> pick_leveled(const Version& version, const Options& options) {
  const LevelTargets targets = level_targets(version, options);
  int most_urgent = -1;
  double urgency = 0;  // how many times its measure that level holds
  const auto consider = [&](int level, double held, double measure) {
    if (held / measure < urgency) return;
    urgency = held / measure;
    most_urgent = level;
  };
  const auto level0_count = static_cast<int>(version.level(0).size());
  if (level0_count >= options.level0_compact_count)
    consider(0, level0_count, options.level0_compact_count);
  for (int level = targets.base_level; level < level_count - 1; ++level) {
    const std::uint64_t bytes = version.level_bytes(level);
    const std::uint64_t bytes_max = targets.bytes_max[static_cast<std::size_t>(level)];
    if (bytes > bytes_max)
      consider(level, static_cast<double>(bytes), static_cast<double>(bytes_max));
  }
  if (most_urgent < 0) return std::nullopt;

  const std::vector<TableRef>& tables = version.level(most_urgent);
  if (most_urgent == 0)
    return plan_merge(version, 0, tables, targets.base_level, "level 0 is full");
  const TableRef oldest =
      *std::min_element(tables.begin(), tables.end(),
                        [](const TableRef& a, const TableRef& b) { return a->number < b->number; });
  return plan_merge(version, most_urgent, {oldest}, most_urgent + 1, "a level is too large");
}

// A version that is kept, copied out of the stream; its key is known.
struct KeptVersion {
  std::uint64_t tag = 0;
  std::string value;
};

// The oldest sequence number outside the merge in tables that cover a key; the largest number when
// no table does.
inline Sequence oldest_outside(const MergeContext& context, std::string_view key) {
  Sequence oldest = std::numeric_limits<Sequence>::max();
  for (const TableRef& table : context.others)
    if (table->first_key <= key && key <= table->last_key)
      oldest = std::min(oldest, table->first_sequence);
  return oldest;
}

// Takes all versions of the key on which the input stands; returns those that must stay.
inline Result<std::vector<KeptVersion>> take_key(MergeCursor& input, const std::string& key,
                                                 GarbageRule& rule, const MergeContext& context) {
  using Fate = GarbageRule::Fate;
  std::vector<KeptVersion> kept;
  for (; input.is_valid() && input.key() == key; input.next()) {
    // Relaxed: the flag only asks to stop, nothing else is learned from it.
    if (context.is_cancelled.load(std::memory_order_relaxed))
      return Status(Code::cancelled, "the merge was cancelled");
    const std::uint64_t tag = input.tag();
    Fate fate = rule.judge(key, tag);
    if (fate == Fate::drop_unless_older) {
      const bool may_go =
          !context.keeps_tombstones && oldest_outside(context, key) >= sequence_of(tag);
      fate = may_go ? Fate::drop : Fate::keep;
    }
    if (fate == Fate::keep) kept.push_back({tag, std::string(input.value())});
  }
  return kept;
}

// Ends the table that is being written; it is the last one.
inline Status end_table(std::unique_ptr<TableBuilder>& builder, std::vector<TableMeta>& tables) {
  Result<TableMeta> meta = builder->finish();
  builder.reset();
  if (!meta.ok()) return std::move(meta).status();
  const std::uint64_t number = tables.back().number;
  tables.back() = *std::move(meta);
  tables.back().number = number;
  return {};
}

// Does the work of merge_into_tables. Of every table that may exist the number is in `tables`, also
// after a failure; then none of them is being written any more.
inline Status write_tables(MergeCursor& input, const MergeContext& context,
                           std::vector<TableMeta>& tables) {
  GarbageRule rule(context.snapshots);
  std::unique_ptr<TableBuilder> builder;
  input.seek_to_first();
  while (input.is_valid()) {
    const std::string key(input.key());
    Result<std::vector<KeptVersion>> kept = take_key(input, key, rule, context);
    if (!kept.ok()) return std::move(kept).status();
    if (kept->empty()) continue;
    if (builder == nullptr) {
      tables.emplace_back().number = context.numbers.take();
      Result<std::unique_ptr<TableBuilder>> created = context.tables.create(tables.back().number);
      if (!created.ok()) return std::move(created).status();
      builder = *std::move(created);
    }
    for (const KeptVersion& version : *kept)
      if (Status s = builder->add(key, version.tag, version.value); !s.ok()) return s;
    if (builder->size_bytes() < context.table_bytes_max) continue;
    if (Status s = end_table(builder, tables); !s.ok()) return s;
  }
  if (Status s = input.status(); !s.ok()) return s;
  return builder == nullptr ? Status() : end_table(builder, tables);
}

inline Result<std::vector<TableMeta>> merge_into_tables(MergeCursor& input,
                                                        const MergeContext& context) {
  assert(context.table_bytes_max > 0);
  std::vector<TableMeta> tables;
  Status done = write_tables(input, context, tables);
  if (done.ok()) return tables;
  for (const TableMeta& table : tables)
    context.tables.remove(table.number).ignore();
  return done;
}

}  // namespace lsmith
