// compaction_plans.hpp: what a merge of tables is made of, two ways to choose one, and running it.
//
//   level 0   [31 a----------m]             newest
//             [28    d-----------t]                      a plan: 31 28 19 20 21 -> level 5
//   level 5   [19 a--f] [20 h-k] [21 n-z]
//   level 6   [7 a---------------------z]   oldest
//
// A merge takes tables of several levels to one of them. Newer data must not pass older data of the
// same key: 31 alone, going to level 5, would pass 28 on its way and meet 19 and 20 there.
//
// A plan's inputs are therefore complete: whatever older table an input would pass on its way down
// is an input too, and so is everything that the output, which reaches from the first key of the
// inputs to the last, would meet at its level. The rule of format.md, section 9, newer above older,
// then holds after the merge as it did before.
//
// When no two inputs overlap there is nothing to merge, and moving them, one edit of the manifest,
// has the same effect. Tombstones are the exception: where nothing lies below, rewriting a table
// drops them, and moving it would keep them for good.
//
// Tiered: a run is a table of level 0 or a whole level below it. Runs of similar size are merged,
// so each byte is rewritten about once per doubling of the data, as against ten times per level; in
// exchange a read looks into more runs. Every merge leaves fewer runs or an empty level 0: it ends.
//
// Threads: functions of their arguments; a Version is immutable. Cost: linear in the tables.
#pragma once

#include <lsmith/level_cursor.hpp>
#include <lsmith/manifest.hpp>
#include <lsmith/merge_iterator.hpp>
#include <lsmith/names.hpp>
#include <lsmith/options.hpp>
#include <lsmith/status.hpp>
#include <lsmith/table_cache.hpp>

#include <algorithm>
#include <atomic>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace lsmith {

/// A table and the level that it stands at.
using LevelTable = std::pair<int, TableRef>;

/// Tables to merge, and the level that the result goes to.
struct CompactionPlan {
  /// Level and table, newest run first: level 0 newest first, then the levels downwards in key
  /// order.
  std::vector<LevelTable> inputs;
  int output_level = 0;
  /// No two inputs share a user key, so moving them changes nothing that a reader sees.
  bool is_trivial_move = false;
  /// Why, for people. Static text.
  std::string_view reason;
};

/// The user keys from `first` to `last`, both included. Borrows them from the tables.
struct KeyExtent {
  std::string_view first;
  std::string_view last;

  bool operator==(const KeyExtent&) const = default;
};
/// From the smallest to the largest user key of the tables, of which there is at least one.
KeyExtent extent_of(const std::vector<LevelTable>& tables);
/// Adds the tables of a level to `inputs`, in order.
void add_tables(std::vector<LevelTable>& inputs, int level, const std::vector<TableRef>& tables);
/// The plan that merges complete inputs, given newest run first, of which there is at least one.
/// Finds out whether moving them is enough; those that are where they should be are then left out.
CompactionPlan make_plan(const Version& version, std::vector<LevelTable> inputs, int output_level,
                         std::string_view reason);

/// The merge that a tiered tree needs, or nothing. A run is a table of level 0, or a level from 1
/// on. Merges the newest runs, level 0 always whole, as long as the next older one is not much
/// larger.
std::optional<CompactionPlan> pick_tiered(const Version& version, const Options& options);
/// Everything that overlaps the user keys from `first` to `last` (nothing: no bound), on all
/// levels, merged into the lowest level that it needs; nothing when there is nothing to merge.
/// Never a trivial move: what may be forgotten goes.
std::optional<CompactionPlan> pick_range(const Version& version, const Options& options,
                                         std::optional<std::string_view> first,
                                         std::optional<std::string_view> last);

/// What merging into tables needs from around it. Borrows everything.
struct MergeContext {
  const Options& options;
  TableCache& tables;
  FileNumbers& numbers;
  const std::atomic<bool>& is_cancelled;
  /// Live snapshots, captured after the inputs were fixed.
  std::vector<Sequence> snapshots;
  /// When set, a tombstone that the garbage rule calls drop_unless_older is always kept: the stream
  /// is not all there is (a flush).
  bool keeps_tombstones = false;
  /// Tables outside the merge. A tombstone is kept when one of these may hold something older of
  /// its key.
  std::vector<TableRef> others = {};
  /// Size in bytes, at least 1, at which a table is ended; all versions of a user key still go to
  /// one table.
  std::uint64_t table_bytes_max = 0;
};

