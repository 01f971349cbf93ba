// engine.hpp: the write path, freeze and flush, and the read path: the parts joined.
//
//   commit ─> log ─> memtable ──(full)──> flush: a table in level 0 ──> compaction: levels 1…6
//
// One mutex, held by a writer from the first byte in the log to the last table of a compaction that
// it set off. A writer that fills the memtable pays for its flush: that is the whole plan. Readers
// never take the mutex: they pin a view and read what it names.
//
// Invariants
//  1. The log first, then the memtable, then the visible sequence.
//  2. A reader pins its view first and loads the visible sequence second.
//  3. Table, then folder, then manifest, then the view; only then may the log go.
//  4. After a failed write to log, manifest or table no write is accepted, and nothing is removed.
#pragma once

#include <lsmith/commit_queue.hpp>
#include <lsmith/compaction.hpp>
#include <lsmith/mvcc.hpp>
#include <lsmith/options.hpp>
#include <lsmith/recovery.hpp>
#include <lsmith/stats.hpp>
#include <lsmith/status.hpp>
#include <lsmith/view.hpp>
#include <lsmith/wal.hpp>
#include <lsmith/write_batch.hpp>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lsmith {

/// An open database. Thread-safe. Cursors and snapshots that it gave out stay usable after it is
/// gone.
class Engine {
 public:
  /// Opens or creates the database in `folder`, which it locks; replays what the logs hold. On an
  /// error nothing of value on disk has changed. The options were checked by the caller, and
  /// file_system and executor are set.
  static Result<std::unique_ptr<Engine>> open(const Options& options, const std::string& folder);
  /// Stops background work at its next safe point. Does not flush: the log holds what was written.
  ~Engine();

  /// Applies the batch: all of it or nothing. It gets the next sequence numbers, is visible to
  /// every read that begins later, and survives a killed process; with `sync` also a power cut, and
  /// with it every write acknowledged before. An empty batch is approved and nothing more. After a
  /// failed write to a log or manifest every commit fails with read_only and the first reason.
  Status commit(WriteBatch& batch, bool sync, CommitCheck* check);
  /// Copies the newest value of the key not newer than `sequence` (sequence_max: visible now) into
  /// `value`. False: there is none, or it was erased.
  Result<bool> get(std::string_view key, Sequence sequence, std::string& value) const;
  /// What a reader at `sequence` (sequence_max: visible now) sees within the bounds.
  UserCursor cursor(Sequence sequence, Bounds bounds, ReadPattern pattern) const;
  /// Holds what is visible now.
  Snapshot snapshot();

  /// Makes every acknowledged write durable.
  Status sync();
  /// Writes the memtable to a table and waits until that is done. Ok when there was nothing to
  /// write.
  Status flush();
  /// Merges all that overlaps the user keys from `first` to `last` (nothing: no bound), after a
  /// flush, and drops what may be forgotten there. Waits.
  Status compact(std::optional<std::string_view> first, std::optional<std::string_view> last);
  /// Returns when no flush or compaction is running, waiting, or due.
  Status wait_idle();
  /// Flushes, waits for background work, stops, and gives the lock back. Every later write fails
  /// with read_only; reads go on as long as nobody else changes the folder. Calling it twice is
  /// fine.
  Status close();

  /// Ok, or the reason why writes are refused.
  Status health() const;
  Stats stats() const;
  /// Every broken invariant in memory and on disk: memtables, version, each table that it names.
  /// Empty when all is well.
  std::vector<std::string> check() const;

 private:
  Engine(const Options& options, std::unique_ptr<Storage> storage);

  Status write(WriteBatch& batch, bool sync) LSMITH_REQUIRES(mutex_);
  Status flush_memtable() LSMITH_REQUIRES(mutex_);
  Status compact_while_due() LSMITH_REQUIRES(mutex_);
  Status run_plan(const CompactionPlan& plan) LSMITH_REQUIRES(mutex_);
  Status install(VersionEdit edit, std::shared_ptr<Memtable> active) LSMITH_REQUIRES(mutex_);
  void remove_obsolete() LSMITH_REQUIRES(mutex_);
  static void check_table(const View& view, const TableMeta& meta,
                          std::vector<std::string>& problems);
  Status fail(Status why) LSMITH_REQUIRES(mutex_);

