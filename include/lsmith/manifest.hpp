// manifest.hpp: which tables are the database.
//
// A folder may hold tables that are half written, or no longer wanted; only what the manifest names
// counts. The manifest is a log of edits. Each is a change to the set of tables, never the new set,
// so a flush and a compaction that end at the same time do not undo each other.
//
//   CURRENT --> MANIFEST-000012:  | header | base: everything | edit | edit | …
//
//   version 7                                version 8 = version 7 with one edit applied
//     level 0   [31] [28]                      level 0   [33] [31] [28]        + 33
//     level 1   [19 a–k] [20 l–z]              level 1   [19 a–k] [32 l–z]     − 20  + 32
//
// A version is one state of the set and never changes. Readers pin it and look no further; the
// engine makes the next one beside it. A table that both name is shared, so the number of its
// references says whether anybody may still read it.
//
// Invariants
//  1. Level 0 is ordered newest first, by last sequence, then number. Levels 1 to 6 are in key
//     order, and no two tables of one share a user key: a lookup asks one table a level.
//  2. A table number stands in a version once.
//  3. An edit is synced before anybody acts on it. A manifest and its name are durable before
//     CURRENT names it, and CURRENT is replaced, never rewritten: it always names a whole one.
//  4. The three numbers never fall; every file in use has a number below next_file_number, and no
//     table holds a sequence number above last_sequence. Reading checks it: a number that is given
//     twice overwrites a live file.
//
// What this body changes from the textbook: versions share whole levels, so an edit costs what the
// levels it touches cost, not the database; a level's additions are sorted alone and merged in;
// level_bytes() is a load; and that a table is new is seen from the largest number so far, where
// the textbook searches. Behind each synced edit stands one that says nothing, so that rot in the
// last edit is seen: without it, it would be taken for torn, and a whole flush forgotten.
//
// Threads: a Version is immutable; any number of readers. A ManifestWriter: one thread at a time.
// Cost: apply is linear in the touched levels; find is a binary search.
#pragma once

#include <lsmith/coding.hpp>
#include <lsmith/file.hpp>
#include <lsmith/key.hpp>
#include <lsmith/names.hpp>
#include <lsmith/status.hpp>
#include <lsmith/table_format.hpp>
#include <lsmith/wal.hpp>

#include <algorithm>
#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lsmith {

inline constexpr int level_count = 7;

/// A change to the set of tables; book/format.md, section 8.
struct VersionEdit {
  bool is_base = false;
  std::optional<std::uint64_t> next_file_number;
  std::optional<Sequence> last_sequence;
  std::optional<std::uint64_t> log_number;
  std::vector<std::pair<int, std::uint64_t>> removed;  ///< level, table number
  std::vector<std::pair<int, TableMeta>> added;        ///< level, table

  bool operator==(const VersionEdit&) const = default;
};

/// The payload of an edit frame: canonical.
std::string encode_edit(const VersionEdit& edit);
/// The inverse. Corruption says what and at which offset; an unknown field below 64 is
/// not_supported.
Result<VersionEdit> decode_edit(std::string_view payload);

/// A table as versions share it: while a reader pins a version that names it, its count stays above
/// one.
using TableRef = std::shared_ptr<const TableMeta>;

/// One state of the database's tables. Never changed once it is shared.
class Version {
 public:
  Version() = default;

  /// This version with the edit applied: all removals, then all additions. Corruption when a table
  /// to remove is not there, one to add is there already, or tables of a level from 1 on would
  /// overlap. Tables that both versions name, moved ones too, are shared, not copied.
  Result<Version> apply(const VersionEdit& edit) const;
  /// The tables of a level: level 0 newest first (last_sequence, then number, descending), the
  /// others in key order.
  const std::vector<TableRef>& level(int level) const;
  /// In a level from 1 on, the one table that may hold the key; null when none does.
  TableRef find(int level, std::string_view key) const;
  /// The tables of a level that may hold a key from `first` to `last`, both included, in order.
  std::vector<TableRef> overlapping(int level, std::string_view first, std::string_view last) const;
  std::uint64_t level_bytes(int level) const;
  std::size_t table_count() const;
  /// The edit that builds this version from nothing; is_base is set, the three numbers are not.
  VersionEdit to_base_edit() const;
  /// Every broken invariant: order, overlap, ranges the wrong way round, a number twice.
  std::vector<std::string> check() const;