/// Runs a plan on the version that it was picked from: the edit to install, made of removals and
/// additions. `context.others` and table_bytes_max are filled in here.
Result<VersionEdit> run_compaction(const CompactionPlan& plan, const Version& version,
                                   MergeContext context);

// Its contract and its body are in compaction.hpp.
Result<std::vector<TableMeta>> merge_into_tables(MergeCursor& input, const MergeContext& context);

inline KeyExtent extent_of(const std::vector<LevelTable>& tables) {
  assert(!tables.empty());
  KeyExtent extent{tables.front().second->first_key, tables.front().second->last_key};
  for (const auto& [level, table] : tables) {
    extent.first = std::min<std::string_view>(extent.first, table->first_key);
    extent.last = std::max<std::string_view>(extent.last, table->last_key);
  }
  return extent;
}

inline void add_tables(std::vector<LevelTable>& inputs, int level,
                       const std::vector<TableRef>& tables) {
  for (const TableRef& table : tables)
    inputs.emplace_back(level, table);
}

// Whether no two tables overlap.
inline bool are_disjoint(const std::vector<LevelTable>& tables) {
  std::vector<const TableMeta*> sorted;
  for (const auto& [level, table] : tables)
    sorted.push_back(table.get());
  std::sort(sorted.begin(), sorted.end(),
            [](const TableMeta* a, const TableMeta* b) { return a->first_key < b->first_key; });
  return std::adjacent_find(sorted.begin(), sorted.end(),
                            [](const TableMeta* a, const TableMeta* b) {
                              return a->last_key >= b->first_key;
                            }) == sorted.end();
}

// Whether tables hold tombstones, and no table below the level overlaps with them.
inline bool may_drop_tombstones(const Version& version, const std::vector<LevelTable>& tables,
                                int level) {
  const bool has_tombstones =
      std::any_of(tables.begin(), tables.end(),
                  [](const LevelTable& input) { return input.second->erases > 0; });
  const KeyExtent extent = extent_of(tables);
  while (++level < level_count)
    if (!version.overlapping(level, extent.first, extent.last).empty()) return false;
  return has_tombstones;
}

inline CompactionPlan make_plan(const Version& version, std::vector<LevelTable> inputs,
                                int output_level, std::string_view reason) {
  assert(!inputs.empty());
  CompactionPlan plan;
  plan.inputs = std::move(inputs);
  plan.output_level = output_level;
  plan.reason = reason;
  plan.is_trivial_move =
      are_disjoint(plan.inputs) && !may_drop_tombstones(version, plan.inputs, output_level);
  if (plan.is_trivial_move)
    std::erase_if(plan.inputs,
                  [&](const LevelTable& input) { return input.first == output_level; });
  return plan;
}

inline std::optional<CompactionPlan> pick_tiered(const Version& version, const Options& options) {
  const std::vector<TableRef>& newest = version.level(0);
  std::size_t run_count = newest.size();
  for (int level = 1; level < level_count; ++level)
    run_count += version.level(level).empty() ? 0 : 1;
  const std::size_t run_count_max = static_cast<std::size_t>(std::max(2, options.tiered_runs_max));
  const bool has_many_runs = run_count >= run_count_max;
  const bool is_level0_full =
      newest.size() >= static_cast<std::size_t>(options.level0_compact_count);
  if (!has_many_runs && !is_level0_full) return std::nullopt;

  // Merging n runs leaves one in their place; afterwards there are fewer than started this.
  const std::size_t taken_min = has_many_runs ? run_count - run_count_max + 2 : 1;
  std::vector<LevelTable> inputs;
  add_tables(inputs, 0, newest);
  std::size_t taken = newest.size();
  std::uint64_t size_bytes = version.level_bytes(0);
  int next = 1;
  for (; next < level_count; ++next) {
    const std::uint64_t next_bytes = version.level_bytes(next);
    if (version.level(next).empty()) continue;
    // The output goes right above the first run that stays, so level 1 can not stay.
    const bool is_larger = next_bytes > size_bytes + size_bytes / 2;
    if (taken >= taken_min && next > 1 && is_larger) break;
    add_tables(inputs, next, version.level(next));
    ++taken;
    size_bytes += next_bytes;
  }
  return make_plan(version, std::move(inputs), next - 1,
                   has_many_runs ? "there are many sorted runs" : "level 0 has many tables");
}