  const Options options_;
  const std::unique_ptr<Storage> storage_;
  const std::shared_ptr<SnapshotList> snapshots_ = std::make_shared<SnapshotList>();
  ViewSlot view_;
  std::atomic<Sequence> visible_{0};  // release by the writer, acquired by readers

  mutable Mutex mutex_;
  std::unique_ptr<LogWriter> log_ LSMITH_GUARDED_BY(mutex_);
  std::vector<TableRef> obsolete_ LSMITH_GUARDED_BY(mutex_);
  Status health_ LSMITH_GUARDED_BY(mutex_);
  bool is_closed_ LSMITH_GUARDED_BY(mutex_) = false;
};

inline Result<std::unique_ptr<Engine>> Engine::open(const Options& options,
                                                    const std::string& folder) {
  auto storage = open_storage(options, folder);
  if (!storage.ok()) return std::move(storage).status();
  std::unique_ptr<Engine> engine(new Engine(options, std::move(*storage)));
  MutexLock lock(engine->mutex_);
  if (options.read_only) {
    engine->health_ = Status(Code::read_only, "the database was opened read-only");
    return engine;
  }
  LogStart start;
  start.number = engine->storage_->state.log_number;
  start.previous_sequence = engine->storage_->state.last_sequence;
  auto log = start_log(*engine->storage_, start);
  if (!log.ok()) return std::move(log).status();
  engine->log_ = std::move(*log);
  return engine;
}

inline Engine::Engine(const Options& options, std::unique_ptr<Storage> storage)
    : options_(options), storage_(std::move(storage)) {
  visible_.store(storage_->state.last_sequence, std::memory_order_release);
  // The version is taken, not copied: a table's file goes when nothing names it any more.
  auto version = std::make_shared<const Version>(std::exchange(storage_->state.version, {}));
  view_.publish(std::make_shared<View>(View{storage_->tables, std::make_shared<Memtable>(),
                                            storage_->memtables, std::move(version)}));
}

inline Engine::~Engine() = default;

inline Status Engine::commit(WriteBatch& batch, bool sync, CommitCheck* check) {
  if (!batch.status().ok()) return batch.status();
  MutexLock lock(mutex_);
  if (!health_.ok()) return health_;
  const Sequence first = visible_.load(std::memory_order_relaxed) + 1;
  if (check != nullptr)
    if (Status s = check->approve(batch, first); !s.ok()) return s;
  if (!batch.is_empty()) {
    batch.set_sequence(first);
    if (Status s = write(batch, sync); !s.ok()) return fail(std::move(s));
  }
  if (view_.pin()->active->memory_bytes() >= options_.write_buffer_bytes) {
    // The batch is safe in the log already: a failure here is the next writer's.
    Status s = flush_memtable();
    if (s.ok()) s = compact_while_due();
    if (!s.ok()) fail(std::move(s)).ignore();
  }
  return {};
}

inline Status Engine::write(WriteBatch& batch, bool sync) {
  if (Status s = log_->append(FrameType::batch, batch.payload(), sync); !s.ok()) return s;
  if (sync)
    if (Status s = log_->sync(); !s.ok()) return s;
  const ViewPin view = view_.pin();
  batch.for_each([&](std::uint64_t tag, std::string_view key, std::string_view value) {
    view->active->add(tag, key, value);
  });
  visible_.store(batch.sequence() + batch.count() - 1, std::memory_order_release);
  return {};
}

inline Result<bool> Engine::get(std::string_view key, Sequence sequence, std::string& value) const {
  const ViewPin view = view_.pin();
  if (sequence == sequence_max) sequence = visible_.load(std::memory_order_acquire);
  const Target target = Target::of(key, sequence);

  std::vector<std::shared_ptr<Memtable>> memtables{view->active};
  memtables.insert(memtables.end(), view->frozen.begin(), view->frozen.end());
  for (const auto& memtable : memtables) {
    const auto found = memtable->get(target);
    if (!found) continue;
    value = found->value;
    return kind_of(found->tag) == Kind::put;
  }
  for (int level = 0; level < level_count; ++level) {
    for (const TableRef& meta : view->version->overlapping(level, key, key)) {
      auto table = view->tables->open(*meta);
      if (!table.ok()) return std::move(table).status();
      auto found = (*table)->get(target, value);
      if (!found.ok()) return std::move(found).status();
      if (*found) return kind_of(**found) == Kind::put;
    }
  }
  return false;
}