 private:
  struct Level {
    std::vector<TableRef> tables;
    std::uint64_t size_bytes = 0;
  };

  void check_table(int level, const TableRef* before, const TableRef& table,
                   std::vector<std::string>& faults) const;
  // Takes the tables that the edit removes from a level, and collects them in `removed`.
  Status remove_from(int level, const VersionEdit& edit, std::vector<TableRef>& removed);
  // Puts the tables that the edit adds to a level into it. One that is in `removed` was moved.
  Status add_to(int level, const VersionEdit& edit, const std::vector<TableRef>& removed);
  // Refuses an edit that adds a number twice, or one that is here.
  Status check_new(const VersionEdit& edit) const;
  void set_level(int level, std::vector<TableRef> tables);

  std::array<std::shared_ptr<const Level>, level_count> levels_;  // null: empty
  std::uint64_t largest_number_ = 0;  // no table here has a larger one; there need not be one
};

/// The content of CURRENT for a manifest: canonical.
std::string encode_current(std::uint64_t manifest_number);
/// The inverse; corruption says what is wrong.
Result<std::uint64_t> decode_current(std::string_view content);
/// Makes CURRENT name this manifest, durably and at once: a crash leaves the old one or the new
/// one. The manifest and its name are durable already.
Status set_current(FileSystem& files, const std::string& folder, std::uint64_t manifest_number);

/// What a manifest says after its last whole edit.
struct ManifestState {
  std::uint64_t manifest_number = 0;
  std::uint64_t database_id = 0;
  std::uint64_t next_file_number = 1;
  Sequence last_sequence = 0;
  std::uint64_t log_number = 0;
  Version version;
};

/// Reads the manifest that CURRENT names. not_found when there is no CURRENT; corruption says file
/// and offset. Writes nothing.
Result<ManifestState> read_manifest(FileSystem& files, const std::string& folder);

/// Appends edits to a manifest that this process made. After a failure it refuses everything, for
/// good, and nothing that an edit would have freed may be removed. One thread at a time.
class ManifestWriter {
 public:
  /// Writes a new manifest whose base is `state`, makes it durable, and points CURRENT at it.
  static Result<std::unique_ptr<ManifestWriter>> create(FileSystem& files,
                                                        const std::string& folder,
                                                        const ManifestState& state);
  /// Writes and syncs one edit: when it returns ok, the edit is part of the database.
  Status append(const VersionEdit& edit);
  std::uint64_t size_bytes() const;
  std::uint64_t number() const;

 private:
  Status write(const VersionEdit& edit);

  std::unique_ptr<LogWriter> log_;
  Status failure_;
};

namespace detail {

// What can not be in an edit: asserted before it is written, checked after it is read. Null:
// nothing.
inline const char* fault_of_place(std::uint64_t level, std::uint64_t number) {
  if (level >= static_cast<std::uint64_t>(level_count)) return "the level is above 6";
  if (number == 0) return "the table number is 0";
  return nullptr;
}

inline const char* fault_of_table(const TableMeta& table) {
  if (table.first_sequence > table.last_sequence)
    return "the sequence numbers are the wrong way round";
  if (table.last_sequence > sequence_max) return "a sequence number is too large";
  if (table.first_key.size() > key_bytes_max) return "the first key is too large";
  if (table.last_key.size() > key_bytes_max) return "the last key is too large";
  if (compare(table.first_key, table.first_tag, table.last_key, table.last_tag) > 0)
    return "the first key sorts behind the last";
  return nullptr;
}

inline const std::vector<TableRef> empty_level;

inline bool is_newer_run(const TableRef& a, const TableRef& b) {
  if (a->last_sequence != b->last_sequence) return a->last_sequence > b->last_sequence;
  return a->number > b->number;
}

inline bool has_smaller_keys(const TableRef& a, const TableRef& b) {
  return a->first_key < b->first_key;
}

// Whether a neighbour in a level from 1 on holds a user key at or before the last one of `a`.
inline bool reaches_into(const TableRef& a, const TableRef& b) {
  return a->last_key >= b->first_key;
}

inline Status bad_edit(const char* why) {
  return Status(Code::corruption, why);
}

inline Status bad_table(int level, std::uint64_t number, const char* why) {
  return Status(Code::corruption, "level " + std::to_string(level) + ", table " +
                                      std::to_string(number) + ": " + why);
}

// The first table of a level from 1 on that ends at or behind the key.
inline auto first_reaching(const std::vector<TableRef>& tables, std::string_view key) {
  return std::partition_point(tables.begin(), tables.end(),
                              [key](const TableRef& table) { return table->last_key < key; });
}

}  // namespace detail

