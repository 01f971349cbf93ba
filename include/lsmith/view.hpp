// view.hpp: what a reader pins: the memtables and the version that together are the database.
//
//   newest  active memtable · frozen memtables · level 0, newest first · level 1 … level 6  oldest
//
// A view never changes; a flush or compaction publishes a new one. A reader that holds a view keeps
// everything in it alive and takes no lock while it reads. It pins the view first and loads the
// visible sequence second: the other way round, a flush in between could drop what it came to see.
#pragma once

#include <lsmith/level_cursor.hpp>
#include <lsmith/manifest.hpp>
#include <lsmith/memtable.hpp>
#include <lsmith/merge_iterator.hpp>
#include <lsmith/mutex.hpp>
#include <lsmith/read_debt.hpp>
#include <lsmith/table_cache.hpp>

#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace lsmith {

/// One consistent state of the whole database. Immutable, but for the active memtable's growth.
struct View {
  std::shared_ptr<TableCache> tables;
  std::shared_ptr<Memtable> active;
  std::vector<std::shared_ptr<Memtable>> frozen;  ///< newest first
  std::shared_ptr<const Version> version;
  mutable OpenTables opened = {};       ///< by its readers; borrows `tables`
  std::shared_ptr<ReadDebt> debt = {};  ///< of the version's readers; null: nobody asks
};
using ViewPin = std::shared_ptr<const View>;

/// Where the current view stands. Thread-safe.
class ViewSlot {
 public:
  ViewPin pin() const {
    MutexLock lock(mutex_);
    return view_;
  }
  void publish(ViewPin view) {
    MutexLock lock(mutex_);
    view_.swap(view);  // the old one dies after the lock is given back, as `view` does
  }

 private:
  mutable Mutex mutex_;
  ViewPin view_ LSMITH_GUARDED_BY(mutex_);
};

/// Every entry of the view, newest first, in one cursor, which keeps the view alive.
MergeCursor merge_view(const ViewPin& view, ReadPattern pattern);

inline MergeCursor merge_view(const ViewPin& view, ReadPattern pattern) {
  std::vector<std::unique_ptr<ChildCursor>> children;
  children.reserve(1 + view->frozen.size() + view->version->level(0).size() + level_count - 1);
  if (view->active) children.push_back(erase_cursor(view->active->cursor(), view));
  for (const auto& memtable : view->frozen)
    children.push_back(erase_cursor(memtable->cursor(), view));
  const auto add = [&](std::span<const TableRef> tables) {
    children.push_back(
        erase_cursor(LevelCursor::borrowing(tables, view->tables, pattern, &view->opened), view));
  };
  for (const TableRef& table : view->version->level(0))
    add({&table, 1});
  for (int level = 1; level < level_count; ++level)
    if (const auto& tables = view->version->level(level); !tables.empty()) add(tables);
  return MergeCursor(std::move(children));
}

}  // namespace lsmith