// The highest level below level 0 that holds tables; the last one when none does.
inline int highest_used_level(const Version& version) {
  for (int level = 1; level < level_count; ++level)
    if (!version.level(level).empty()) return level;
  return level_count - 1;
}

inline std::optional<CompactionPlan> pick_range(const Version& version, const Options&,
                                                std::optional<std::string_view> first,
                                                std::optional<std::string_view> last) {
  std::vector<LevelTable> inputs;
  for (int level = 0; level < level_count; ++level)
    for (const TableRef& table : version.level(level))
      if ((!first || table->last_key >= *first) && (!last || table->first_key <= *last))
        inputs.emplace_back(level, table);
  if (inputs.empty()) return std::nullopt;

  const int top_level = inputs.front().first;
  const int output_level = std::max(inputs.back().first, highest_used_level(version));
  // The inputs reach beyond the range that was asked for, and may meet other tables there.
  for (std::size_t count = 0; count != inputs.size();) {
    count = inputs.size();
    const KeyExtent extent = extent_of(inputs);
    inputs.clear();
    for (int level = top_level; level <= output_level; ++level)
      add_tables(inputs, level, version.overlapping(level, extent.first, extent.last));
  }
  return CompactionPlan{std::move(inputs), output_level, false, "asked for"};
}

// The tables of a version that are not inputs.
inline std::vector<TableRef> tables_besides(const std::vector<LevelTable>& inputs,
                                            const Version& version) {
  std::vector<std::uint64_t> numbers;
  for (const auto& [level, table] : inputs)
    numbers.push_back(table->number);
  std::sort(numbers.begin(), numbers.end());
  std::vector<TableRef> others = {};
  for (int level = 0; level < level_count; ++level)
    for (const TableRef& table : version.level(level))
      if (!std::binary_search(numbers.begin(), numbers.end(), table->number))
        others.push_back(table);
  return others;
}

// Every entry of the inputs: a child for each table of level 0, and one for each level below it.
inline MergeCursor merge_inputs(const std::vector<LevelTable>& inputs, TableCache& tables) {
  // Owns nothing: the cursors are gone before run_compaction returns, and the cache is not.
  const std::shared_ptr<TableCache> cache(std::shared_ptr<TableCache>(), &tables);
  std::vector<std::unique_ptr<ChildCursor>> children;
  for (auto input = inputs.begin(); input != inputs.end();) {
    const int level = input->first;
    std::vector<TableRef> run;
    do
      run.push_back((input++)->second);
    while (level > 0 && input != inputs.end() && input->first == level);
    children.push_back(erase_cursor(LevelCursor(std::move(run), cache, ReadPattern::background)));
  }
  return MergeCursor(std::move(children));
}

inline Result<VersionEdit> run_compaction(const CompactionPlan& plan, const Version& version,
                                          MergeContext context) {
  VersionEdit edit;
  for (const auto& [level, table] : plan.inputs)
    edit.removed.emplace_back(level, table->number);
  std::sort(edit.removed.begin(), edit.removed.end());
  if (plan.is_trivial_move) {
    for (const auto& [level, table] : plan.inputs)
      edit.added.emplace_back(plan.output_level, *table);
    std::sort(edit.added.begin(), edit.added.end(),
              [](const auto& a, const auto& b) { return a.second.number < b.second.number; });
    return edit;
  }
  context.others = tables_besides(plan.inputs, version);
  context.table_bytes_max = context.options.table_bytes;
  MergeCursor input = merge_inputs(plan.inputs, context.tables);
  auto tables = merge_into_tables(input, context);
  if (!tables.ok()) return std::move(tables).status();
  for (TableMeta& table : *tables)
    edit.added.emplace_back(plan.output_level, std::move(table));
  return edit;
}

}  // namespace lsmith