inline UserCursor Engine::cursor(Sequence sequence, Bounds bounds, ReadPattern pattern) const {
  const ViewPin view = view_.pin();
  if (sequence == sequence_max) sequence = visible_.load(std::memory_order_acquire);
  return UserCursor(merge_view(view, pattern), sequence, std::move(bounds));
}

inline Snapshot Engine::snapshot() {
  return snapshots_->take(visible_);
}

inline Status Engine::sync() {
  MutexLock lock(mutex_);
  if (!health_.ok()) return health_;
  if (Status s = log_->sync(); !s.ok()) return fail(std::move(s));
  return {};
}

inline Status Engine::flush() {
  MutexLock lock(mutex_);
  if (!health_.ok()) return health_;
  Status s = flush_memtable();
  if (s.ok()) s = compact_while_due();
  return s.ok() ? s : fail(std::move(s));
}

// Invariant 3, step by step.
inline Status Engine::flush_memtable() {
  const ViewPin view = view_.pin();
  if (view->active->entry_count() == 0) return {};
  auto table = write_memtable(*storage_, options_, *view->active, snapshots_->sequences());
  if (!table.ok()) return std::move(table).status();
  if (Status s = storage_->files->sync_dir(storage_->folder); !s.ok()) return s;

  LogStart start;
  start.number = storage_->numbers.take();
  start.previous_number = log_->header().file_number;
  start.previous_end = log_->end_offset();
  start.previous_sequence = visible_.load(std::memory_order_relaxed);
  auto log = start_log(*storage_, start);
  if (!log.ok()) return std::move(log).status();

  VersionEdit edit;
  if (*table) edit.added.emplace_back(0, **table);
  edit.log_number = start.number;
  edit.last_sequence = start.previous_sequence;
  if (Status s = install(std::move(edit), std::make_shared<Memtable>()); !s.ok()) return s;
  log_ = std::move(*log);
  storage_->files->remove(storage_->path(FileName::Type::log, start.previous_number)).ignore();
  return {};
}

inline Status Engine::compact_while_due() {
  for (;;) {
    const std::shared_ptr<const Version> version = view_.pin()->version;
    const auto plan = options_.compaction == CompactionStyle::leveled
                          ? pick_leveled(*version, options_)
                          : pick_tiered(*version, options_);
    if (!plan) break;
    if (Status s = run_plan(*plan); !s.ok()) return s;
  }
  remove_obsolete();
  return {};
}

inline Status Engine::run_plan(const CompactionPlan& plan) {
  const std::atomic<bool> never_cancelled{false};
  const ViewPin view = view_.pin();
  MergeContext context{.options = options_,
                       .tables = *storage_->tables,
                       .numbers = storage_->numbers,
                       .is_cancelled = never_cancelled,
                       .snapshots = snapshots_->sequences(),
                       .others = {}};
  auto edit = run_compaction(plan, *view->version, std::move(context));
  if (!edit.ok()) return std::move(edit).status();
  if (Status s = storage_->files->sync_dir(storage_->folder); !s.ok()) return s;
  return install(std::move(*edit), view->active);
}

// Makes the edit durable, then shows its result.
inline Status Engine::install(VersionEdit edit, std::shared_ptr<Memtable> active) {
  const std::shared_ptr<const Version> version = view_.pin()->version;
  auto next = version->apply(edit);
  if (!next.ok()) return std::move(next).status();
  edit.next_file_number = storage_->numbers.next();
  if (Status s = storage_->manifest->append(edit); !s.ok()) return s;
  const auto is_moved = [&](const TableRef& table) {
    return std::any_of(edit.added.begin(), edit.added.end(),
                       [&](const auto& added) { return added.second.number == table->number; });
  };
  for (const auto& [level, number] : edit.removed)
    for (const TableRef& table : version->level(level))
      if (table->number == number && !is_moved(table)) obsolete_.push_back(table);
  view_.publish(std::make_shared<View>(View{
      storage_->tables, std::move(active), {}, std::make_shared<const Version>(std::move(*next))}));
  return {};
}

