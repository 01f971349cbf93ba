// table_cache.hpp: the open tables of a database, and the way to make and remove one.
#pragma once

#include <lsmith/cache.hpp>
#include <lsmith/mutex.hpp>
#include <lsmith/names.hpp>
#include <lsmith/options.hpp>
#include <lsmith/sstable.hpp>

#include <array>
#include <atomic>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>

namespace lsmith {

/// Opens tables on demand and keeps the most recently used ones open. Thread-safe. Tables that it
/// returned stay usable after they were closed here, removed from disk or evicted, as long as the
/// cache itself lives: keep its shared_ptr too.
class TableCache {
 public:
  /// `files` outlives the cache.
  TableCache(const Options& options, FileSystem& files, std::string folder);

  /// The table, opened if need be. Corruption, which a missing file is too, or an error of the file
  /// system names the file.
  Result<std::shared_ptr<const Table>> open(const TableMeta& meta);
  /// A builder for a new table with this number.
  Result<std::unique_ptr<TableBuilder>> create(std::uint64_t number);
  /// Closes the table and removes its file.
  Status remove(std::uint64_t number);
  BlockCache& blocks() { return blocks_; }

 private:
  struct Slot {
    std::shared_ptr<const Table> table;
    std::list<std::uint64_t>::iterator age;
  };

  std::shared_ptr<const Table> find(std::uint64_t number);
  std::shared_ptr<const Table> keep(std::uint64_t number, std::shared_ptr<const Table> table);

  const Options options_;
  FileSystem& files_;
  const std::string folder_;
  BlockCache blocks_;  // outlives the tables below, which borrow it

  Mutex mutex_;
  std::unordered_map<std::uint64_t, Slot> slots_ LSMITH_GUARDED_BY(mutex_);
  std::list<std::uint64_t> ages_ LSMITH_GUARDED_BY(mutex_);  // most recently used first
};

/// Tables that the readers of a view have opened, so that the next one need not ask the cache,
/// under its lock, for each. A table has one place here, by its number; the first that comes stays,
/// and what finds its place taken goes to the cache each time. Thread-safe.
class OpenTables {
 public:
  OpenTables() = default;
  OpenTables(const OpenTables&) : OpenTables() {}  // those of another view: none yet
  OpenTables& operator=(const OpenTables&) = delete;

  /// The table, from here or from the cache. Where it is kept here what is returned owns nothing,
  /// and lives as long as this. Errors are the cache's.
  Result<std::shared_ptr<const Table>> open(TableCache& cache, const TableMeta& meta);
  /// The table, when it was kept; else null. Lives as long as this.
  const Table* find(std::uint64_t number) const {
    const Slot& slot = slots_[number % slots_.size()];
    const Table* const table = slot.table.load(std::memory_order_acquire);  // pairs with keep()
    return table != nullptr && slot.number == number ? table : nullptr;
  }
  void keep(std::uint64_t number, const std::shared_ptr<const Table>& table) {
    MutexLock lock(mutex_);
    Slot& slot = slots_[number % slots_.size()];
    if (slot.owner != nullptr) return;
    slot.number = number;
    slot.owner = table;
    slot.table.store(table.get(), std::memory_order_release);  // pairs with find()
  }

 private:
  struct Slot {
    std::atomic<const Table*> table{nullptr};  // shown when all else is set, and never changed
    std::uint64_t number = 0;
    std::shared_ptr<const Table> owner;
  };
  Mutex mutex_;
  std::array<Slot, 32> slots_;
};

inline TableCache::TableCache(const Options& options, FileSystem& files, std::string folder)
    : options_(options), files_(files), folder_(std::move(folder)), blocks_(options.cache_bytes) {}

inline Result<std::shared_ptr<const Table>> TableCache::open(const TableMeta& meta) {
  if (auto table = find(meta.number)) return table;
  const std::string path = file_path(folder_, FileName::Type::table, meta.number);
  auto file = files_.open(path, options_.mapped_tables);
  if (!file.ok()) {
    if (file.status().code() != Code::not_found) return std::move(file).status();
    return Status(Code::corruption, path + ": the table is missing");
  }
  // The file is opened without the lock; two threads may both do it, and keep() takes the first.
  auto table = Table::open(std::move(*file), file_name(FileName::Type::table, meta.number),
                           meta.number, meta.table_id, &blocks_);
  if (!table.ok()) return std::move(table).status();
  return keep(meta.number, std::shared_ptr<const Table>(std::move(*table)));
}

inline std::shared_ptr<const Table> TableCache::find(std::uint64_t number) {
  MutexLock lock(mutex_);
  const auto found = slots_.find(number);
  if (found == slots_.end()) return nullptr;
  ages_.splice(ages_.begin(), ages_, found->second.age);
  return found->second.table;
}

inline std::shared_ptr<const Table> TableCache::keep(std::uint64_t number,
                                                     std::shared_ptr<const Table> table) {
  std::shared_ptr<const Table> evicted;  // closed after the lock is given back
  MutexLock lock(mutex_);
  const auto found = slots_.find(number);
  if (found != slots_.end()) return found->second.table;
  std::list<std::uint64_t> age{number};  // it joins the others when nothing can fail any more
  slots_.emplace(number, Slot{table, age.begin()});
  ages_.splice(ages_.begin(), age);
  if (slots_.size() > static_cast<std::size_t>(options_.open_tables_max)) {
    const auto oldest = slots_.find(ages_.back());
    evicted = std::move(oldest->second.table);
    slots_.erase(oldest);
    ages_.pop_back();
  }
  return table;
}

inline Result<std::unique_ptr<TableBuilder>> TableCache::create(std::uint64_t number) {
  auto file = files_.create(file_path(folder_, FileName::Type::table, number));
  if (!file.ok()) return std::move(file).status();
  return std::make_unique<TableBuilder>(options_, std::move(*file), files_.entropy());
}

inline Status TableCache::remove(std::uint64_t number) {
  std::shared_ptr<const Table> closed;
  {
    MutexLock lock(mutex_);
    const auto found = slots_.find(number);
    if (found != slots_.end()) {
      closed = std::move(found->second.table);
      ages_.erase(found->second.age);
      slots_.erase(found);
    }
  }
  blocks_.erase_table(number);
  return files_.remove(file_path(folder_, FileName::Type::table, number));
}

inline Result<std::shared_ptr<const Table>> OpenTables::open(TableCache& cache,
                                                             const TableMeta& meta) {
  if (const Table* const table = find(meta.number))
    return std::shared_ptr<const Table>(std::shared_ptr<const Table>(), table);
  auto table = cache.open(meta);
  if (table.ok()) keep(meta.number, *table);
  return table;
}

}  // namespace lsmith
