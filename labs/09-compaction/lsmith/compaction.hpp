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
#include <stdexcept>
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

inline LevelTargets level_targets(const Version&, const Options&) {
  // Going up from the last level, the first one whose size, so counted, is at most level_base_bytes
  // is the base level; level 1 is the highest that can be. But when levels above it hold tables,
  // the highest of those becomes the base level: else level 0 would pass it. No target is below
  // level_base_bytes; every level from the base level on has one. highest_used_level() is given.
  throw std::logic_error("09.1 is not yet written");
}

inline std::optional<CompactionPlan> pick_leveled(const Version&, const Options&) {
  // Level 0 is due at level0_compact_count tables, a level from the base level on when it is above
  // its target; the last level is never. The one that is furthest beyond its measure comes first.
  // Level 0 goes down whole, to the base level. Of another level one table goes to the next; best
  // the one that rewrites the least there for each byte of its own. In both cases the plan needs
  // what the tables overlap where they go: Version::overlapping finds it, extent_of and add_tables
  // help, and make_plan makes the plan; it also sees when moving is enough.
  throw std::logic_error("09.1 is not yet written");
}

// Whether a tombstone that the rule calls drop_unless_older may be dropped. Only merge_into_tables
// calls this; it is a function of its own so that 09.2 can be finished first.
inline bool may_forget(const MergeContext&, std::string_view, std::uint64_t) {
  // Given the context, the tombstone's key, its tag. In the context stand the tables outside the
  // merge, of all levels, and keeps_tombstones. A TableMeta says which keys its table covers, and
  // the smallest sequence number in it.
  throw std::logic_error("09.3 is not yet written");
}

// The tables of one merge are best written by a class of their own, which takes entries, begins and
// ends tables, and in whose destructor those are removed that nobody took over. Its fields: the
// context, the tables so far, the builder of the one that is being written, the last key.

inline Result<std::vector<TableMeta>> merge_into_tables(MergeCursor&, const MergeContext&) {
  // Every entry is shown to one GarbageRule, in order. drop goes; drop_unless_older goes if
  // may_forget says so; all else is written, a new table being begun for it when need be.
  // context.numbers names a table, context.tables creates and removes it: it is removed also when
  // create() or finish() fails, but not while its builder lives. finish() leaves the number to you,
  // requires an entry, and is called for each table. Look at is_cancelled now and then, at the
  // first entry too; then the code is Code::cancelled. The end of the input may be a failure.
  throw std::logic_error("09.2 is not yet written");
}

}  // namespace lsmith