// A table that left the database goes when the list of such tables holds its last reference: then
// no view names it any more.
inline void Engine::remove_obsolete() {
  std::vector<TableRef> still_used;
  for (TableRef& table : obsolete_) {
    if (table.use_count() > 1) {
      still_used.push_back(std::move(table));
    } else {
      storage_->tables->remove(table->number).ignore();  // at worst removed at the next open
    }
  }
  obsolete_ = std::move(still_used);
}

inline Status Engine::compact(std::optional<std::string_view> first,
                              std::optional<std::string_view> last) {
  if (Status s = flush(); !s.ok()) return s;
  MutexLock lock(mutex_);
  if (!health_.ok()) return health_;  // somebody may have closed it since
  Status s;
  if (const auto plan = pick_range(*view_.pin()->version, options_, first, last))
    s = run_plan(*plan);
  if (!s.ok()) return fail(std::move(s));
  remove_obsolete();
  return {};
}

// There is no background: whatever was due was done inside the write that made it due.
inline Status Engine::wait_idle() {
  return health();
}

inline Status Engine::close() {
  {
    MutexLock lock(mutex_);
    if (std::exchange(is_closed_, true)) return {};
  }
  Status result = options_.read_only ? Status() : flush();
  MutexLock lock(mutex_);
  // Somebody may have written, or failed to, since flush() gave the lock back.
  if (result.ok() && !options_.read_only) result = health_.ok() ? flush_memtable() : health_;
  if (result.ok() && !options_.read_only) {
    // Everything is in tables: the log goes, and so do tables that only this list still names.
    log_.reset();
    std::vector<std::uint64_t> in_use;
    for (const TableRef& table : obsolete_)
      if (table.use_count() > 1) in_use.push_back(table->number);
    storage_->state.version = *view_.pin()->version;
    result = remove_orphans(*storage_, std::move(in_use));
  }
  fail(Status(Code::read_only, "the database is closed")).ignore();
  storage_->lock.reset();
  return result;
}

inline Status Engine::health() const {
  MutexLock lock(mutex_);
  return health_;
}

inline Status Engine::fail(Status why) {
  if (health_.ok())
    health_ = why.code() == Code::read_only
                  ? why
                  : Status(Code::read_only, "writes are refused since " + why.to_string());
  return why;
}

inline Stats Engine::stats() const {
  const ViewPin view = view_.pin();
  Stats stats;
  for (int level = 0; level < level_count; ++level) {
    Stats::Level& figures = stats.levels[static_cast<std::size_t>(level)];
    for (const TableRef& table : view->version->level(level)) {
      figures.tables += 1;
      figures.bytes += table->file_bytes;
      figures.entries += table->entries;
      figures.erases += table->erases;
    }
  }
  stats.memtable_bytes = view->active->memory_bytes();
  stats.snapshots = snapshots_->count();
  return stats;
}

inline std::vector<std::string> Engine::check() const {
  MutexLock lock(mutex_);  // no writer meanwhile
  const ViewPin view = view_.pin();
  std::vector<std::string> problems = view->version->check();
  for (std::string& problem : view->active->check())
    problems.push_back(std::move(problem));
  for (int level = 0; level < level_count; ++level)
    for (const TableRef& table : view->version->level(level))
      check_table(*view, *table, problems);
  return problems;
}

inline void Engine::check_table(const View& view, const TableMeta& meta,
                                std::vector<std::string>& problems) {
  const std::string name = file_name(FileName::Type::table, meta.number);
  auto table = view.tables->open(meta);
  if (!table.ok()) return problems.push_back(name + ": " + table.status().to_string());
  for (const std::string& problem : (*table)->check())
    problems.push_back(name + ": " + problem);
}

}  // namespace lsmith
