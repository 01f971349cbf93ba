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

#include <array>
#include <atomic>
#include <cstddef>
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
    const Place& place = places_[place_of_this_thread()];
    MutexLock lock(place.mutex);
    return place.view;
  }
  /// When it returns, every pin() that begins then has this view.
  void publish(ViewPin view) {
    for (Place& place : places_) {
      ViewPin own = counted_apart(view);
      MutexLock lock(place.mutex);
      place.view.swap(own);  // the old one dies after the lock is given back, as `own` does
    }
  }

 private:
  // Threads that read side by side have a lock and a count of holders each: what all of them write
  // to would go from core to core with every read.
  static constexpr std::size_t place_count = 8;

  struct alignas(64) Place {
    mutable Mutex mutex;
    ViewPin view LSMITH_GUARDED_BY(mutex);
  };

  static std::size_t place_of_this_thread() {
    static std::atomic<std::size_t> threads{0};
    thread_local const std::size_t number = threads.fetch_add(1, std::memory_order_relaxed);
    return number % place_count;
  }
  // The same view, with a count of its own, in a cache line of its own.
  static ViewPin counted_apart(const ViewPin& view) {
    struct alignas(64) Holder {
      ViewPin view;
    };
    auto holder = std::make_shared<Holder>(Holder{view});
    const View* const held = view.get();
    return ViewPin(std::move(holder), held);
  }

  std::array<Place, place_count> places_;
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