inline Result<Version> Version::apply(const VersionEdit& edit) const {
  Version next = *this;
  std::vector<TableRef> removed;
  for (int level = 0; level < level_count; ++level)
    if (Status s = next.remove_from(level, edit, removed); !s.ok()) return s;
  if (Status s = next.check_new(edit); !s.ok()) return s;
  for (int level = 0; level < level_count; ++level)
    if (Status s = next.add_to(level, edit, removed); !s.ok()) return s;
  assert(next.table_count() == table_count() - edit.removed.size() + edit.added.size());
  return next;
}

inline const std::vector<TableRef>& Version::level(int level) const {
  assert(level >= 0);
  assert(level < level_count);
  const auto& shared = levels_[static_cast<std::size_t>(level)];
  return shared ? shared->tables : detail::empty_level;
}

inline TableRef Version::find(int level, std::string_view key) const {
  assert(level > 0);
  const std::vector<TableRef>& tables = this->level(level);
  const auto table = detail::first_reaching(tables, key);
  if (table == tables.end() || !(*table)->covers(key)) return nullptr;
  return *table;
}

inline std::vector<TableRef> Version::overlapping(int level, std::string_view first,
                                                  std::string_view last) const {
  assert(first <= last);
  const std::vector<TableRef>& tables = this->level(level);
  std::vector<TableRef> found;
  if (level == 0) {
    std::copy_if(tables.begin(), tables.end(), std::back_inserter(found),
                 [&](const TableRef& table) { return table->overlaps(first, last); });
    return found;
  }
  const auto begin = detail::first_reaching(tables, first);
  const auto end = std::partition_point(
      begin, tables.end(), [last](const TableRef& table) { return table->first_key <= last; });
  found.assign(begin, end);
  return found;
}

inline std::uint64_t Version::level_bytes(int level) const {
  assert(level >= 0);
  assert(level < level_count);
  const auto& shared = levels_[static_cast<std::size_t>(level)];
  return shared ? shared->size_bytes : 0;
}

inline std::size_t Version::table_count() const {
  std::size_t count = 0;
  for (int level = 0; level < level_count; ++level)
    count += this->level(level).size();
  return count;
}

inline VersionEdit Version::to_base_edit() const {
  VersionEdit edit;
  edit.is_base = true;
  edit.added.reserve(table_count());
  for (int level = 0; level < level_count; ++level)
    for (const TableRef& table : this->level(level))
      edit.added.emplace_back(level, *table);
  return edit;
}

inline std::vector<std::string> Version::check() const {
  std::vector<std::string> faults;
  std::vector<std::uint64_t> numbers;
  for (int level = 0; level < level_count; ++level) {
    std::uint64_t size_bytes = 0;
    const TableRef* before = nullptr;
    for (const TableRef& table : this->level(level)) {
      check_table(level, before, table, faults);
      before = &table;
      size_bytes += table->file_bytes;
      numbers.push_back(table->number);
    }
    if (size_bytes != level_bytes(level))
      faults.push_back("level " + std::to_string(level) + ": its bytes are counted wrong");
  }
  std::sort(numbers.begin(), numbers.end());
  for (auto at = numbers.begin(); (at = std::adjacent_find(at, numbers.end())) != numbers.end();
       ++at)
    faults.push_back("table " + std::to_string(*at) + " stands twice");
  return faults;
}

