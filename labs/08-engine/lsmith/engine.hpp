// engine.hpp: the write path, the read path, and flush: the parts joined. Yours to write;
// book/08-engine.md explains.
//
// Goal: an open database, which acknowledges nothing that a crash could take back, and in which
// readers never wait for writers.
//
//   commit ─> log ─> memtable ──(full)──> flush: a table in level 0 ──> compaction: levels 1…6
//                      \______________________________|_______________________/
//                                 a view: what one reader sees, pinned
//
// Steps (each is checked by `labs/lab check 08`)
//   08.1  the write path: open, the constructor's body, commit, sync       about 60 minutes
//   08.2  the read path: get                                               about 30 minutes
//   08.3  flush, flush_memtable, install; and the end of commit            about 70 minutes
//
// Given: how a reader begins (cursor, snapshot); fail() and health(); compaction, which calls your
// flush() and install(), and forgets the files that it replaced; closing, stats, check. Until 08.3
// is done a database lives in its log and its memtable: it works, as long as memory lasts. Also
// given, and worth reading before you begin: include/lsmith/recovery.hpp (Storage, write_memtable,
// start_log) and view.hpp (View, and ViewSlot, whose publish() takes a new one).
//
// Invariants
//  1. The log first, then the memtable, then the visible sequence.
//  2. A reader pins its view first and loads the visible sequence second.
//  3. Table, then folder, then manifest, then the view; only then may the log go.
//  4. After a failed write to log, manifest or table no write is accepted, and nothing is removed.
//
// The public declarations are the contract that the rest of the engine calls: leave them as they
// are. Everything below the `private:` is yours, and so are helpers, includes and bodies.
//
// Threads: one mutex, held by a writer from the check to the last table of a compaction that it set
// off. Readers never take it: they pin a view and read what it names.
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
#include <stdexcept>
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

  // Yours: two helpers of flush(). Compaction calls install(), too.
  Status flush_memtable() LSMITH_REQUIRES(mutex_);
  Status install(VersionEdit edit, std::shared_ptr<Memtable> active) LSMITH_REQUIRES(mutex_);

  // Given.
  Status fail(Status why) LSMITH_REQUIRES(mutex_);
  Status compact_while_due() LSMITH_REQUIRES(mutex_);
  Status run_plan(const CompactionPlan& plan) LSMITH_REQUIRES(mutex_);
  void note_obsolete(const Version& version, const VersionEdit& edit) LSMITH_REQUIRES(mutex_);
  void remove_obsolete() LSMITH_REQUIRES(mutex_);
  static void check_table(const View& view, const TableMeta& meta,
                          std::vector<std::string>& problems);

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

inline Result<std::unique_ptr<Engine>> Engine::open(const Options&, const std::string&) {
  // open_storage (recovery.hpp) locks, recovers and hands over a Storage, from which an engine is
  // made. What it lacks is a log to write to: start_log begins one, whose number and previous
  // sequence are in storage_->state. (There is no previous log: what was replayed is in tables.)
  // A database that is opened read-only gets no log. Its health_ is read_only, with a reason, from
  // the beginning. mutex_ is to be held while fields that it guards are set.
  throw std::logic_error("08.1 is not yet written");
}

inline Engine::Engine(const Options& options, std::unique_ptr<Storage> storage)
    : options_(options), storage_(std::move(storage)) {
  // 08.1: from here on there is a view to pin, and visible_ says what is visible: all that was
  // recovered, up to storage_->state.last_sequence, replayed logs included. The view's parts:
  // storage_->tables, a new memtable, storage_->memtables as the frozen ones, and the version in
  // storage_->state. Move that one out: a table's file can be removed only when nothing else names
  // it any more.
}

inline Engine::~Engine() = default;

inline Status Engine::commit(WriteBatch&, bool, CommitCheck*) {
  // A batch whose status() is bad is refused with it, and that is all. Else, under mutex_ to the
  // end: with a bad health_ everything is refused; then the check is asked, if there is one, and
  // what it refuses leaves no trace. Then invariant 1, with the batch as one frame of log_, synced
  // if that is asked for; a failed write goes through fail(). An empty batch is not written.
  // 08.3 adds: a memtable whose memory_bytes() reach options_.write_buffer_bytes is flushed at
  // once, then what is due is compacted. If that fails, fail() tells the next writer, not this
  // one: this batch is in the log.
  throw std::logic_error("08.1 is not yet written");
}

inline Result<bool> Engine::get(std::string_view, Sequence, std::string&) const {
  // Invariant 2; see cursor() below. Target::of() hashes the key, once for all filters.
  // The view holds, newest first: the active memtable, the frozen ones, level 0, levels 1 to 6.
  // The first version found is the answer, tombstones included: nothing behind it is asked. Tables
  // are asked only if they cover the key (Version::overlapping says which do, in their order), and
  // are opened through view->tables. One that can not be read may hold the newest version.
  throw std::logic_error("08.2 is not yet written");
}

// Given: how a reader begins. The cursor keeps the view alive.
inline UserCursor Engine::cursor(Sequence sequence, Bounds bounds, ReadPattern pattern) const {
  const ViewPin view = view_.pin();
  if (sequence == sequence_max) sequence = visible_.load(std::memory_order_acquire);
  return UserCursor(merge_view(view, pattern), sequence, std::move(bounds));
}

// Given.
inline Snapshot Engine::snapshot() {
  return snapshots_->take(visible_);
}

inline Status Engine::sync() {
  // Refused when commits are, and a failure has the same consequence.
  throw std::logic_error("08.1 is not yet written");
}

inline Status Engine::flush() {
  // Under mutex_: refused when commits are; the memtable is flushed, then what is due is compacted.
  // A failure of either goes through fail(), and is returned.
  throw std::logic_error("08.3 is not yet written");
}

inline Status Engine::flush_memtable() {
  // An empty memtable: nothing happens. Else afterwards what it held is in a table of level 0
  // (write_memtable; it must know the living snapshots), a new memtable and a new log have taken
  // over, and the old log's file is removed. The new log's header says where the old one ended.
  // The edit names the table, the new log as the first one needed, and the last sequence that the
  // tables hold. Invariant 3 is the order. Whatever fails, nothing that was there before is
  // touched: not the log, not log_, and the new table stays where it is, too (the page says why).
  throw std::logic_error("08.3 is not yet written");
}

inline Status Engine::install(VersionEdit, std::shared_ptr<Memtable>) {
  // Makes the edit durable, then shows its result: a view with the next version, and `active` as
  // its only memtable. Edits are applied to the version that is current now. The manifest must also
  // learn which file numbers are in use (edit.next_file_number). The tables that the edit removes
  // are handed to note_obsolete(). When it fails the old view stays.
  throw std::logic_error("08.3 is not yet written");
}

// Given, as all that follows.
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

// Tables that leave the database; one that only moves to another level does not.
inline void Engine::note_obsolete(const Version& version, const VersionEdit& edit) {
  const auto is_moved = [&](const TableRef& table) {
    return std::any_of(edit.added.begin(), edit.added.end(),
                       [&](const auto& added) { return added.second.number == table->number; });
  };
  for (const auto& [level, number] : edit.removed)
    for (const TableRef& table : version.level(level))
      if (table->number == number && !is_moved(table)) obsolete_.push_back(table);
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
