// level_cursor.hpp: the tables of a level, one behind the other, as one cursor.
//
//   level 3    [ a ... f ] [ g ... m ] [ n ... z ]        seek(k): the second table, and no other
//
// From level 1 on the tables of a level share no user key and stand in key order, so whatever is
// sought is in one of them, found by their last keys. A table is opened when the cursor reaches it;
// a scan that ends early never touches the rest, and a table that can not be opened is an error
// only of who needs it. A single table of level 0 is a level of one.
//
// Invariants
//  1. cursor_ is of the table index_, which table_ keeps open. No cursor_: not valid.
//  2. While the cursor is not valid and its status is ok, there is no entry on that side.
//  3. When the last move was one backwards to another table, left_ is the one that it left: a value
//     in there may have been said to stay.
//
// Threads: one at a time. Cost: a seek is a binary search among the tables and a seek in one.
#pragma once

#include <lsmith/cursor.hpp>
#include <lsmith/key.hpp>
#include <lsmith/manifest.hpp>
#include <lsmith/options.hpp>
#include <lsmith/sstable.hpp>
#include <lsmith/status.hpp>
#include <lsmith/table_cache.hpp>

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace lsmith {

/// Walks the tables of a level; see the laws of cursor.hpp. Move-only. One thread at a time.
class LevelCursor {
 public:
  /// `tables` stand in key order and share no user key, as Version::level() gives those of a level
  /// from 1 on. Keeps the cache alive.
  LevelCursor(std::vector<TableRef> tables, std::shared_ptr<TableCache> cache, ReadPattern pattern);
  /// The same without a copy: borrows the tables, which outlive the cursor, as does `opened`, where
  /// it finds tables that are open, when that is not null.
  static LevelCursor borrowing(std::span<const TableRef> tables, std::shared_ptr<TableCache> cache,
                               ReadPattern pattern, OpenTables* opened = nullptr);
  LevelCursor(LevelCursor&&) = default;
  LevelCursor& operator=(LevelCursor&&) = delete;

  bool is_valid() const;
  void seek_to_first();
  void seek_to_last();
  void seek(std::string_view key, std::uint64_t tag);
  void prepare(std::string_view key, std::uint64_t tag);
  void next();
  void prev();
  std::string_view key() const;
  std::uint64_t tag() const;
  std::string_view value() const;
  bool value_stays() const;  ///< see StayingValue; so it is where tables are mapped
  /// Says the failure of opening a table, too; it names the file.
  Status status() const;

 private:
  LevelCursor(std::span<const TableRef> tables, std::shared_ptr<TableCache> cache,
              ReadPattern pattern, std::vector<TableRef> owned);
  std::size_t find(std::string_view key, std::uint64_t tag) const;
  bool enter(std::size_t index);
  void skip_forwards();
  void skip_backwards();

  std::vector<TableRef> owned_;  // moves with its memory, so the span stays right
  std::span<const TableRef> tables_;
  std::shared_ptr<TableCache> cache_;
  OpenTables* opened_ = nullptr;
  ReadPattern pattern_;
  std::size_t index_ = 0;
  std::shared_ptr<const Table> left_;
  std::shared_ptr<const Table> table_;
  std::optional<TableCursor>
      cursor_;     // declared last: it borrows the table, which borrows the cache
  Status status_;  // of opening
};

inline LevelCursor::LevelCursor(std::vector<TableRef> tables, std::shared_ptr<TableCache> cache,
                                ReadPattern pattern)
    : owned_(std::move(tables)), tables_(owned_), cache_(std::move(cache)), pattern_(pattern) {}

inline LevelCursor::LevelCursor(std::span<const TableRef> tables, std::shared_ptr<TableCache> cache,
                                ReadPattern pattern, std::vector<TableRef> owned)
    : owned_(std::move(owned)), tables_(tables), cache_(std::move(cache)), pattern_(pattern) {}

inline LevelCursor LevelCursor::borrowing(std::span<const TableRef> tables,
                                          std::shared_ptr<TableCache> cache, ReadPattern pattern,
                                          OpenTables* opened) {
  LevelCursor cursor(tables, std::move(cache), pattern, {});
  cursor.opened_ = opened;
  return cursor;
}

inline bool LevelCursor::is_valid() const {
  return cursor_ && cursor_->is_valid();
}

inline void LevelCursor::seek_to_first() {
  if (!enter(0)) return;
  cursor_->seek_to_first();
  skip_forwards();
}

inline void LevelCursor::seek_to_last() {
  if (!enter(tables_.size() - 1)) return;  // of no tables: no table either
  cursor_->seek_to_last();
  skip_backwards();
}

inline void LevelCursor::seek(std::string_view key, std::uint64_t tag) {
  if (!enter(find(key, tag))) return;
  cursor_->seek(key, tag);
  skip_forwards();
}

inline void LevelCursor::prepare(std::string_view key, std::uint64_t tag) {
  if (enter(find(key, tag))) cursor_->prepare(key, tag);
  status_ = Status();  // the seek will say it
}

inline void LevelCursor::next() {
  assert(is_valid());
  cursor_->next();
  if (!cursor_->is_valid()) skip_forwards();
}

inline void LevelCursor::prev() {
  assert(is_valid());
  cursor_->prev();
  if (!cursor_->is_valid()) skip_backwards();
}

inline std::string_view LevelCursor::key() const {
  assert(is_valid());
  return cursor_->key();
}

inline std::uint64_t LevelCursor::tag() const {
  assert(is_valid());
  return cursor_->tag();
}

inline std::string_view LevelCursor::value() const {
  assert(is_valid());
  return cursor_->value();
}

inline bool LevelCursor::value_stays() const {
  assert(is_valid());
  return StayingValue::is_of(*cursor_);
}

inline Status LevelCursor::status() const {
  if (!status_.ok() || !cursor_) return status_;
  return cursor_->status();
}

// The first table that ends at or behind (key, tag): no other can hold what is sought.
inline std::size_t LevelCursor::find(std::string_view key, std::uint64_t tag) const {
  const auto is_before = [&](const TableRef& table) {
    return compare(table->last_key, table->last_tag, key, tag) < 0;
  };
  // A seek that was prepared finds the cursor in its table.
  const bool is_here = index_ < tables_.size() && !is_before(tables_[index_]) &&
                       (index_ == 0 || is_before(tables_[index_ - 1]));
  if (is_here) return index_;
  const auto found = std::partition_point(tables_.begin(), tables_.end(), is_before);
  return static_cast<std::size_t>(found - tables_.begin());
}

// Makes cursor_ one of that table. False when there is no such table, or it can not be opened.
inline bool LevelCursor::enter(std::size_t index) {
  status_ = Status();
  if (cursor_ && index == index_) return true;
  cursor_.reset();
  table_.reset();
  left_.reset();
  if (index >= tables_.size()) return false;
  const TableMeta& meta = *tables_[index];
  auto table = opened_ != nullptr ? opened_->open(*cache_, meta) : cache_->open(meta);
  if (!table.ok()) {
    status_ = std::move(table).status();
    return false;
  }
  index_ = index;
  table_ = std::move(*table);
  cursor_.emplace(table_->cursor(pattern_));
  return true;
}

inline void LevelCursor::skip_forwards() {
  while (!cursor_->is_valid() && cursor_->status().ok()) {
    if (!enter(index_ + 1)) return;
    cursor_->seek_to_first();
  }
}

inline void LevelCursor::skip_backwards() {
  if (cursor_->is_valid()) return;
  const std::shared_ptr<const Table> left = table_;
  while (!cursor_->is_valid() && cursor_->status().ok()) {
    const bool is_entered = enter(index_ - 1);  // below the first: an index beyond the last
    left_ = left;
    if (!is_entered) return;
    cursor_->seek_to_last();
  }
}

static_assert(EntryCursor<LevelCursor>);

}  // namespace lsmith