inline void Version::check_table(int level, const TableRef* before, const TableRef& table,
                                 std::vector<std::string>& faults) const {
  const auto fault = [&](const char* why) {
    faults.emplace_back(detail::bad_table(level, table->number, why).message());
  };
  if (const char* why = detail::fault_of_place(0, table->number)) fault(why);
  if (const char* why = detail::fault_of_table(*table)) fault(why);
  if (table->number > largest_number_) fault("is above the largest number");
  if (before && level == 0 && !detail::is_newer_run(*before, table))
    fault("stands behind a run that is not newer");
  if (before && level > 0 && detail::reaches_into(*before, table))
    fault("overlaps the table before it");
}

inline Status Version::remove_from(int level, const VersionEdit& edit,
                                   std::vector<TableRef>& removed) {
  std::vector<std::uint64_t> wanted;
  for (const auto& [at, number] : edit.removed)
    if (at == level) wanted.push_back(number);
  if (wanted.empty()) return {};
  std::sort(wanted.begin(), wanted.end());

  std::vector<std::uint64_t> found;
  std::vector<TableRef> kept;
  for (const TableRef& table : this->level(level)) {
    if (std::binary_search(wanted.begin(), wanted.end(), table->number)) {
      removed.push_back(table);
      found.push_back(table->number);
    } else {
      kept.push_back(table);
    }
  }
  std::sort(found.begin(), found.end());
  const auto missing =
      std::mismatch(wanted.begin(), wanted.end(), found.begin(), found.end()).first;
  if (missing != wanted.end())
    return detail::bad_table(level, *missing, "is to be removed, but is not there");
  set_level(level, std::move(kept));
  return {};
}

inline Status Version::add_to(int level, const VersionEdit& edit,
                              const std::vector<TableRef>& removed) {
  std::vector<TableRef> added;
  for (const auto& [at, table] : edit.added) {
    if (at != level) continue;
    const TableMeta& meta = table;
    const auto moved = std::find_if(removed.begin(), removed.end(),
                                    [&meta](const TableRef& old) { return *old == meta; });
    added.push_back(moved != removed.end() ? *moved : std::make_shared<const TableMeta>(meta));
    largest_number_ = std::max(largest_number_, meta.number);
  }
  if (added.empty()) return {};

  const auto before = level == 0 ? detail::is_newer_run : detail::has_smaller_keys;
  std::sort(added.begin(), added.end(), before);
  const std::vector<TableRef>& old = this->level(level);
  std::vector<TableRef> tables;
  tables.reserve(old.size() + added.size());
  std::merge(old.begin(), old.end(), added.begin(), added.end(), std::back_inserter(tables),
             before);
  if (level > 0) {
    const auto overlap = std::adjacent_find(tables.begin(), tables.end(), detail::reaches_into);
    if (overlap != tables.end())
      return detail::bad_table(level, (*overlap)->number, "overlaps the table behind it");
  }
  set_level(level, std::move(tables));
  return {};
}

inline Status Version::check_new(const VersionEdit& edit) const {
  std::vector<std::pair<std::uint64_t, int>> added;
  for (const auto& [level, table] : edit.added)
    added.emplace_back(table.number, level);
  std::sort(added.begin(), added.end());
  const auto same_number = [](const auto& a, const auto& b) { return a.first == b.first; };
  const auto twice = std::adjacent_find(added.begin(), added.end(), same_number);
  if (twice != added.end())
    return detail::bad_table(twice->second, twice->first, "is to be added twice");
  if (added.empty() || added.front().first > largest_number_) return {};

  for (int level = 0; level < level_count; ++level)
    for (const TableRef& table : this->level(level)) {
      const auto at = std::lower_bound(added.begin(), added.end(), std::pair(table->number, 0));
      if (at != added.end() && at->first == table->number)
        return detail::bad_table(level, at->first, "is to be added, but is here already");
    }
  return {};
}

inline void Version::set_level(int level, std::vector<TableRef> tables) {
  auto changed = std::make_shared<Level>();
  for (const TableRef& table : tables)
    changed->size_bytes += table->file_bytes;
  changed->tables = std::move(tables);
  levels_[static_cast<std::size_t>(level)] = std::move(changed);
}

}  // namespace lsmith

#include <lsmith/detail/manifest_file.hpp>
#include <lsmith/detail/version_edit.hpp>
